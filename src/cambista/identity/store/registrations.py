"""The SQL of what waits for a letter: registrations to be confirmed, and passwords said to be forgotten."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.runtime import SHREDDED, Reader, Runtime, Tx


@dataclass(frozen=True, slots=True)
class PendingRegistration:
    """Somebody who wants to be a customer; `id` will be the customer's."""

    id: UUID
    email_blind: bytes
    email: str = field(repr=False)
    full_name: str = field(repr=False)
    country: str
    language: str
    password_hash: str = field(repr=False)
    expires_at: datetime


async def insert_registrations(tx: Tx, runtime: Runtime, drafts: Sequence[PendingRegistration]) -> None:
    """Write them down; name and address are sealed under the id that will be the customer's."""
    sealed = await runtime.sealing.seal(tx, [(each.id, _bound_to(each.id), _contents(each)) for each in drafts])
    columns = (
        "id", "email_blind", "contents", "country", "language", "password_hash", "created_at", "expires_at",
    )  # fmt: skip
    rows = [
        (each.id, each.email_blind, text, each.country, each.language, each.password_hash, tx.now, each.expires_at)
        for each, text in zip(drafts, sealed, strict=True)
    ]
    await tx.copy("identity", "registration", columns, rows)


_REGISTRATION = """
    SELECT id, email_blind, contents, country, language, password_hash, expires_at FROM identity.registration
"""


async def take_new(tx: Tx, runtime: Runtime, limit: int) -> list[PendingRegistration]:
    """Registrations no letter has been written for, oldest first; another process's are passed over."""
    rows = await tx.all(
        f"{_REGISTRATION} WHERE token_hash IS NULL ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED", limit
    )
    return await _opened(tx, runtime, rows)


async def lock_by_token(tx: Tx, runtime: Runtime, hashes: Sequence[bytes]) -> dict[bytes, PendingRegistration]:
    """Registrations that may still be confirmed, by their letter's token. All of the address are locked with it."""
    rows = await tx.all(
        f"""
        {_REGISTRATION} WHERE email_blind IN (SELECT email_blind FROM identity.registration WHERE token_hash = ANY($1))
        ORDER BY id FOR UPDATE
        """,
        hashes,
    )
    tokens = await tx.all(
        "SELECT id, token_hash FROM identity.registration WHERE token_hash = ANY($1) AND expires_at > $2",
        hashes,
        tx.now,
    )
    found = {each.id: each for each in await _opened(tx, runtime, rows)}
    return {row["token_hash"]: found[row["id"]] for row in tokens if row["id"] in found}


async def set_tokens(tx: Tx, tokens: Mapping[UUID, bytes]) -> None:
    await tx.execute(
        """
        UPDATE identity.registration r SET token_hash = told.hash
        FROM unnest($1::uuid[], $2::bytea[]) AS told (id, hash) WHERE r.id = told.id
        """,
        list(tokens),
        list(tokens.values()),
    )


async def count_confirmable(reader: Reader, blinds: Sequence[bytes], now: datetime) -> dict[bytes, int]:
    """How many letters each address has that could still be answered."""
    rows = await reader.all(
        """
        SELECT email_blind, count(*) AS letters FROM identity.registration
        WHERE email_blind = ANY($1) AND token_hash IS NOT NULL AND expires_at > $2 GROUP BY email_blind
        """,
        blinds,
        now,
    )
    return {row["email_blind"]: row["letters"] for row in rows}


async def delete_registrations(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.execute("DELETE FROM identity.registration WHERE id = ANY($1)", ids)


async def delete_of_addresses(tx: Tx, blinds: Sequence[bytes]) -> list[UUID]:
    """Drop every registration of those addresses; their ids."""
    rows = await tx.all("DELETE FROM identity.registration WHERE email_blind = ANY($1) RETURNING id", blinds)
    return [row["id"] for row in rows]


async def delete_expired(tx: Tx, limit: int) -> list[UUID]:
    """Drop registrations nobody confirmed in time; their ids."""
    rows = await tx.all(
        """
        DELETE FROM identity.registration WHERE id IN (
            SELECT id FROM identity.registration WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
            FOR UPDATE SKIP LOCKED
        ) RETURNING id
        """,
        tx.now,
        limit,
    )
    return [row["id"] for row in rows]


# -------------------------------------------------------------------------------------------------- forgotten passwords
async def insert_reset_requests(tx: Tx, runtime: Runtime, blinds: Sequence[bytes]) -> None:
    ids = runtime.new_ids(len(blinds))
    rows = [(id, blind, tx.now) for id, blind in zip(ids, blinds, strict=True)]
    await tx.copy("identity", "reset_request", ("id", "email_blind", "created_at"), rows)


async def take_reset_requests(tx: Tx, limit: int) -> list[bytes]:
    """Take requests off the list, oldest first: the addresses they name."""
    rows = await tx.all(
        """
        DELETE FROM identity.reset_request WHERE id IN (
            SELECT id FROM identity.reset_request ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
        ) RETURNING email_blind
        """,
        limit,
    )
    return [row["email_blind"] for row in rows]


async def _opened(reader: Reader, runtime: Runtime, rows: Sequence[Any]) -> list[PendingRegistration]:
    texts = await runtime.sealing.unseal(reader, [(row["id"], _bound_to(row["id"]), row["contents"]) for row in rows])
    return [_pending(row, json.loads(text)) for row, text in zip(rows, texts, strict=True) if text != SHREDDED]


def _pending(row: Any, contents: Mapping[str, str]) -> PendingRegistration:
    return PendingRegistration(
        row["id"], row["email_blind"], contents["email"], contents["full_name"], row["country"], row["language"],
        row["password_hash"], row["expires_at"],
    )  # fmt: skip


def _contents(draft: PendingRegistration) -> str:
    return json.dumps({"email": draft.email, "full_name": draft.full_name}, ensure_ascii=False)


def _bound_to(id: UUID) -> str:
    return f"identity.registration.contents:{id}"
