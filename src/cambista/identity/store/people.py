"""The SQL of login identities: addresses sealed and found by a blind index, passwords, letters' tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.identity.store.principals import find_customer
from cambista.identity.types.notices import Contact
from cambista.identity.types.people import Person, TokenPurpose
from cambista.identity.types.principals import Status
from cambista.kernel.callers import Role
from cambista.runtime import SHREDDED, Reader, Runtime, Tx

EMAIL_INDEX = "identity.login.email"


@dataclass(frozen=True, slots=True)
class Login:
    """A login identity as the house decides by it."""

    principal_id: UUID
    role: Role
    status: Status
    language: str
    password_hash: str | None = field(repr=False)
    password_set_at: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for an address. `like`: the hash of whoever stands next in the index, to cost as much."""

    login: Login | None
    like: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginDraft:
    """A login identity to be stored; without a password for somebody who is invited."""

    principal_id: UUID
    email: str = field(repr=False)
    language: str
    password_hash: str | None = field(default=None, repr=False)
    confirmed: bool = False


_LOGIN = """
    SELECT l.principal_id, p.role, p.status, l.language, l.password_hash, l.password_set_at
    FROM identity.login l JOIN identity.principal p ON p.id = l.principal_id
"""


def _login(row: Any) -> Login:
    return Login(
        row["principal_id"], Role(row["role"]), Status(row["status"]), row["language"], row["password_hash"],
        row["password_set_at"],
    )  # fmt: skip


async def find_by_email(reader: Reader, blinds: Sequence[bytes]) -> dict[bytes, Found]:
    """For each address the login it names; and for all of them, known or not, a hash from its place in the index.

    One statement that does the same work whether there is such a login or not.
    """
    rows = await reader.all(
        """
        SELECT asked.blind, near.* FROM unnest($1::bytea[]) AS asked (blind)
        LEFT JOIN LATERAL (
            SELECT l.email_blind, l.principal_id, p.role, p.status, l.language, l.password_hash, l.password_set_at
            FROM identity.login l JOIN identity.principal p ON p.id = l.principal_id
            WHERE l.email_blind >= asked.blind ORDER BY l.email_blind LIMIT 1
        ) AS near ON true
        """,
        list(set(blinds)),
    )
    return {
        row["blind"]: Found(_login(row) if row["email_blind"] == row["blind"] else None, row["password_hash"])
        for row in rows
    }


async def find_logins(reader: Reader, principal_ids: Sequence[UUID]) -> dict[UUID, Login]:
    rows = await reader.all(f"{_LOGIN} WHERE l.principal_id = ANY($1)", principal_ids)
    return {row["principal_id"]: _login(row) for row in rows}


async def lock_logins(tx: Tx, principal_ids: Sequence[UUID]) -> dict[UUID, Login]:
    """Those login identities, locked in the order of their ids."""
    rows = await tx.all(
        f"{_LOGIN} WHERE l.principal_id = ANY($1) ORDER BY l.principal_id FOR NO KEY UPDATE OF l",
        sorted(set(principal_ids)),
    )
    return {row["principal_id"]: _login(row) for row in rows}


async def insert_logins(tx: Tx, runtime: Runtime, drafts: Sequence[LoginDraft]) -> set[UUID]:
    """Store those whose address and principal have no login yet; whose that were."""
    if not drafts:
        return set()
    sealed = await _seal(tx, runtime, drafts)
    rows = await tx.all(
        """
        INSERT INTO identity.login
            (principal_id, email, email_blind, language, password_hash, password_set_at, created_at, confirmed_at)
        SELECT id, email, blind, language, hash, CASE WHEN hash IS NOT NULL THEN $6::timestamptz END, $6,
            CASE WHEN confirmed THEN $6::timestamptz END
        FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $7::boolean[])
            AS asked (id, email, blind, language, hash, confirmed)
        ORDER BY blind ON CONFLICT DO NOTHING RETURNING principal_id
        """,
        [each.principal_id for each in drafts],
        sealed,
        [runtime.sealing.blind(EMAIL_INDEX, each.email) for each in drafts],
        [each.language for each in drafts],
        [each.password_hash for each in drafts],
        tx.now,
        [each.confirmed for each in drafts],
    )
    return {row["principal_id"] for row in rows}


async def put_invited(tx: Tx, runtime: Runtime, draft: LoginDraft) -> bool:
    """A login without a password, new or with another address than before; False when the address is somebody's."""
    [sealed] = await _seal(tx, runtime, [draft])
    blind = runtime.sealing.blind(EMAIL_INDEX, draft.email)
    taken = "SELECT EXISTS (SELECT FROM identity.login WHERE email_blind = $1 AND principal_id <> $2)"
    if await tx.value(taken, blind, draft.principal_id):
        return False
    await tx.execute(
        """
        INSERT INTO identity.login (principal_id, email, email_blind, language, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (principal_id) DO UPDATE
        SET email = excluded.email, email_blind = excluded.email_blind, language = excluded.language
        WHERE login.password_hash IS NULL
        """,
        draft.principal_id,
        sealed,
        blind,
        draft.language,
        tx.now,
    )
    return True


async def find_contacts(reader: Reader, runtime: Runtime, owner_ids: Sequence[UUID]) -> dict[UUID, Contact]:
    """Where letters to those people go, of each that can log in; nowhere to who was forgotten."""
    rows = await reader.all(
        "SELECT principal_id, email, language FROM identity.login WHERE principal_id = ANY($1)", owner_ids
    )
    emails = await runtime.sealing.unseal(
        reader, [(row["principal_id"], _bound_to(row["principal_id"]), row["email"]) for row in rows]
    )
    return {
        row["principal_id"]: Contact(email, row["language"])
        for row, email in zip(rows, emails, strict=True)
        if email != SHREDDED
    }


async def find_person(reader: Reader, runtime: Runtime, id: UUID) -> Person | None:
    """Somebody who can log in, as shown to that person."""
    login, principal = reader.table("identity.login"), reader.table("identity.principal")
    row = await reader.one(
        f"""
        SELECT p.id, p.role, p.name, l.email, l.language, p.created_at, l.password_set_at
        FROM {login} l JOIN {principal} p ON p.id = l.principal_id WHERE p.id = $1
        """,
        id,
    )
    if row is None:
        return None
    [email] = await runtime.sealing.unseal(reader, [(id, _bound_to(id), row["email"])])
    customer = await find_customer(reader, runtime, id) if row["role"] == Role.CUSTOMER else None
    name = row["name"] if customer is None else customer.full_name
    return Person(id, Role(row["role"]), name, email, row["language"], row["created_at"], row["password_set_at"])


async def _seal(tx: Tx, runtime: Runtime, drafts: Sequence[LoginDraft]) -> list[bytes]:
    asked = [(each.principal_id, _bound_to(each.principal_id), each.email) for each in drafts]
    return await runtime.sealing.seal(tx, asked)


def _bound_to(principal_id: UUID) -> str:
    return f"identity.login.email:{principal_id}"


# ------------------------------------------------------------------------------------------------------------ passwords
async def set_passwords(tx: Tx, runtime: Runtime, hashes: Mapping[UUID, str], kept: int) -> None:
    """Set new passwords; the ones before join the former ones, of which each person keeps the last `kept`."""
    ids = runtime.new_ids(len(hashes))
    await tx.execute(
        """
        INSERT INTO identity.former_password (id, principal_id, hash, replaced_at)
        SELECT asked.id, l.principal_id, l.password_hash, $3
        FROM unnest($1::uuid[], $2::uuid[]) AS asked (id, principal_id) JOIN identity.login l USING (principal_id)
        WHERE l.password_hash IS NOT NULL
        """,
        ids,
        list(hashes),
        tx.now,
    )
    await tx.execute(
        """
        DELETE FROM identity.former_password f USING (
            SELECT id, row_number() OVER (PARTITION BY principal_id ORDER BY id DESC) AS place
            FROM identity.former_password WHERE principal_id = ANY($1)
        ) AS ranked WHERE f.id = ranked.id AND ranked.place > $2
        """,
        list(hashes),
        kept,
    )
    await tx.execute(
        """
        UPDATE identity.login l SET password_hash = told.hash, password_set_at = $3
        FROM unnest($1::uuid[], $2::text[]) AS told (id, hash) WHERE l.principal_id = told.id
        """,
        list(hashes),
        list(hashes.values()),
        tx.now,
    )


async def upgrade_hashes(tx: Tx, hashes: Mapping[UUID, tuple[str, str]]) -> None:
    """The same passwords hashed anew, each where the hash before (the first) still stands."""
    await tx.execute(
        """
        UPDATE identity.login l SET password_hash = told.after
        FROM unnest($1::uuid[], $2::text[], $3::text[]) AS told (id, before, after)
        WHERE l.principal_id = told.id AND l.password_hash = told.before
        """,
        list(hashes),
        [before for before, _ in hashes.values()],
        [after for _, after in hashes.values()],
    )


async def list_former_hashes(reader: Reader, principal_id: UUID, limit: int) -> list[str]:
    """Hashes of the passwords before the present one, newest first."""
    rows = await reader.all(
        "SELECT hash FROM identity.former_password WHERE principal_id = $1 ORDER BY id DESC LIMIT $2",
        principal_id,
        limit,
    )
    return [row["hash"] for row in rows]


# ------------------------------------------------------------------------------------------------------ letters' tokens
async def insert_letter_tokens(
    tx: Tx, tokens: Mapping[bytes, UUID], purpose: TokenPurpose, expires_at: datetime
) -> None:
    await tx.copy(
        "identity",
        "letter_token",
        ("hash", "principal_id", "purpose", "created_at", "expires_at"),
        [(hash, id, purpose.value, tx.now, expires_at) for hash, id in tokens.items()],
    )


async def count_letter_tokens(reader: Reader, principal_ids: Sequence[UUID], now: datetime) -> dict[UUID, int]:
    """How many usable tokens each person has."""
    rows = await reader.all(
        """
        SELECT principal_id, count(*) AS tokens FROM identity.letter_token
        WHERE principal_id = ANY($1) AND used_at IS NULL AND expires_at > $2 GROUP BY principal_id
        """,
        principal_ids,
        now,
    )
    return {row["principal_id"]: row["tokens"] for row in rows}


async def find_letter_token(reader: Reader, hash: bytes, now: datetime) -> UUID | None:
    """Whose password a usable token may set; a blocked person's may not be set."""
    found: UUID | None = await reader.value(
        """
        SELECT t.principal_id FROM identity.letter_token t JOIN identity.principal p ON p.id = t.principal_id
        WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $2 AND p.status = 'active'
        """,
        hash,
        now,
    )
    return found


async def use_letter_token(tx: Tx, hash: bytes) -> bool:
    """Use the token up, and with it every other of the same person; False when it was used meanwhile."""
    used = await tx.value(
        """
        UPDATE identity.letter_token SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2
        RETURNING principal_id
        """,
        hash,
        tx.now,
    )
    await tx.execute(
        "UPDATE identity.letter_token SET used_at = $2 WHERE principal_id = $1 AND used_at IS NULL", used, tx.now
    )
    return used is not None


async def confirm_logins(tx: Tx, principal_ids: Sequence[UUID]) -> None:
    """Somebody read a letter: the mailbox is the person's."""
    await tx.execute(
        "UPDATE identity.login SET confirmed_at = $2 WHERE principal_id = ANY($1) AND confirmed_at IS NULL",
        principal_ids,
        tx.now,
    )


async def sweep_letter_tokens(tx: Tx, before: datetime) -> None:
    await tx.execute("DELETE FROM identity.letter_token WHERE expires_at < $1", before)
