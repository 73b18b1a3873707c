"""Steps outside: the intent committed first, then the call, then its result; what is not known is asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

import structlog

from cambista.kernel.errors import Refusal, Unavailable
from cambista.runtime.clock import Clock
from cambista.runtime.database import Database, Tx
from cambista.runtime.group_commit import GroupCommit
from cambista.runtime.resilience.deadlines import DeadlinePassed, NotSent, within
from cambista.runtime.sagas import moves, rules, store
from cambista.runtime.sagas.own_steps import sorted_out
from cambista.runtime.sagas.types import Context, Elsewhere, Outcome, Program, Retry, Saga, Unknown

# A lease outlives the call by this much, so that whoever takes over meets nobody still at it.
LEASE_SPARE_S = 10.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Errand:
    """A call to make, or a question to ask, under the lease of `saga.fence`."""

    saga: Saga
    deed: Elsewhere
    context: Context
    asks: bool


class OutsideSteps:
    """Leases what is due (a fence each), makes the calls, and commits their results by the group's next transaction.

    A result that comes after the lease went to somebody else is dropped: that one has asked, or will.
    """

    def __init__(self, db: Database, writer: GroupCommit, clock: Clock, rng: Random) -> None:
        self._db, self._writer, self._clock, self._rng = db, writer, clock, rng
        self.programs: Mapping[str, Program] = {}

    async def take(self, limit: int) -> list[Errand]:
        """Lease up to `limit` errands; when this returns their intents are on disk."""
        async with self._db.transaction() as tx:
            due = await store.lock_due(tx, list(self.programs), outside=True, limit=limit)
            known, lost = sorted_out(self.programs, due)
            await moves.write(tx, [rules.lost(saga) for saga in lost])
            given = await moves.contexts(tx, known)
            errands = [self._leased(saga, given[saga.id], tx) for saga in known]
            await store.set_sagas(tx, [errand.saga for errand in errands])
            await store.put_steps(tx, [store.Result(each.saga, "sent") for each in errands if not each.asks])
        return errands

    def _leased(self, saga: Saga, context: Context, tx: Tx) -> Errand:
        deed = rules.action(saga, self.programs[saga.kind])
        assert isinstance(deed, Elsewhere)
        leased = replace(
            saga,
            fence=saga.fence + 1,
            due_at=tx.now + timedelta(seconds=deed.timeout_s + LEASE_SPARE_S),
            sent_at=saga.sent_at or tx.now,
        )
        return Errand(leased, deed, context, asks=saga.sent_at is not None)

    async def run(self, errand: Errand) -> None:
        """Make the call and commit what came of it. Where the database is away, the lease runs out and it is asked."""
        if self._clock.now() >= errand.saga.due_at:
            return  # we have slept through our lease, and somebody else may be at it
        outcome = await self._outcome(errand)
        try:
            await self._writer.submit(self._settle, [(errand, outcome)])
        except Unavailable:
            raise
        except Exception as error:
            # What came cannot be stored, as a value too long: as good as no answer, and not for ever.
            unknown = Unknown(reason=type(error).__name__)
            await self._writer.submit(self._settle, [(errand, unknown)])

    async def _outcome(self, errand: Errand) -> Outcome:
        ask_or_call = errand.deed.ask if errand.asks else errand.deed.call
        try:
            return await within(self._clock, errand.deed.timeout_s, ask_or_call(errand.context))
        except NotSent as refusal:
            # A question not asked leaves the answer unknown; a request not sent has done nothing.
            return Unknown(reason=refusal.code) if errand.asks else Retry(reason=refusal.code)
        except DeadlinePassed:
            return Unknown(reason="timed_out")
        except Exception as error:
            _log.warning("saga_step_failed", saga=str(errand.saga.id), step=errand.saga.step, error=repr(error))
            return Unknown(reason=error.code if isinstance(error, Refusal) else type(error).__name__)

    async def _settle(self, tx: Tx, results: Sequence[tuple[Errand, Outcome]]) -> Sequence[Refusal | None]:
        found = await store.lock_sagas(tx, [errand.saga.id for errand, _ in results])
        made = [
            # The fence goes up, so that a transaction run again cannot settle the next step with this one's result.
            moves.Move(replace(now, fence=now.fence + 1), outcome, asked=errand.asks)
            for errand, outcome in results
            for now in (found.get(errand.saga.id),)
            if now is not None and now.fence == errand.saga.fence and rules.is_open(now)
        ]
        await moves.make(tx, self.programs, made, self._rng)
        return [None] * len(results)


class Errands:
    """A bounded number of errands under way at a time, owned by whoever runs them."""

    def __init__(self, steps: OutsideSteps, most: int) -> None:
        self._steps, self._most = steps, most
        self._running: set[asyncio.Task[None]] = set()

    async def start_due(self) -> int:
        """Begin what is due as far as there is room; how many."""
        errands = await self._steps.take(self._most - len(self._running)) if len(self._running) < self._most else []
        for errand in errands:
            task = asyncio.create_task(self._guarded(errand), name=f"saga-{errand.saga.id}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(errands)

    async def _guarded(self, errand: Errand) -> None:
        try:
            await self._steps.run(errand)
        except Exception as error:
            _log.warning("saga_not_settled", saga=str(errand.saga.id), error=repr(error))

    async def stop(self) -> None:
        """Cut what is under way; whoever comes next asks what became of it."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
