"""The SQL of passkeys and of what they are asked to sign."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.identity.types.factors import Passkey
from cambista.runtime import Reader, Tx


@dataclass(frozen=True, slots=True)
class StoredPasskey:
    """A passkey with what proves it."""

    id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int


async def put_challenge(tx: Tx, owner_id: UUID, purpose: str, challenge: bytes, expires_at: datetime) -> None:
    """Ask a person's authenticators to sign this; an earlier challenge for the same purpose is forgotten."""
    await tx.execute(
        """
        INSERT INTO identity.passkey_challenge (owner_id, purpose, challenge, expires_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (owner_id, purpose) DO UPDATE SET challenge = excluded.challenge, expires_at = excluded.expires_at
        """,
        owner_id,
        purpose,
        challenge,
        expires_at,
    )


async def take_challenge(tx: Tx, owner_id: UUID, purpose: str) -> bytes | None:
    """What was asked to be signed and has not expired; it is gone then, whatever the answer is worth."""
    row = await tx.one(
        "DELETE FROM identity.passkey_challenge WHERE owner_id = $1 AND purpose = $2 RETURNING challenge, expires_at",
        owner_id,
        purpose,
    )
    return bytes(row["challenge"]) if row is not None and row["expires_at"] > tx.now else None


async def insert_passkey(tx: Tx, owner_id: UUID, passkey: Passkey, proof: StoredPasskey) -> bool:
    """False when the authenticator's key is known already, to this person or another."""
    sql = """
        INSERT INTO identity.passkey (id, owner_id, name, credential_id, public_key, sign_count, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (credential_id) DO NOTHING RETURNING id
    """
    inserted = await tx.value(
        sql,
        passkey.id,
        owner_id,
        passkey.name,
        proof.credential_id,
        proof.public_key,
        proof.sign_count,
        passkey.created_at,
    )
    return inserted is not None


async def list_passkeys(reader: Reader, owner_id: UUID) -> list[Passkey]:
    """Oldest first; their number is bounded where they are made."""
    passkey = reader.table("identity.passkey")
    rows = await reader.all(
        f"SELECT id, name, created_at, last_used_at FROM {passkey} WHERE owner_id = $1 ORDER BY id", owner_id
    )
    return [_passkey(row) for row in rows]


async def list_credential_ids(reader: Reader, owner_id: UUID) -> list[bytes]:
    rows = await reader.all("SELECT credential_id FROM identity.passkey WHERE owner_id = $1 ORDER BY id", owner_id)
    return [bytes(row["credential_id"]) for row in rows]


async def find_passkey(tx: Tx, owner_id: UUID, credential_id: bytes) -> StoredPasskey | None:
    row = await tx.one(
        """
        SELECT id, credential_id, public_key, sign_count FROM identity.passkey
        WHERE owner_id = $1 AND credential_id = $2 FOR NO KEY UPDATE
        """,
        owner_id,
        credential_id,
    )
    if row is None:
        return None
    return StoredPasskey(row["id"], bytes(row["credential_id"]), bytes(row["public_key"]), row["sign_count"])


async def set_used(tx: Tx, passkey_id: UUID, sign_count: int) -> None:
    """Note a use of a locked passkey."""
    sql = "UPDATE identity.passkey SET sign_count = $2, last_used_at = $3 WHERE id = $1"
    await tx.execute(sql, passkey_id, sign_count, tx.now)


async def rename(tx: Tx, owner_id: UUID, passkey_id: UUID, name: str) -> Passkey | None:
    row = await tx.one(
        """
        UPDATE identity.passkey SET name = $3 WHERE id = $1 AND owner_id = $2
        RETURNING id, name, created_at, last_used_at
        """,
        passkey_id,
        owner_id,
        name,
    )
    return None if row is None else _passkey(row)


async def delete(tx: Tx, owner_id: UUID, passkey_id: UUID) -> bool:
    sql = "DELETE FROM identity.passkey WHERE id = $1 AND owner_id = $2 RETURNING id"
    return await tx.value(sql, passkey_id, owner_id) is not None


def _passkey(row: Any) -> Passkey:
    return Passkey(row["id"], row["name"], row["created_at"], row["last_used_at"])
