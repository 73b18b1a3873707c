"""Writes a transaction's events and journal rows: one COPY a table, just before the commit."""

import random
from collections.abc import Sequence
from typing import Protocol

import msgspec

from cambista.kernel.events import Event
from cambista.kernel.ids import uuid7s
from cambista.runtime.clock import Clock
from cambista.runtime.journal import Action

_OUTBOX = ("id", "name", "version", "occurred_at", "branch", "subject", "trace_id", "data")
_JOURNAL = (
    "id", "occurred_at", "branch", "actor_id", "actor_role", "key_id", "address", "trace_id",
    "name", "subject", "outcome", "facts",
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

    async def write(self, tx: _Copies) -> None:
        now, branch, encode = self._clock.now(), self._branch, self._encode
        ids = iter(uuid7s(now, self._rng, len(tx.events) + len(tx.actions)))
        await tx.copy(
            "runtime", "outbox", _OUTBOX,
            [
                (next(ids), event.NAME, event.VERSION, now, branch, event.subject, trace, encode(event).decode())
                for event, trace in tx.events
            ],
        )  # fmt: skip
        await tx.copy(
            "runtime", "journal", _JOURNAL,
            [
                (
                    next(ids), now, branch, action.caller.id, str(action.caller.role), action.caller.key_id,
                    action.caller.address, action.caller.trace_id, action.name, action.subject, action.outcome,
                    encode(action.facts).decode(),
                )
                for action in tx.actions
            ],
        )  # fmt: skip
