"""The cellar: PostgreSQL, transactions, group commit, outbox, clock, tasks. Knows no business word."""

from cambista.runtime.clock import Clock, SystemClock
from cambista.runtime.database import Database, DatabaseAway, OwnReader, Reader, Tx
from cambista.runtime.group_commit import GroupCommit, HouseBusy
from cambista.runtime.idempotency import IdempotencyKeyReused, Once, Replay
from cambista.runtime.journal import Action, state_digest
from cambista.runtime.outbox import OutboxForeign, Relay, Subscription, on
from cambista.runtime.runtime import Runtime
from cambista.runtime.sealing import SHREDDED, KeysUnavailable, Sealing
from cambista.runtime.tasks import Tasks

__all__ = [
    "SHREDDED",
    "Action",
    "Clock",
    "Database",
    "DatabaseAway",
    "GroupCommit",
    "HouseBusy",
    "IdempotencyKeyReused",
    "KeysUnavailable",
    "Once",
    "OutboxForeign",
    "OwnReader",
    "Reader",
    "Relay",
    "Replay",
    "Runtime",
    "Sealing",
    "Subscription",
    "SystemClock",
    "Tasks",
    "Tx",
    "on",
    "state_digest",
]
