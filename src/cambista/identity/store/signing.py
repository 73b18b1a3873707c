"""The SQL of signed requests: which nonces were used."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cambista.identity.types.signing import UsedNonce
from cambista.runtime import Tx


async def insert_nonces(tx: Tx, nonces: Sequence[UsedNonce]) -> set[tuple[UUID, str]]:
    """Note nonces as used; those that were not so before. Sorted, so that two processes never wait for each other."""
    ordered = sorted(nonces, key=lambda each: (each.key_id, each.nonce))
    rows = await tx.all(
        """
        INSERT INTO identity.request_nonce (key_id, nonce, expires_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])
        ON CONFLICT DO NOTHING RETURNING key_id, nonce
        """,
        [each.key_id for each in ordered],
        [each.nonce for each in ordered],
        [each.expires_at for each in ordered],
    )
    return {(row["key_id"], row["nonce"]) for row in rows}


async def forget_nonces(tx: Tx, before: datetime) -> None:
    await tx.execute("DELETE FROM identity.request_nonce WHERE expires_at < $1", before)
