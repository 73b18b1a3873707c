"""All the SQL of identity."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from cambista.identity.types.principals import AccountHolder, Customer, Principal, Status
from cambista.kernel.callers import Role
from cambista.kernel.ids import CustomerId
from cambista.runtime import Reader, Tx

_CUSTOMER = """
    SELECT c.id, c.email, c.full_name, c.country, p.status, c.created_at
    FROM identity.customer c JOIN identity.principal p USING (id)
"""
_PRINCIPAL = "SELECT id, role, name, status, created_at FROM identity.principal"
_BOOTSTRAP_LOCK = 0x4944454E54495459  # "IDENTITY"


def _customer(row: Any) -> Customer:
    return Customer(
        CustomerId(row["id"]), row["email"], row["full_name"], row["country"], Status(row["status"]), row["created_at"]
    )


def _principal(row: Any) -> Principal:
    return Principal(row["id"], Role(row["role"]), row["name"], Status(row["status"]), row["created_at"])


async def insert_customers(tx: Tx, customers: Sequence[Customer]) -> set[UUID]:
    """Insert those whose address is free; the ids that went in."""
    ordered = sorted(customers, key=lambda customer: customer.email)
    rows = await tx.all(
        """
        WITH fresh AS (
            INSERT INTO identity.customer (id, email, full_name, country, created_at)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
            ON CONFLICT (email) DO NOTHING RETURNING id, created_at
        )
        INSERT INTO identity.principal (id, role, name, created_at) SELECT id, 'customer', '', created_at FROM fresh
        RETURNING id
        """,
        [each.id for each in ordered],
        [each.email for each in ordered],
        [each.full_name for each in ordered],
        [each.country for each in ordered],
        [each.created_at for each in ordered],
    )
    return {row["id"] for row in rows}


async def insert_principals(tx: Tx, principals: Sequence[Principal]) -> None:
    await tx.execute(
        """
        INSERT INTO identity.principal (id, role, name, created_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
        """,
        [each.id for each in principals],
        [each.role.value for each in principals],
        [each.name for each in principals],
        [each.created_at for each in principals],
    )


async def find_customer(reader: Reader, id: UUID) -> Customer | None:
    row = await reader.one(f"{_CUSTOMER} WHERE c.id = $1", id)
    return _customer(row) if row else None


async def list_customers(reader: Reader, before: UUID | None, limit: int) -> list[Customer]:
    rows = await reader.all(
        f"{_CUSTOMER} WHERE $1::uuid IS NULL OR c.id < $1 ORDER BY c.id DESC LIMIT $2", before, limit
    )
    return [_customer(row) for row in rows]


async def list_principals(reader: Reader, before: UUID | None, limit: int) -> list[Principal]:
    """All but customers."""
    rows = await reader.all(
        f"{_PRINCIPAL} WHERE role <> 'customer' AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2",
        before,
        limit,
    )
    return [_principal(row) for row in rows]


async def find_holders(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, AccountHolder]:
    rows = await reader.all(
        """
        SELECT p.id, coalesce(c.full_name, p.name) AS name, p.status
        FROM identity.principal p LEFT JOIN identity.customer c USING (id)
        WHERE p.id = ANY($1) AND p.role IN ('customer', 'partner')
        """,
        ids,
    )
    return {row["id"]: AccountHolder(row["id"], row["name"], Status(row["status"])) for row in rows}


async def lock_principals(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Principal]:
    rows = await tx.all(f"{_PRINCIPAL} WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(ids)))
    return {row["id"]: _principal(row) for row in rows}


async def set_status(tx: Tx, statuses: Mapping[UUID, Status]) -> None:
    await tx.execute(
        """
        UPDATE identity.principal p SET status = asked.status
        FROM unnest($1::uuid[], $2::text[]) AS asked (id, status) WHERE p.id = asked.id
        """,
        list(statuses),
        [status.value for status in statuses.values()],
    )


async def lock_first_start(tx: Tx) -> bool:
    """Wait for the turn to set up the first admin; whether there is one already."""
    await tx.value("SELECT pg_advisory_xact_lock($1)", _BOOTSTRAP_LOCK)
    return bool(await tx.value("SELECT EXISTS (SELECT FROM identity.principal WHERE role = 'admin')"))
