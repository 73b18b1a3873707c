"""The door of sagas: rooms start them, a runner moves them, people see the stuck ones and decide."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.runtime.database import Tx
from cambista.runtime.idempotency import Once, Replay
from cambista.runtime.journal import Action, state_digest
from cambista.runtime.runtime import Runtime
from cambista.runtime.sagas import moves, rules, store
from cambista.runtime.sagas.errors import SagaUnknown
from cambista.runtime.sagas.outside_steps import Errands, OutsideSteps
from cambista.runtime.sagas.own_steps import BATCH_MAX, OwnSteps
from cambista.runtime.sagas.types import Elsewhere, Json, Program, Saga, SagaStatus, SagaStep

READERS = (Role.ADMIN, Role.TREASURER, Role.AUDITOR)
HANDS = (Role.ADMIN, Role.TREASURER)
READ_SCOPE, WRITE_SCOPE = "sagas:read", "sagas:write"
PAGE_MAX = 200
KEPT_DAYS = 90
SWEEP_BATCH = 1000


@dataclass(frozen=True, slots=True)
class SagaSettings:
    """`errands_max` calls outside at a time; `poll_s` is how late a saga may be noticed that nobody woke us for."""

    errands_max: int = 64
    poll_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word about one saga."""

    caller: Caller
    saga_id: UUID


class Sagas:
    """One a process. Rooms `register` their programs before `run`; any number of processes may run on one database."""

    def __init__(self, runtime: Runtime, settings: SagaSettings | None = None) -> None:
        self._runtime, self._settings = runtime, settings or SagaSettings()
        self._programs: dict[str, Program] = {}
        self._own = OwnSteps(runtime.db, runtime.rng, self._programs)
        self._outside = OutsideSteps(runtime.db, runtime.writer, runtime.clock, runtime.rng)
        self._outside.programs = self._programs
        self._wake = asyncio.Event()

    def register(self, program: Program) -> None:
        """Make a kind known. Sagas of kinds this process does not know are left to others."""
        assert program.kind not in self._programs, f"{program.kind} is registered"
        self._programs[program.kind] = program

    async def start(self, tx: Tx, kind: str, id: UUID, payload: Mapping[str, Json]) -> bool:
        """Start a saga with the caller's transaction; False when that id has been started before, which stays so."""
        return await self.start_many(tx, kind, [(id, payload)]) == 1

    async def start_many(self, tx: Tx, kind: str, sagas: Sequence[tuple[UUID, Mapping[str, Json]]]) -> int:
        """As `start`, for a batch of one kind; how many were new."""
        first = self._programs[kind].steps[0]
        now, outside = tx.now, isinstance(first.act, Elsewhere)
        return await store.insert_sagas(
            tx,
            [
                Saga(
                    id, kind, payload, SagaStatus.RUNNING, first.name, undoing=False, outside=outside, sent_at=None,
                    giving_up=False, attempts=0, reason="", due_at=now, fence=0, step_since=now, started_at=now,
                    ended_at=None,
                )
                for id, payload in sagas
            ],
        )  # fmt: skip

    def wake(self) -> None:
        """Look now for what is due, as after a commit that started some."""
        self._wake.set()

    async def advance(self, limit: int = BATCH_MAX) -> int:
        """One turn: move on what is due, wait for its calls; how many sagas were moved. For tests and simulations."""
        moved = await self._own.turn(limit)
        errands = await self._outside.take(min(limit, self._settings.errands_max))
        for errand in errands:
            await self._outside.run(errand)
        return moved + len(errands)

    async def run(self) -> None:
        """Move sagas for as long as the house runs."""
        errands = Errands(self._outside, self._settings.errands_max)
        try:
            while True:
                self._wake.clear()
                moved = await self._own.turn()
                moved += await errands.start_due()
                if not moved:
                    await self._pause()
        finally:
            await errands.stop()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), self._settings.poll_s)
        except TimeoutError:
            return

    async def retry(
        self, caller: Caller, ids: Sequence[UUID], onces: Sequence[Once | None] = ()
    ) -> list[Saga | Refusal | Replay]:
        """Let stuck sagas try again (admin, treasurer); refuses `saga_not_found`, `saga_not_stuck`."""
        caller.require(WRITE_SCOPE, *HANDS)
        return await self._decided(self._retry, caller, ids, onces)

    async def compensate(
        self, caller: Caller, ids: Sequence[UUID], onces: Sequence[Once | None] = ()
    ) -> list[Saga | Refusal | Replay]:
        """Take sagas back (admin, treasurer), where a call may be out as soon as its outcome is known.

        Refuses `saga_not_found`, `saga_past_return`.
        """
        caller.require(WRITE_SCOPE, *HANDS)
        return await self._decided(self._compensate, caller, ids, onces)

    async def _decided(
        self, use_case: Callable[..., object], caller: Caller, ids: Sequence[UUID], onces: Sequence[Once | None]
    ) -> list[Saga | Refusal | Replay]:
        return await self._runtime.writer.submit(use_case, [Decision(caller, id) for id in ids], onces)  # type: ignore[arg-type]

    async def _retry(self, tx: Tx, decisions: Sequence[Decision]) -> list[Saga | Refusal]:
        return await self._decide(tx, decisions, "saga.retry", lambda saga: rules.retried(saga, tx.now))

    async def _compensate(self, tx: Tx, decisions: Sequence[Decision]) -> list[Saga | Refusal]:
        def given_up(saga: Saga) -> Saga | Refusal:
            program = self._programs.get(saga.kind)
            return SagaUnknown() if program is None else rules.given_up(saga, program, tx.now)

        return await self._decide(tx, decisions, "saga.compensate", given_up)

    async def _decide(
        self, tx: Tx, decisions: Sequence[Decision], name: str, decide: Callable[[Saga], Saga | Refusal]
    ) -> list[Saga | Refusal]:
        found = await store.lock_sagas(tx, [each.saga_id for each in decisions])
        verdicts: list[Saga | Refusal] = []
        for each in decisions:
            before = found.get(each.saga_id)
            verdict = SagaUnknown(id=str(each.saga_id)) if before is None else decide(before)
            if isinstance(verdict, Saga):
                found[each.saga_id] = verdict
            verdicts.append(verdict)
            tx.record(_action(each, name, before, verdict))
        await moves.write(tx, list({each.id: each for each in verdicts if isinstance(each, Saga)}.values()))
        self._wake.set()
        return verdicts

    async def find(self, caller: Caller, id: UUID) -> tuple[Saga, list[SagaStep]]:
        """A saga and what came of its steps (admin, treasurer, auditor); refuses `saga_not_found`."""
        caller.require(READ_SCOPE, *READERS)
        async with self._runtime.db.snapshot() as reader:
            saga = await store.find_saga(reader, id)
            if saga is None:
                raise SagaUnknown(id=str(id))
            return saga, await store.list_steps(reader, id)

    async def list_sagas(
        self, caller: Caller, *, status: SagaStatus | None = None, kind: str | None = None, limit: int = 50,
        before: UUID | None = None,
    ) -> tuple[list[Saga], UUID | None]:  # fmt: skip
        """Sagas, newest ids first, and where the next page begins."""
        caller.require(READ_SCOPE, *READERS)
        shown = max(1, min(limit, PAGE_MAX))
        async with self._runtime.db.read() as reader:
            rows = await store.list_sagas(reader, store.Asked(status, kind, before, shown + 1))
        return rows[:shown], rows[shown - 1].id if len(rows) > shown else None

    async def count_open(self) -> Mapping[str, int]:
        """How many sagas run, are being taken back and are stuck, for metrics and the console."""
        async with self._runtime.db.read() as reader:
            return await store.count_open(reader)

    async def sweep(self) -> int:
        """Forget what ended more than 90 days ago; how many."""
        swept = 0
        delete = partial(store.delete_ended, limit=SWEEP_BATCH)
        while True:
            async with self._runtime.db.transaction() as tx:
                gone = await delete(tx, tx.now - timedelta(days=KEPT_DAYS))
            swept += gone
            if gone < SWEEP_BATCH:
                return swept


def _action(decision: Decision, name: str, before: Saga | None, verdict: Saga | Refusal) -> Action:
    outcome = verdict.code if isinstance(verdict, Refusal) else "done"
    facts = {} if before is None else {"kind": before.kind, "step": before.step}
    after = _digest(verdict) if isinstance(verdict, Saga) else None
    known = None if before is None or after is None else _digest(before)
    return Action(decision.caller, name, f"saga:{decision.saga_id}", outcome, facts, known, after)


def _digest(saga: Saga) -> str:
    state = {
        "id": str(saga.id), "status": saga.status.value, "step": saga.step, "undoing": saga.undoing,
        "giving_up": saga.giving_up, "attempts": saga.attempts,
    }  # fmt: skip
    return state_digest(state)
