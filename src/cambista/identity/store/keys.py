"""The SQL of API keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cambista.identity.rules.keys import KeyDraft, Owner
from cambista.identity.store.principals import lock_principals
from cambista.identity.types.keys import ApiKey
from cambista.kernel.ids import ApiKeyId
from cambista.runtime import Reader, Sealing, Tx

_KEY = """
    SELECT id, owner_id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at, networks,
        signing_secret IS NOT NULL AS signed, replaced_by
"""


def _keys(reader: Reader) -> str:
    return f"{_KEY} FROM {reader.table('identity.api_key')}"


def _key(row: Any) -> ApiKey:
    return ApiKey(
        ApiKeyId(row["id"]), row["owner_id"], row["name"], row["prefix"], tuple(row["scopes"]), row["created_at"],
        row["expires_at"], row["revoked_at"], row["last_used_at"], tuple(row["networks"]), row["signed"],
        row["replaced_by"],
    )  # fmt: skip


async def lock_owners(tx: Tx, ids: Sequence[UUID], now: datetime) -> dict[UUID, Owner]:
    """Owners, locked so that their usable keys can be counted against a limit."""
    principals = await lock_principals(tx, ids)
    rows = await tx.all(
        """
        SELECT owner_id, count(*) FILTER (WHERE replaced_by IS NULL) AS keys, count(replaced_by) AS replaced
        FROM identity.api_key
        WHERE owner_id = ANY($1) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) GROUP BY owner_id
        """,
        list(principals),
        now,
    )
    counts = {row["owner_id"]: (row["keys"], row["replaced"]) for row in rows}
    return {id: Owner(principal, *counts.get(id, (0, 0))) for id, principal in principals.items()}


async def insert_keys(tx: Tx, sealing: Sealing, keys: Sequence[tuple[ApiKey, KeyDraft]]) -> None:
    """Insert keys; the signing secrets of signed ones are sealed for their owners."""
    signed = [(key, draft) for key, draft in keys if key.signed]
    plain = [(key.owner_id, secret_place(key.id), draft.signing_secret) for key, draft in signed]
    secrets = await sealing.seal(tx, plain) if plain else []
    sealed = {key.id: secret for (key, _), secret in zip(signed, secrets, strict=True)}
    await tx.copy(
        "identity",
        "api_key",
        (
            "id", "owner_id", "name", "prefix", "hash", "scopes", "created_at", "expires_at", "networks",
            "signing_secret",
        ),
        [
            (
                key.id, key.owner_id, key.name, key.prefix, draft.hash, list(key.scopes), key.created_at,
                key.expires_at, list(key.networks), sealed.get(key.id),
            )
            for key, draft in keys
        ],
    )  # fmt: skip


def secret_place(key_id: UUID) -> str:
    """What a key's sealed signing secret is bound to."""
    return f"identity.api_key.signing_secret:{key_id}"


async def set_replaced(tx: Tx, replaced: Sequence[ApiKey]) -> None:
    """Write down which key takes whose place, and when the old ones end."""
    await tx.execute(
        """
        UPDATE identity.api_key k
        SET replaced_by = new.replaced_by, expires_at = new.expires_at, revoked_at = new.revoked_at
        FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
            AS new (id, replaced_by, expires_at, revoked_at)
        WHERE k.id = new.id
        """,
        [each.id for each in replaced],
        [each.replaced_by for each in replaced],
        [each.expires_at for each in replaced],
        [each.revoked_at for each in replaced],
    )


async def find_keys(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, ApiKey]:
    rows = await reader.all(f"{_keys(reader)} WHERE id = ANY($1)", ids)
    return {row["id"]: _key(row) for row in rows}


async def list_keys(reader: Reader, owner_id: UUID, before: UUID | None, limit: int) -> list[ApiKey]:
    rows = await reader.all(
        f"{_keys(reader)} WHERE owner_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        owner_id,
        before,
        limit,
    )
    return [_key(row) for row in rows]


async def lock_keys(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, ApiKey]:
    rows = await tx.all(f"{_keys(tx)} WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(ids)))
    return {row["id"]: _key(row) for row in rows}


async def set_revoked(tx: Tx, ids: Sequence[UUID], now: datetime) -> None:
    await tx.execute("UPDATE identity.api_key SET revoked_at = $2 WHERE id = ANY($1)", ids, now)


_USABLE = """
    SELECT {columns} FROM identity.credential c JOIN identity.principal p ON p.id = c.owner_id
    WHERE c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $2) AND p.status = 'active'
"""


async def find_usable_by_hash(reader: Reader, hashes: Sequence[bytes], now: datetime) -> list[Any]:
    """Those keys and sessions that authenticate now."""
    return await reader.all(f"{_USABLE.format(columns='c.*, p.role')} AND c.hash = ANY($1)", hashes, now)


async def find_usable_by_id(reader: Reader, ids: Sequence[UUID], now: datetime) -> list[Any]:
    """Those keys, sessions and grants that authenticate now."""
    return await reader.all(f"{_USABLE.format(columns='c.*, p.role')} AND c.id = ANY($1)", ids, now)


async def find_refused_keys(reader: Reader, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Those that do not authenticate now; asked for by every batch, so nothing but ids is read."""
    usable = await reader.all(f"{_USABLE.format(columns='c.id')} AND c.id = ANY($1)", ids, now)
    return set(ids) - {row[0] for row in usable}


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
