"""Group commit: requests that wait while a transaction commits share the next one, so one fsync serves hundreds."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog

from cambista.kernel.errors import Refusal, Unavailable
from cambista.runtime import idempotency
from cambista.runtime.database import Database, Tx
from cambista.runtime.idempotency import IdempotencyKeyReused, Once, Replay
from cambista.runtime.sealing import KeysUnavailable, Sealing
from cambista.runtime.sealing.envelope import ANSWERS_SUBJECT

Request = TypeVar("Request")
Answer = TypeVar("Answer")
UseCase = Callable[[Tx, Sequence[Request]], Awaitable[Sequence[Answer | Refusal]]]

BATCH_MAX = 512
WAITING_MAX = 8192
_log = structlog.get_logger(__name__)


class HouseBusy(Unavailable):
    code = "house_busy"
    sentence = "Too many requests are waiting; try again shortly."


class _Ticket:
    __slots__ = ("answer", "future", "once", "request", "use_case")

    def __init__(self, use_case: Any, request: Any, once: Once | None, future: "asyncio.Future[Any]") -> None:
        self.use_case, self.request, self.once, self.future = use_case, request, once, future
        self.answer: Any = None


class GroupCommit:
    """One writer: takes whatever waits (no timer), runs each use case's requests as one batch, all in one transaction.

    Every request gets its own answer or Refusal, after the commit. If the transaction itself fails, its requests are
    tried again one by one, so that one poisonous request harms nobody else. A request with a `Once` is done once:
    a repeat gets a `Replay`, the same key with another body `IdempotencyKeyReused`.
    """

    def __init__(
        self,
        db: Database,
        sealing: Sealing | None = None,
        *,
        batch_max: int = BATCH_MAX,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._db = db
        self._sealing = sealing
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._waiting: deque[_Ticket] = deque()
        self._worker: asyncio.Task[None] | None = None
        self.batches = 0
        self.requests = 0

    async def submit(
        self, use_case: UseCase[Request, Answer], requests: Sequence[Request], onces: Sequence[Once | None] = ()
    ) -> list[Answer | Refusal | Replay]:
        """Decide `requests` in the next shared transaction; one answer each, in order, after its commit."""
        if self._sealing is not None and any(once.personal for once in onces if once is not None):
            await self._sealing.ready(self._db, [ANSWERS_SUBJECT])
        if len(self._waiting) + len(requests) > self._waiting_max:
            raise HouseBusy
        loop = asyncio.get_running_loop()
        keys = onces or [None] * len(requests)
        tickets = [
            _Ticket(use_case, request, once, loop.create_future()) for request, once in zip(requests, keys, strict=True)
        ]
        self._waiting.extend(tickets)
        if self._worker is None:
            self._worker = asyncio.create_task(self._drain(), name="group-commit")
        return [await ticket.future for ticket in tickets]

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._batch_max, len(self._waiting)))]
                await self._commit(batch)
        finally:
            self._worker = None

    async def _commit(self, batch: list[_Ticket], *, again: bool = True) -> None:
        self.batches += 1
        self.requests += len(batch)
        try:
            await self._run(batch)
        except asyncio.CancelledError:
            _refuse(batch, HouseBusy("The house is stopping."))
            raise
        except KeysUnavailable as refusal:
            # It concerns those who need these keys, and not their neighbours.
            await self._recover(batch, refusal, again=again)
        except Unavailable as refusal:
            _refuse(batch, refusal)
        except Exception as error:
            await self._recover(batch, error, again=again)
        else:
            for ticket in batch:
                if not ticket.future.done():
                    ticket.future.set_result(ticket.answer)

    async def _recover(self, batch: list[_Ticket], error: Exception, *, again: bool) -> None:
        """Try each request alone, once: the failure may be a neighbour's, or a race with another process, now over."""
        if not again:
            _refuse(batch, error)
            return
        _log.warning("batch_failed", requests=len(batch), error=repr(error))
        for ticket in batch:
            await self._commit([ticket], again=False)

    async def _run(self, batch: list[_Ticket]) -> None:
        async with self._db.transaction() as tx:
            repeats = await _repeats(tx, batch, self._sealing)
            fresh = [ticket for ticket in batch if ticket not in repeats] if repeats else batch
            by_use_case: dict[Any, list[_Ticket]] = {}
            for ticket in fresh:
                by_use_case.setdefault(ticket.use_case, []).append(ticket)
            for use_case, tickets in by_use_case.items():
                answers = await use_case(tx, [ticket.request for ticket in tickets])
                assert len(answers) == len(tickets), "a use case answers each request once"
                for ticket, answer in zip(tickets, answers, strict=True):
                    ticket.answer = answer
            await _look_again(tx, [ticket for ticket in fresh if isinstance(ticket.answer, Refusal)], self._sealing)
            await _remember(tx, fresh, self._sealing)
        for ticket, first in repeats.items():
            if first is not None:
                ticket.answer = _repeated(first.answer)

    async def stop(self) -> None:
        """Finish what waits."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)


async def _repeats(tx: Tx, batch: list[_Ticket], sealing: Sealing | None) -> dict[_Ticket, _Ticket | None]:
    """Tickets that need no work: answered before, or the same as an earlier one of this batch (the value)."""
    keyed = [ticket for ticket in batch if ticket.once is not None]
    if not keyed:
        return {}
    stored = await idempotency.find(tx, [ticket.once for ticket in keyed if ticket.once is not None], sealing)
    seen: dict[Any, _Ticket] = {}
    repeats: dict[_Ticket, _Ticket | None] = {}
    for ticket in keyed:
        assert ticket.once is not None
        identity, fingerprint = ticket.once.identity, ticket.once.fingerprint
        if identity in stored:
            ticket.answer = _stored_answer(ticket.once, stored[identity])
            repeats[ticket] = None
        elif identity in seen:
            first = seen[identity]
            assert first.once is not None
            same = first.once.fingerprint == fingerprint
            repeats[ticket] = first if same else None
            ticket.answer = None if same else IdempotencyKeyReused(key=ticket.once.key)
        else:
            seen[identity] = ticket
    return repeats


async def _look_again(tx: Tx, refused: list[_Ticket], sealing: Sealing | None) -> None:
    """A refusal may be the echo of this very request, done meanwhile by another process: then its answer counts."""
    keyed = [ticket for ticket in refused if ticket.once is not None]
    if not keyed:
        return
    stored = await idempotency.find(tx, [ticket.once for ticket in keyed if ticket.once is not None], sealing)
    for ticket in keyed:
        assert ticket.once is not None
        if ticket.once.identity in stored:
            ticket.answer = _stored_answer(ticket.once, stored[ticket.once.identity])


def _stored_answer(once: Once, stored: tuple[bytes, Replay]) -> Replay | Refusal:
    fingerprint, replay = stored
    return replay if fingerprint == once.fingerprint else IdempotencyKeyReused(key=once.key)


async def _remember(tx: Tx, fresh: list[_Ticket], sealing: Sealing | None) -> None:
    """Render and store the answers that moved something; a refusal is not remembered."""
    kept: list[tuple[Once, Replay]] = []
    for ticket in fresh:
        if ticket.once is not None and not isinstance(ticket.answer, Refusal):
            status, body = ticket.once.render(ticket.answer)
            ticket.answer = Replay(status, body, first=True)
            kept.append((ticket.once, ticket.answer))
    await idempotency.remember(tx, kept, tx.now, sealing)


def _repeated(answer: Any) -> Any:
    """What a twin in the same batch gets: the first one's stored answer, said to be a repeat."""
    return Replay(answer.status, answer.body) if isinstance(answer, Replay) else answer


def _refuse(batch: list[_Ticket], error: Exception) -> None:
    for ticket in batch:
        if ticket.future.done():
            continue
        if isinstance(error, Refusal):
            ticket.future.set_result(error)
        else:
            ticket.future.set_exception(error)
