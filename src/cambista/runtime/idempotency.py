"""Idempotency: the record of an answer commits with the work, and a repeat of the request gets that answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from cambista.kernel.errors import Invalid

KEPT_HOURS = 24
KEY_LENGTH_MAX = 128


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    sentence = "This Idempotency-Key was used with another request body."


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's promise that requests with this key and fingerprint are one request.

    `render` turns the use case's answer into the status and body that are stored and replayed.
    """

    caller: UUID
    endpoint: str
    key: str
    fingerprint: bytes
    render: Callable[[Any], tuple[int, bytes]]

    @property
    def identity(self) -> tuple[UUID, str, str]:
        return self.caller, self.endpoint, self.key


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored answer to an earlier, identical request; `first` is True for the request that made it."""

    status: int
    body: bytes
    first: bool = False


class _Statements(Protocol):
    async def all(self, sql: str, *args: object) -> list[Any]: ...

    async def copy(
        self, schema: str, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
    ) -> None: ...


async def find(tx: _Statements, onces: Sequence[Once]) -> dict[tuple[UUID, str, str], tuple[bytes, Replay]]:
    """The stored fingerprints and answers of those keys that have one; they are kept for 24 hours at least."""
    rows = await tx.all(
        """
        SELECT i.caller, i.endpoint, i.key, i.fingerprint, i.status, i.body
        FROM unnest($1::uuid[], $2::text[], $3::text[]) AS asked (caller, endpoint, key)
        JOIN runtime.idempotency i USING (caller, endpoint, key)
        """,
        [once.caller for once in onces],
        [once.endpoint for once in onces],
        [once.key for once in onces],
    )
    return {
        (row["caller"], row["endpoint"], row["key"]): (row["fingerprint"], Replay(row["status"], row["body"]))
        for row in rows
    }


async def remember(tx: _Statements, answers: Sequence[tuple[Once, Replay]], now: object) -> None:
    """Store answers beside the work they answer. A key stored meanwhile by another process fails the transaction."""
    await tx.copy(
        "runtime",
        "idempotency",
        ("caller", "endpoint", "key", "fingerprint", "status", "body", "created_at"),
        [
            (once.caller, once.endpoint, once.key, once.fingerprint, replay.status, replay.body, now)
            for once, replay in answers
        ],
    )


async def forget_before(tx: Any, moment: object) -> None:
    """Drop records older than `moment`."""
    await tx.execute("DELETE FROM runtime.idempotency WHERE created_at < $1", moment)
