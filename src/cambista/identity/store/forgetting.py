"""The SQL of forgetting a customer: what stands in clear goes, what is sealed loses its key."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cambista.runtime import Reader, Runtime, Tx

# Rows that are of no use without the person, by the column that says whose they are.
_OWNED = (
    ("session", "owner_id"), ("login_ticket", "owner_id"), ("letter_token", "principal_id"),
    ("former_password", "principal_id"), ("device", "principal_id"), ("totp", "owner_id"), ("phone", "owner_id"),
    ("sms_code", "owner_id"), ("recovery_code", "owner_id"), ("passkey", "owner_id"), ("passkey_challenge", "owner_id"),
)  # fmt: skip


async def find_forgotten(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
    """Those of the ids that are customers, with when they were forgotten."""
    rows = await reader.all("SELECT id, forgotten_at FROM identity.customer WHERE id = ANY($1)", ids)
    return {row["id"]: row["forgotten_at"] for row in rows}


async def forget(tx: Tx, runtime: Runtime, ids: Sequence[UUID]) -> None:
    """Shred these customers' data keys, end their credentials, and empty what names them."""
    await runtime.sealing.shred(tx, ids)
    await tx.execute("SELECT identity.forget($1, $2)", ids, tx.now)
    await tx.execute("UPDATE identity.principal SET status = 'blocked' WHERE id = ANY($1)", ids)
    for table in ("api_key", "oauth_grant"):
        await tx.execute(
            f"UPDATE identity.{table} SET revoked_at = $2 WHERE owner_id = ANY($1) AND revoked_at IS NULL", ids, tx.now
        )
    for table, owner in _OWNED:
        await tx.execute(f"DELETE FROM identity.{table} WHERE {owner} = ANY($1)", ids)
    # The address is free again: an index that nothing is found by takes its place.
    await tx.execute(
        """
        UPDATE identity.login l SET email_blind = n.blind, password_hash = NULL, password_set_at = NULL
        FROM unnest($1::uuid[], $2::bytea[]) AS n (id, blind) WHERE l.principal_id = n.id
        """,
        ids,
        [secrets.token_bytes(32) for _ in ids],
    )
