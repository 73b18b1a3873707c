"""The SQL of OAuth2 clients."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cambista.identity.rules.oauth import KnownClient, Partner
from cambista.identity.store.principals import lock_principals
from cambista.identity.types.oauth import Client, Flow
from cambista.runtime import Reader, Tx

_CLIENT = """
    SELECT c.id, c.owner_id, c.name, c.hash, c.old_hash, c.old_until, c.redirect_uris, c.flows, c.scopes, c.created_at,
        c.revoked_at, p.status = 'active' AS is_owner_active
    FROM identity.oauth_client c JOIN identity.principal p ON p.id = c.owner_id
"""
_COLUMNS = ("id", "owner_id", "name", "hash", "redirect_uris", "flows", "scopes", "created_at")


def _known(row: Any) -> KnownClient:
    client = Client(
        row["id"], row["owner_id"], row["name"], row["hash"] is not None, tuple(row["redirect_uris"]),
        tuple(Flow(flow) for flow in row["flows"]), tuple(row["scopes"]), row["created_at"], row["revoked_at"],
        row["old_until"],
    )  # fmt: skip
    return KnownClient(client, row["hash"], row["old_hash"], row["is_owner_active"])


async def lock_partners(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Partner]:
    """Owners, locked so that their living clients can be counted against a limit."""
    principals = await lock_principals(tx, ids)
    rows = await tx.all(
        """
        SELECT owner_id, count(*) AS clients FROM identity.oauth_client
        WHERE owner_id = ANY($1) AND revoked_at IS NULL GROUP BY owner_id
        """,
        list(principals),
    )
    counts = {row["owner_id"]: row["clients"] for row in rows}
    return {id: Partner(principal, counts.get(id, 0)) for id, principal in principals.items()}


async def insert_clients(tx: Tx, clients: Sequence[tuple[Client, bytes | None]]) -> None:
    rows = [
        (
            client.id, client.owner_id, client.name, hash, list(client.redirect_uris),
            [flow.value for flow in client.flows], list(client.scopes), client.created_at,
        )
        for client, hash in clients
    ]  # fmt: skip
    await tx.copy("identity", "oauth_client", _COLUMNS, rows)


async def find_client(reader: Reader, id: UUID) -> KnownClient | None:
    row = await reader.one(f"{_CLIENT} WHERE c.id = $1", id)
    return _known(row) if row else None


async def lock_clients(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Client]:
    rows = await tx.all(f"{_CLIENT} WHERE c.id = ANY($1) ORDER BY c.id FOR NO KEY UPDATE OF c", sorted(set(ids)))
    return {row["id"]: _known(row).client for row in rows}


async def list_clients(reader: Reader, before: UUID | None, limit: int) -> list[Client]:
    rows = await reader.all(f"{_CLIENT} WHERE $1::uuid IS NULL OR c.id < $1 ORDER BY c.id DESC LIMIT $2", before, limit)
    return [_known(row).client for row in rows]


async def set_secret(tx: Tx, client: Client, hash: bytes) -> None:
    """A new secret; the one before counts until the client's `old_secret_until`."""
    await tx.execute(
        """
        UPDATE identity.oauth_client SET
            hash = $2, old_until = $3, old_hash = CASE WHEN $3::timestamptz IS NOT NULL THEN hash END
        WHERE id = $1
        """,
        client.id,
        hash,
        client.old_secret_until,
    )


async def set_revoked(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.execute("UPDATE identity.oauth_client SET revoked_at = $2 WHERE id = ANY($1)", ids, tx.now)
