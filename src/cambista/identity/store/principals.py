"""The SQL of principals and customers. A customer's name and address lie sealed under its own data key."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from cambista.identity.types.principals import AccountHolder, Customer, Principal, Status
from cambista.kernel.callers import Role
from cambista.kernel.ids import CustomerId
from cambista.runtime import SHREDDED, Reader, Runtime, Tx

_CUSTOMER = "SELECT c.id, c.sealed, c.country, p.status, c.created_at"
_PRINCIPAL = "SELECT id, role, name, status, created_at FROM identity.principal"
EMAIL_INDEX = "identity.customer.email"
_BOOTSTRAP_LOCK = 0x4944454E54495459  # "IDENTITY"


def _customers_in(reader: Reader) -> str:
    customer, principal = reader.table("identity.customer"), reader.table("identity.principal")
    return f"{_CUSTOMER} FROM {customer} c JOIN {principal} p USING (id)"


async def _customers(reader: Reader, runtime: Runtime, rows: Sequence[Any]) -> list[Customer]:
    return [
        Customer(CustomerId(row["id"]), email, name, row["country"], Status(row["status"]), row["created_at"])
        for row, (email, name) in zip(rows, await _unsealed(reader, runtime, rows), strict=True)
    ]


async def _unsealed(reader: Reader, runtime: Runtime, rows: Sequence[Any]) -> list[tuple[str, str]]:
    """Address and name of each row; of a forgotten customer both are `SHREDDED`."""
    asked = [(row["id"], _bound_to(row["id"]), row["sealed"]) for row in rows]
    texts = await runtime.sealing.unseal(reader, asked)
    return [(SHREDDED, SHREDDED) if text == SHREDDED else tuple(json.loads(text)) for text in texts]


async def _sealed(tx: Tx, runtime: Runtime, people: Sequence[tuple[UUID, str, str]]) -> list[bytes]:
    items = [(id, _bound_to(id), json.dumps([email, name], ensure_ascii=False)) for id, email, name in people]
    return await runtime.sealing.seal(tx, items)


def _bound_to(id: UUID) -> str:
    return f"identity.customer.sealed:{id}"


def _principal(row: Any) -> Principal:
    return Principal(row["id"], Role(row["role"]), row["name"], Status(row["status"]), row["created_at"])


async def insert_customers(tx: Tx, runtime: Runtime, customers: Sequence[Customer]) -> set[UUID]:
    """Insert those whose address is free; the ids that went in."""
    if not customers:
        return set()
    blinds = {each.id: runtime.sealing.blind(EMAIL_INDEX, each.email) for each in customers}
    ordered = sorted(customers, key=lambda customer: blinds[customer.id])
    sealed = await _sealed(tx, runtime, [(each.id, each.email, each.full_name) for each in ordered])
    rows = await tx.all(
        """
        WITH fresh AS (
            INSERT INTO identity.customer (id, sealed, email_blind, country, created_at)
            SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::timestamptz[])
            ON CONFLICT (email_blind) DO NOTHING RETURNING id, created_at
        )
        INSERT INTO identity.principal (id, role, name, created_at) SELECT id, 'customer', '', created_at FROM fresh
        RETURNING id
        """,
        [each.id for each in ordered],
        sealed,
        [blinds[each.id] for each in ordered],
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


async def find_customer(reader: Reader, runtime: Runtime, id: UUID) -> Customer | None:
    rows = await reader.all(f"{_customers_in(reader)} WHERE c.id = $1", id)
    return next(iter(await _customers(reader, runtime, rows)), None)


async def find_customer_email(reader: Reader, runtime: Runtime, id: UUID) -> str | None:
    """The customer's address; None for who is none, or is forgotten."""
    customer = await find_customer(reader, runtime, id)
    return None if customer is None or customer.email == SHREDDED else customer.email


async def find_customers_by_email(reader: Reader, runtime: Runtime, emails: Sequence[str]) -> dict[str, UUID]:
    """Those of the addresses that are customers', with whose they are."""
    blinds = {runtime.sealing.blind(EMAIL_INDEX, email): email for email in emails}
    rows = await reader.all("SELECT id, email_blind FROM identity.customer WHERE email_blind = ANY($1)", list(blinds))
    return {blinds[row["email_blind"]]: row["id"] for row in rows}


async def find_principals(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, Principal]:
    rows = await reader.all(f"{_PRINCIPAL} WHERE id = ANY($1)", ids)
    return {row["id"]: _principal(row) for row in rows}


async def list_customers(reader: Reader, runtime: Runtime, before: UUID | None, limit: int) -> list[Customer]:
    rows = await reader.all(
        f"{_customers_in(reader)} WHERE $1::uuid IS NULL OR c.id < $1 ORDER BY c.id DESC LIMIT $2", before, limit
    )
    return await _customers(reader, runtime, rows)


async def list_principals(reader: Reader, before: UUID | None, limit: int) -> list[Principal]:
    """All but customers."""
    rows = await reader.all(
        f"{_PRINCIPAL} WHERE role <> 'customer' AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2",
        before,
        limit,
    )
    return [_principal(row) for row in rows]


async def find_holders(reader: Reader, runtime: Runtime, ids: Sequence[UUID]) -> dict[UUID, AccountHolder]:
    rows = await reader.all(
        """
        SELECT p.id, p.name, c.sealed, p.status
        FROM identity.principal p LEFT JOIN identity.customer c USING (id)
        WHERE p.id = ANY($1) AND p.role IN ('customer', 'partner')
        """,
        ids,
    )
    customers = [row for row in rows if row["sealed"] is not None]
    names = dict(zip((row["id"] for row in customers), await _unsealed(reader, runtime, customers), strict=True))
    return {
        row["id"]: AccountHolder(
            row["id"], names[row["id"]][1] if row["id"] in names else row["name"], Status(row["status"])
        )
        for row in rows
    }


async def seal_clear(tx: Tx, runtime: Runtime, limit: int) -> int:
    """Seal customers of the time before sealing; how many, 0 when none is left."""
    rows = await tx.all(
        "SELECT id, email, full_name FROM identity.customer WHERE sealed IS NULL ORDER BY id LIMIT $1", limit
    )
    sealed = await _sealed(tx, runtime, [(row["id"], row["email"], row["full_name"]) for row in rows])
    await tx.execute(
        "SELECT identity.seal_clear($1, $2, $3)",
        [row["id"] for row in rows],
        sealed,
        [runtime.sealing.blind(EMAIL_INDEX, row["email"]) for row in rows],
    )
    return len(rows)


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
