"""Delivers each committed event to each listener, in order, with effect exactly once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from cambista.kernel.errors import Unavailable
from cambista.kernel.events import Event
from cambista.runtime.clock import Clock
from cambista.runtime.database import Database, Tx

E = TypeVar("E", bound=Event)
BATCH_MAX = 500
FAILURES_MAX = 5
POLL_S = 1.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Subscription:
    event: type[Event]
    handler: Callable[[Tx, Sequence[Any]], Awaitable[None]]


def on(event: type[E], handler: Callable[[Tx, Sequence[E]], Awaitable[None]]) -> Subscription:
    """Call `handler` with the next events of that kind, in the transaction that moves the listener's cursor."""
    return Subscription(event, handler)


class OutboxForeign(Unavailable):
    code = "outbox_foreign"
    sentence = (
        "The outbox comes from another PostgreSQL server, whose transactions are numbered higher than this one's:"
        " its events would never be delivered. See docs/operations.md, restoring."
    )


class Relay:
    """One loop a listener. A handler that fails is tried again; after 5 failures its event goes to the dead letters."""

    def __init__(self, db: Database, clock: Clock, listeners: dict[str, Sequence[Subscription]]) -> None:
        self._db = db
        self._clock = clock
        self._listeners = listeners
        self._wake = {name: asyncio.Event() for name in listeners}
        db.on_commit(lambda events: self.wake())

    @property
    def listeners(self) -> Sequence[str]:
        return list(self._listeners)

    async def check_order(self) -> None:
        """Refuse (`outbox_foreign`) where a restored outbox is ahead of this server's transaction numbers."""
        async with self._db.read() as reader:
            if await reader.value("SELECT max(xid) >= pg_snapshot_xmax(pg_current_snapshot()) FROM runtime.outbox"):
                raise OutboxForeign

    def wake(self) -> None:
        for event in self._wake.values():
            event.set()

    async def run(self, listener: str) -> None:
        """Deliver to `listener` for as long as the house runs."""
        wake = self._wake[listener]
        while True:
            wake.clear()
            if await self.deliver(listener):
                continue
            try:
                await asyncio.wait_for(wake.wait(), POLL_S)
            except TimeoutError:
                continue

    async def deliver(self, listener: str) -> int:
        """Handle the listener's next events; how many it has moved past."""
        try:
            return await self._deliver(listener, BATCH_MAX)
        except Exception as error:
            _log.warning("delivery_failed", listener=listener, error=repr(error))
            return await self._deliver_one(listener, error)

    async def _deliver(self, listener: str, limit: int) -> int:
        async with self._db.transaction() as tx:
            rows = await _next_rows(tx, listener, self._wanted(listener), limit)
            await self._handle(tx, listener, rows)
            await _advance(tx, listener, rows)
            return len(rows)

    async def _deliver_one(self, listener: str, last_error: Exception) -> int:
        """After a failed batch: the next event alone, so that only a poisonous one is set aside."""
        try:
            return await self._deliver(listener, 1)
        except Exception as error:
            last_error = error
        async with self._db.transaction() as tx:
            rows = await _next_rows(tx, listener, self._wanted(listener), 1)
            if rows and await _count_failure(tx, listener) >= FAILURES_MAX:
                await _bury(tx, listener, rows[0]["id"], self._clock.now(), repr(last_error))
                await _advance(tx, listener, rows)
                _log.error("event_set_aside", listener=listener, event_id=str(rows[0]["id"]), error=repr(last_error))
                return 1
        await self._clock.sleep(POLL_S)
        return 0

    def _wanted(self, listener: str) -> list[str]:
        return [subscription.event.NAME for subscription in self._listeners[listener]]

    async def _handle(self, tx: Tx, listener: str, rows: Sequence[Any]) -> None:
        for subscription in self._listeners[listener]:
            name, decode = subscription.event.NAME, subscription.event
            events = [msgspec.json.decode(row["data"], type=decode) for row in rows if row["name"] == name]
            if events:
                await subscription.handler(tx, events)


async def _next_rows(tx: Tx, listener: str, wanted: Sequence[str], limit: int) -> list[Any]:
    cursor = await _lock_cursor(tx, listener)
    # Rows that may still get company behind them are not read yet: a plain position cursor would skip late commits.
    return await tx.all(
        """
        SELECT o.xid::text, o.position, o.id, o.name, CASE WHEN o.name = ANY($4) THEN o.data::text END AS data
        FROM runtime.outbox o
        WHERE (o.xid, o.position) > ($1::text::xid8, $2) AND o.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY o.xid, o.position LIMIT $3
        """,
        cursor["xid"],
        cursor["position"],
        limit,
        wanted,
    )


async def _lock_cursor(tx: Tx, listener: str) -> Any:
    lock = "SELECT xid::text, position FROM runtime.listener WHERE name = $1 FOR UPDATE"
    cursor = await tx.one(lock, listener)
    if cursor is None:
        await tx.execute("INSERT INTO runtime.listener (name) VALUES ($1) ON CONFLICT DO NOTHING", listener)
        cursor = await tx.one(lock, listener)
    return cursor


async def _advance(tx: Tx, listener: str, rows: Sequence[Any]) -> None:
    if rows:
        await tx.execute(
            "UPDATE runtime.listener SET xid = $2::text::xid8, position = $3, failures = 0 WHERE name = $1",
            listener,
            rows[-1]["xid"],
            rows[-1]["position"],
        )


async def _count_failure(tx: Tx, listener: str) -> int:
    return int(
        await tx.value(
            "UPDATE runtime.listener SET failures = failures + 1 WHERE name = $1 RETURNING failures", listener
        )
    )


async def _bury(tx: Tx, listener: str, event_id: UUID, now: datetime, error: str) -> None:
    await tx.execute(
        "INSERT INTO runtime.dead_letter (listener, event_id, failed_at, error) VALUES ($1, $2, $3, $4)",
        listener,
        event_id,
        now,
        error[:2000],
    )
