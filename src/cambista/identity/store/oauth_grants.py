"""The SQL of what was granted to OAuth2 clients: codes, grants, refresh tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cambista.identity.types.oauth import Code, Flow, Grant, RefreshToken
from cambista.runtime import Reader, Tx

_GRANT = """
    SELECT g.id, g.client_id, c.name AS client_name, g.owner_id, g.scopes, g.flow, g.created_at, g.expires_at,
        least(g.revoked_at, c.revoked_at) AS revoked_at
"""
_CODE_COLUMNS = ("hash", "client_id", "owner_id", "scopes", "redirect_uri", "challenge", "created_at", "expires_at")
_GRANT_COLUMNS = ("id", "client_id", "owner_id", "scopes", "flow", "created_at", "expires_at")


def _grants(reader: Reader) -> str:
    grant, client = reader.table("identity.oauth_grant"), reader.table("identity.oauth_client")
    return f"{_GRANT} FROM {grant} g JOIN {client} c ON c.id = g.client_id"


def _grant(row: Any) -> Grant:
    return Grant(
        row["id"], row["client_id"], row["client_name"], row["owner_id"], tuple(row["scopes"]), Flow(row["flow"]),
        row["created_at"], row["expires_at"], row["revoked_at"],
    )  # fmt: skip


def _code(row: Any) -> Code:
    return Code(
        row["hash"], row["client_id"], row["owner_id"], tuple(row["scopes"]), row["redirect_uri"], row["challenge"],
        row["created_at"], row["expires_at"], row["used_at"], row["grant_id"],
    )  # fmt: skip


async def insert_codes(tx: Tx, codes: Sequence[Code]) -> None:
    rows = [
        (
            each.hash, each.client_id, each.owner_id, list(each.scopes), each.redirect_uri, each.challenge,
            each.created_at, each.expires_at,
        )
        for each in codes
    ]  # fmt: skip
    await tx.copy("identity", "oauth_code", _CODE_COLUMNS, rows)


async def lock_codes(tx: Tx, hashes: Sequence[bytes]) -> dict[bytes, Code]:
    rows = await tx.all(
        """
        SELECT hash, client_id, owner_id, scopes, redirect_uri, challenge, created_at, expires_at, used_at, grant_id
        FROM identity.oauth_code WHERE hash = ANY($1) ORDER BY hash FOR NO KEY UPDATE
        """,
        sorted(set(hashes)),
    )
    return {row["hash"]: _code(row) for row in rows}


async def set_codes_used(tx: Tx, codes: Sequence[Code]) -> None:
    """Write down what became of codes: used, and for which grant (none: burnt)."""
    await tx.execute(
        """
        UPDATE identity.oauth_code c SET used_at = used.at, grant_id = used.grant_id
        FROM unnest($1::bytea[], $2::timestamptz[], $3::uuid[]) AS used (hash, at, grant_id) WHERE c.hash = used.hash
        """,
        [each.hash for each in codes],
        [each.used_at for each in codes],
        [each.grant_id for each in codes],
    )


async def insert_grants(tx: Tx, grants: Sequence[Grant]) -> None:
    rows = [
        (each.id, each.client_id, each.owner_id, list(each.scopes), each.flow.value, each.created_at, each.expires_at)
        for each in grants
    ]
    await tx.copy("identity", "oauth_grant", _GRANT_COLUMNS, rows)


async def find_grant(reader: Reader, id: UUID) -> Grant | None:
    row = await reader.one(f"{_grants(reader)} WHERE g.id = $1", id)
    return _grant(row) if row else None


async def list_grants(reader: Reader, owner_id: UUID, now: datetime, before: UUID | None, limit: int) -> list[Grant]:
    """What a customer agreed to and is still good, newest first."""
    rows = await reader.all(
        f"""
        {_grants(reader)} WHERE g.owner_id = $1 AND g.flow = 'authorization_code' AND g.expires_at > $2
            AND g.revoked_at IS NULL AND c.revoked_at IS NULL AND ($3::uuid IS NULL OR g.id < $3)
        ORDER BY g.id DESC LIMIT $4
        """,
        owner_id,
        now,
        before,
        limit,
    )
    return [_grant(row) for row in rows]


async def lock_grants(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Grant]:
    rows = await tx.all(f"{_grants(tx)} WHERE g.id = ANY($1) ORDER BY g.id FOR NO KEY UPDATE OF g", sorted(set(ids)))
    return {row["id"]: _grant(row) for row in rows}


async def set_grants_revoked(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.execute(
        "UPDATE identity.oauth_grant SET revoked_at = $2 WHERE id = ANY($1) AND revoked_at IS NULL", ids, tx.now
    )


async def insert_refresh(tx: Tx, tokens: Sequence[tuple[bytes, Grant, datetime]]) -> None:
    """Insert refresh tokens: hash, grant, end."""
    rows = [(hash, grant.id, tx.now, expires_at) for hash, grant, expires_at in tokens]
    await tx.copy("identity", "oauth_refresh", ("hash", "grant_id", "created_at", "expires_at"), rows)


async def find_refresh(reader: Reader, hash: bytes) -> RefreshToken | None:
    found = await _refresh(reader, [hash], {})
    return found.get(hash)


async def lock_refresh(tx: Tx, hashes: Sequence[bytes]) -> dict[bytes, RefreshToken]:
    """Refresh tokens with their grants, both locked: the grants first, so that one grant's tokens take turns."""
    ids = await tx.all("SELECT DISTINCT grant_id FROM identity.oauth_refresh WHERE hash = ANY($1)", hashes)
    grants = await lock_grants(tx, [row["grant_id"] for row in ids])
    return await _refresh(tx, hashes, grants)


async def _refresh(reader: Reader, hashes: Sequence[bytes], grants: Mapping[UUID, Grant]) -> dict[bytes, RefreshToken]:
    rows = await reader.all(
        "SELECT hash, grant_id, created_at, expires_at, used_at FROM identity.oauth_refresh WHERE hash = ANY($1)",
        hashes,
    )
    found = {}
    for row in rows:
        grant = grants.get(row["grant_id"]) or await find_grant(reader, row["grant_id"])
        assert grant is not None
        found[row["hash"]] = RefreshToken(row["hash"], grant, row["created_at"], row["expires_at"], row["used_at"])
    return found


async def set_refresh_used(tx: Tx, hashes: Sequence[bytes]) -> None:
    await tx.execute("UPDATE identity.oauth_refresh SET used_at = $2 WHERE hash = ANY($1)", hashes, tx.now)


async def sweep(tx: Tx, kept: timedelta) -> None:
    """Forget what ended longer than `kept` ago; codes and refresh tokens go with their grant."""
    before = tx.now - kept
    await tx.execute("DELETE FROM identity.oauth_code WHERE expires_at < $1 AND grant_id IS NULL", before)
    await tx.execute("DELETE FROM identity.oauth_grant WHERE expires_at < $1", before)
