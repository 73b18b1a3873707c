"""What the lists and the sealed rows of deposits and withdrawals have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cambista.funding.types import HistoryLine, Payments
from cambista.runtime import Reader, Runtime, Tx

PAGE = """
    WHERE ($1::uuid IS NULL OR customer_id = $1) AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR id < $3)
    ORDER BY id DESC LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a list: one customer's or everybody's, of one status or all, before an id, at most `limit`."""

    customer_id: UUID | None
    status: str | None
    before: UUID | None
    limit: int


async def unsealed(reader: Reader, runtime: Runtime, table: str, rows: Sequence[Any]) -> list[str]:
    asked = [(row["customer_id"], bound_to(table, row["id"]), row["sealed"]) for row in rows]
    return await runtime.sealing.unseal(reader, asked)


def bound_to(table: str, id: UUID) -> str:
    return f"funding.{table}.sealed:{id}"


async def find_owners(reader: Reader, ids: Sequence[UUID]) -> list[UUID]:
    """Whose those deposits and withdrawals are."""
    rows = await reader.all(
        """
        SELECT customer_id FROM funding.deposit WHERE id = ANY($1)
        UNION SELECT customer_id FROM funding.withdrawal WHERE id = ANY($1)
        """,
        ids,
    )
    return [row["customer_id"] for row in rows]


async def lock_names(tx: Tx, names: Sequence[str]) -> None:
    """Until the transaction ends, only this one works on these names (a payment's key, a customer's limits)."""
    await tx.all(
        """
        SELECT pg_advisory_xact_lock(lock) FROM (
            SELECT DISTINCT hashtextextended(name, 0) AS lock FROM unnest($1::text[]) AS name ORDER BY lock
        ) ordered
        """,
        names,
    )


async def insert_history(tx: Tx, lines: Sequence[tuple[UUID, HistoryLine]]) -> None:
    await tx.copy(
        "funding",
        "history",
        ("subject_id", "status", "actor_id", "occurred_at", "note"),
        [(id, line.status, line.actor_id, line.occurred_at, line.note) for id, line in lines],
    )


async def list_history(reader: Reader, id: UUID, limit: int) -> list[HistoryLine]:
    rows = await reader.all(
        """
        SELECT status, actor_id, occurred_at, note FROM funding.history WHERE subject_id = $1
        ORDER BY position LIMIT $2
        """,
        id,
        limit,
    )
    return [HistoryLine(row["status"], row["actor_id"], row["occurred_at"], row["note"]) for row in rows]


async def find_payments(reader: Reader, customer_ids: Sequence[UUID]) -> dict[UUID, Payments]:
    """Those customers' payments, in and out; who never had one is not there."""
    rows = await reader.all(
        """
        SELECT customer_id, bool_or(is_open) AS any_open, max(last_at) AS last_at FROM (
            SELECT customer_id, status = 'review' AS is_open, coalesce(decided_at, recorded_at) AS last_at
            FROM funding.deposit WHERE customer_id = ANY($1)
            UNION ALL
            SELECT customer_id, status = 'requested', coalesce(decided_at, requested_at)
            FROM funding.withdrawal WHERE customer_id = ANY($1)
        ) payments GROUP BY customer_id
        """,
        customer_ids,
    )
    return {row["customer_id"]: Payments(row["any_open"], row["last_at"]) for row in rows}
