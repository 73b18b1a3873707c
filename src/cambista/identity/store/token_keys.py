"""The SQL of the keys access tokens are signed with; the private parts are sealed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cambista.identity.types.oauth import TokenKey
from cambista.runtime import Reader, Runtime, Tx

# A subject that is nobody: under its data key the private parts are sealed.
SUBJECT = UUID(int=3)
_TURN_LOCK = 0x4F415554484B4559  # "OAUTHKEY"


async def lock_turn(tx: Tx) -> None:
    """Wait for the turn to make or end keys: of two processes one makes the next."""
    await tx.value("SELECT pg_advisory_xact_lock($1)", _TURN_LOCK)


async def find_keys(reader: Reader, now: datetime) -> list[TokenKey]:
    """Keys that may still verify, with their private parts as sealed."""
    rows = await reader.all(
        """
        SELECT kid, public_key, private_key, created_at, signs_from, signs_until, verifies_until
        FROM identity.oauth_key WHERE verifies_until > $1 ORDER BY signs_from
        """,
        now,
    )
    return [TokenKey(*row) for row in rows]


async def unseal(reader: Reader, runtime: Runtime, key: TokenKey) -> bytes:
    """The private part of a key as stored."""
    [text] = await runtime.sealing.unseal(reader, [(SUBJECT, _place(key.kid), key.private)])
    return bytes.fromhex(text)


async def insert_keys(tx: Tx, runtime: Runtime, keys: Sequence[TokenKey]) -> None:
    sealed = await runtime.sealing.seal(tx, [(SUBJECT, _place(key.kid), key.private.hex()) for key in keys])
    columns = ("kid", "public_key", "private_key", "created_at", "signs_from", "signs_until", "verifies_until")
    await tx.copy(
        "identity",
        "oauth_key",
        columns,
        [
            (key.kid, key.public, private, key.created_at, key.signs_from, key.signs_until, key.verifies_until)
            for key, private in zip(keys, sealed, strict=True)
        ],
    )


async def set_ends(tx: Tx, keys: Sequence[TokenKey]) -> None:
    await tx.execute(
        """
        UPDATE identity.oauth_key k SET signs_until = ends.signs_until, verifies_until = ends.verifies_until
        FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS ends (kid, signs_until, verifies_until)
        WHERE k.kid = ends.kid
        """,
        [key.kid for key in keys],
        [key.signs_until for key in keys],
        [key.verifies_until for key in keys],
    )


async def delete_keys(tx: Tx, keys: Sequence[TokenKey]) -> None:
    await tx.execute("DELETE FROM identity.oauth_key WHERE kid = ANY($1)", [key.kid for key in keys])


async def drop_keys(tx: Tx, before: datetime) -> None:
    """Drop keys no token can be verified with any more."""
    await tx.execute("DELETE FROM identity.oauth_key WHERE verifies_until < $1", before)


def _place(kid: str) -> str:
    return f"identity.oauth_key.private_key:{kid}"
