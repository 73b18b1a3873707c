"""Writes a transaction's events and journal rows: one COPY a table, just before the commit."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from cambista.kernel.events import Event
from cambista.kernel.ids import uuid7s
from cambista.runtime.clock import Clock
from cambista.runtime.journal import Action

_OUTBOX = ("id", "name", "version", "occurred_at", "branch", "subject", "trace_id", "data")
_JOURNAL = (
    "id", "occurred_at", "branch", "actor_id", "actor_role", "key_id", "address", "trace_id",
    "name", "subject", "outcome", "facts", "credential", "client_id", "agent", "before", "after",
)  # fmt: skip


class _Copies(Protocol):
    events: list[tuple[Event, str]]
    actions: list[Action]

    async def copy(
        self, schema: str, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
    ) -> None: ...


class RowWriter:
    """Turns what a transaction gathered into rows of `runtime.outbox` and `runtime.journal`."""

    def __init__(self, clock: Clock, rng: random.Random, branch: str) -> None:
        self._clock, self._rng, self._branch = clock, rng, branch
        self._encode = msgspec.json.Encoder().encode

    async def write(self, tx: _Copies) -> list[UUID]:
        """Write the rows; gives the ids of the journal's."""
        now, branch, encode = self._clock.now(), self._branch, self._encode
        drawn = uuid7s(now, self._rng, len(tx.events) + len(tx.actions))
        ids = iter(drawn)
        await tx.copy(
            "runtime", "outbox", _OUTBOX,
            [
                (next(ids), event.NAME, event.VERSION, now, branch, event.subject, trace, encode(event).decode())
                for event, trace in tx.events
            ],
        )  # fmt: skip
        rows = [self._journal_row(next(ids), now, each) for each in tx.actions]
        await tx.copy("runtime", "journal", _JOURNAL, rows)
        return drawn[len(tx.events) :]

    def _journal_row(self, id: UUID, now: datetime, action: Action) -> tuple[object, ...]:
        caller, facts = action.caller, action.facts
        return (
            id, now, self._branch, caller.id, caller.role, caller.key_id, caller.address, caller.trace_id, action.name,
            action.subject, action.outcome, self._encode(facts).decode() if facts else "{}", caller.credential,
            caller.client_id, caller.agent, action.before, action.after,
        )  # fmt: skip
