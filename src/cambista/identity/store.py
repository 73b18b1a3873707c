"""All the SQL of identity."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cambista.identity.rules import KeyDraft, Owner
from cambista.identity.types import AccountHolder, ApiKey, Customer, Principal, Status
from cambista.kernel.callers import Role
from cambista.kernel.ids import ApiKeyId, CustomerId
from cambista.runtime import Reader, Tx

_CUSTOMER = """
    SELECT c.id, c.email, c.full_name, c.country, p.status, c.created_at
    FROM identity.customer c JOIN identity.principal p USING (id)
"""
_PRINCIPAL = "SELECT id, role, name, status, created_at FROM identity.principal"
_KEY = """
    SELECT id, owner_id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at FROM identity.api_key
"""
_BOOTSTRAP_LOCK = 0x4944454E54495459  # "IDENTITY"


def _customer(row: Any) -> Customer:
    return Customer(
        CustomerId(row["id"]), row["email"], row["full_name"], row["country"], Status(row["status"]), row["created_at"]
    )


def _principal(row: Any) -> Principal:
    return Principal(row["id"], Role(row["role"]), row["name"], Status(row["status"]), row["created_at"])


def _key(row: Any) -> ApiKey:
    return ApiKey(
        ApiKeyId(row["id"]), row["owner_id"], row["name"], row["prefix"], tuple(row["scopes"]), row["created_at"],
        row["expires_at"], row["revoked_at"], row["last_used_at"],
    )  # fmt: skip


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


async def lock_owners(tx: Tx, ids: Sequence[UUID], now: datetime) -> dict[UUID, Owner]:
    """Owners, locked so that their usable keys can be counted against a limit."""
    principals = await lock_principals(tx, ids)
    rows = await tx.all(
        """
        SELECT owner_id, count(*) AS keys FROM identity.api_key
        WHERE owner_id = ANY($1) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) GROUP BY owner_id
        """,
        list(principals),
        now,
    )
    counts = {row["owner_id"]: row["keys"] for row in rows}
    return {id: Owner(principal, counts.get(id, 0)) for id, principal in principals.items()}


async def set_status(tx: Tx, statuses: Mapping[UUID, Status]) -> None:
    await tx.execute(
        """
        UPDATE identity.principal p SET status = asked.status
        FROM unnest($1::uuid[], $2::text[]) AS asked (id, status) WHERE p.id = asked.id
        """,
        list(statuses),
        [status.value for status in statuses.values()],
    )


async def insert_keys(tx: Tx, keys: Sequence[tuple[ApiKey, KeyDraft]]) -> None:
    await tx.copy(
        "identity",
        "api_key",
        ("id", "owner_id", "name", "prefix", "hash", "scopes", "created_at", "expires_at"),
        [
            (key.id, key.owner_id, key.name, key.prefix, draft.hash, list(key.scopes), key.created_at, key.expires_at)
            for key, draft in keys
        ],
    )


async def list_keys(reader: Reader, owner_id: UUID, before: UUID | None, limit: int) -> list[ApiKey]:
    rows = await reader.all(
        f"{_KEY} WHERE owner_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        owner_id,
        before,
        limit,
    )
    return [_key(row) for row in rows]


async def lock_keys(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, ApiKey]:
    rows = await tx.all(f"{_KEY} WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(ids)))
    return {row["id"]: _key(row) for row in rows}


async def set_revoked(tx: Tx, ids: Sequence[UUID], now: datetime) -> None:
    await tx.execute("UPDATE identity.api_key SET revoked_at = $2 WHERE id = ANY($1)", ids, now)


async def find_usable_keys(reader: Reader, hashes: Sequence[bytes], now: datetime) -> list[Any]:
    """Hash, id, owner, role, scopes and expiry of those keys that authenticate now."""
    return await reader.all(
        """
        SELECT k.hash, k.id, k.owner_id, k.scopes, k.expires_at, p.role
        FROM identity.api_key k JOIN identity.principal p ON p.id = k.owner_id
        WHERE k.hash = ANY($1) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
          AND p.status = 'active'
        """,
        hashes,
        now,
    )


async def find_refused_keys(reader: Reader, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    rows = await reader.all(
        """
        SELECT asked.id FROM unnest($1::uuid[]) AS asked (id)
        LEFT JOIN identity.api_key k ON k.id = asked.id LEFT JOIN identity.principal p ON p.id = k.owner_id
        WHERE k.id IS NULL OR k.revoked_at IS NOT NULL OR k.expires_at <= $2 OR p.status <> 'active'
        """,
        ids,
        now,
    )
    return {row["id"] for row in rows}


async def set_last_used(tx: Tx, uses: Mapping[UUID, datetime], at_most_every: timedelta) -> None:
    """Note the uses, but for keys noted less than `at_most_every` before; never waits for a lock."""
    await tx.execute(
        """
        WITH used AS (
            SELECT k.id, u.at
            FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) JOIN identity.api_key k USING (id)
            WHERE k.last_used_at IS NULL OR k.last_used_at <= u.at - $3::interval
            ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED
        )
        UPDATE identity.api_key k SET last_used_at = used.at FROM used WHERE k.id = used.id
        """,
        list(uses),
        list(uses.values()),
        at_most_every,
    )


async def lock_first_start(tx: Tx) -> bool:
    """Wait for the turn to set up the first admin; whether there is one already."""
    await tx.value("SELECT pg_advisory_xact_lock($1)", _BOOTSTRAP_LOCK)
    return bool(await tx.value("SELECT EXISTS (SELECT FROM identity.principal WHERE role = 'admin')"))
