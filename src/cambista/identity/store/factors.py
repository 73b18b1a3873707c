"""The SQL of second factors but passkeys: authenticators, phones, codes, and the counters of wrong answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cambista.identity.rules.factors import Failures
from cambista.identity.types.factors import FactorKind
from cambista.runtime import SHREDDED, Reader, Runtime, Tx


async def find_kinds(reader: Reader, owner_ids: Sequence[UUID]) -> dict[UUID, frozenset[FactorKind]]:
    """The second factors that count, of each person that has any; recovery codes alone are none."""
    rows = await reader.all(
        """
        SELECT owner_id, array_agg(DISTINCT kind) AS kinds FROM (
            SELECT owner_id, 'totp' AS kind FROM identity.totp WHERE confirmed_at IS NOT NULL
            UNION ALL SELECT owner_id, 'sms' FROM identity.phone WHERE confirmed_at IS NOT NULL
            UNION ALL SELECT owner_id, 'passkey' FROM identity.passkey
        ) AS factors (owner_id, kind)
        WHERE owner_id = ANY($1) GROUP BY owner_id
        """,
        owner_ids,
    )
    return {row["owner_id"]: frozenset(FactorKind(kind) for kind in row["kinds"]) for row in rows}


# ------------------------------------------------------------------------------------------------------ authenticators
@dataclass(frozen=True, slots=True)
class StoredTotp:
    """An authenticator, its secret opened."""

    id: UUID
    secret: str
    last_step: int


async def insert_pending_totp(tx: Tx, runtime: Runtime, owner_id: UUID, secret: str) -> None:
    """An authenticator to be confirmed, in the place of an earlier one that was not."""
    id = runtime.new_id()
    [sealed] = await runtime.sealing.seal(tx, [(owner_id, _totp_bound_to(id), secret)])
    await tx.execute("DELETE FROM identity.totp WHERE owner_id = $1 AND confirmed_at IS NULL", owner_id)
    await tx.execute(
        "INSERT INTO identity.totp (id, owner_id, secret, created_at) VALUES ($1, $2, $3, $4)",
        id,
        owner_id,
        sealed,
        tx.now,
    )


async def find_totp(tx: Tx, runtime: Runtime, owner_id: UUID, *, pending_since: datetime | None) -> StoredTotp | None:
    """The confirmed authenticator, or the pending one that was begun after `pending_since`."""
    row = await tx.one(
        """
        SELECT id, secret, last_step FROM identity.totp
        WHERE owner_id = $1 AND (
            CASE WHEN $2::timestamptz IS NULL THEN confirmed_at IS NOT NULL
            ELSE confirmed_at IS NULL AND created_at > $2 END
        )
        """,
        owner_id,
        pending_since,
    )
    if row is None:
        return None
    [secret] = await runtime.sealing.unseal(tx, [(owner_id, _totp_bound_to(row["id"]), row["secret"])])
    if secret == SHREDDED:
        return None
    return StoredTotp(row["id"], secret, row["last_step"])


async def find_totp_start(reader: Reader, owner_id: UUID) -> datetime | None:
    """Since when an authenticator counts."""
    totp = reader.table("identity.totp")
    sql = f"SELECT confirmed_at FROM {totp} WHERE owner_id = $1 AND confirmed_at IS NOT NULL"
    found: datetime | None = await reader.value(sql, owner_id)
    return found


async def use_step(tx: Tx, totp_id: UUID, step: int) -> bool:
    """Take the step, whose code is then spent; False when it, or a later one, was taken before or meanwhile."""
    sql = "UPDATE identity.totp SET last_step = $2 WHERE id = $1 AND last_step < $2 RETURNING id"
    return await tx.value(sql, totp_id, step) is not None


async def confirm_totp(tx: Tx, owner_id: UUID, totp_id: UUID) -> None:
    """Let the pending authenticator count, in the place of the one before."""
    await tx.execute("DELETE FROM identity.totp WHERE owner_id = $1 AND id <> $2", owner_id, totp_id)
    await tx.execute("UPDATE identity.totp SET confirmed_at = $2 WHERE id = $1", totp_id, tx.now)


async def delete_totp(tx: Tx, owner_id: UUID) -> bool:
    """Remove the authenticator, and one being set up; whether there was one that counted."""
    rows = await tx.all("DELETE FROM identity.totp WHERE owner_id = $1 RETURNING confirmed_at", owner_id)
    return any(row["confirmed_at"] is not None for row in rows)


def _totp_bound_to(id: UUID) -> str:
    return f"identity.totp.secret:{id}"


# --------------------------------------------------------------------------------------------------------------- phones
@dataclass(frozen=True, slots=True)
class StoredPhone:
    """A phone, its number opened; `number_index` is equal for equal numbers."""

    id: UUID
    number: str
    number_index: bytes
    confirmed_at: datetime | None


async def insert_pending_phone(tx: Tx, runtime: Runtime, owner_id: UUID, number: str) -> StoredPhone:
    """A phone to be confirmed, in the place of an earlier one that was not."""
    id, index = runtime.new_id(), runtime.sealing.blind("identity.phone.number", number)
    [sealed] = await runtime.sealing.seal(tx, [(owner_id, _phone_bound_to(id), number)])
    await tx.execute("DELETE FROM identity.phone WHERE owner_id = $1 AND confirmed_at IS NULL", owner_id)
    await tx.execute(
        "INSERT INTO identity.phone (id, owner_id, number, number_index, created_at) VALUES ($1, $2, $3, $4, $5)",
        id,
        owner_id,
        sealed,
        index,
        tx.now,
    )
    return StoredPhone(id, number, index, None)


async def find_phone(reader: Reader, runtime: Runtime, owner_id: UUID, *, pending: bool) -> StoredPhone | None:
    """The confirmed phone, or the one being set up."""
    row = await reader.one(
        f"""
        SELECT id, number, number_index, confirmed_at FROM {reader.table("identity.phone")}
        WHERE owner_id = $1 AND (confirmed_at IS NULL) = $2
        """,
        owner_id,
        pending,
    )
    if row is None:
        return None
    [number] = await runtime.sealing.unseal(reader, [(owner_id, _phone_bound_to(row["id"]), row["number"])])
    if number == SHREDDED:
        return None
    return StoredPhone(row["id"], number, row["number_index"], row["confirmed_at"])


async def confirm_phone(tx: Tx, owner_id: UUID, phone_id: UUID) -> None:
    """Let the pending phone count, in the place of the one before."""
    await tx.execute("DELETE FROM identity.phone WHERE owner_id = $1 AND id <> $2", owner_id, phone_id)
    await tx.execute("UPDATE identity.phone SET confirmed_at = $2 WHERE id = $1", phone_id, tx.now)


async def delete_phone(tx: Tx, owner_id: UUID) -> bool:
    """Remove the phone, and one being set up; whether there was one that counted."""
    rows = await tx.all("DELETE FROM identity.phone WHERE owner_id = $1 RETURNING confirmed_at", owner_id)
    return any(row["confirmed_at"] is not None for row in rows)


def _phone_bound_to(id: UUID) -> str:
    return f"identity.phone.number:{id}"


@dataclass(frozen=True, slots=True)
class Sendings:
    """Codes sent to an account or its number in the last hour: the most of the two, and when the latest was."""

    count: int
    last_at: datetime | None


async def count_sendings(tx: Tx, owner_id: UUID, number_index: bytes, since: datetime) -> Sendings:
    """What was sent since; waits until nobody else is sending to that number."""
    await tx.value("SELECT pg_advisory_xact_lock($1)", int.from_bytes(number_index[:8], "big", signed=True))
    row = await tx.one(
        """
        SELECT count(*) FILTER (WHERE owner_id = $1) AS own, count(*) FILTER (WHERE number_index = $2) AS number,
            max(created_at) AS last_at
        FROM identity.sms_code WHERE (owner_id = $1 OR number_index = $2) AND created_at > $3
        """,
        owner_id,
        number_index,
        since,
    )
    return Sendings(max(row["own"], row["number"]), row["last_at"])


async def insert_sms_code(
    tx: Tx, runtime: Runtime, owner_id: UUID, phone: StoredPhone, code: tuple[str, timedelta]
) -> None:
    """A code that was sent, as a keyed hash; the newest of a phone is the only one that counts."""
    id, (text, ttl) = runtime.new_id(), code
    await tx.execute(
        """
        INSERT INTO identity.sms_code (id, owner_id, phone_id, number_index, hash, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        id,
        owner_id,
        phone.id,
        phone.number_index,
        _sms_hash(runtime, id, text),
        tx.now,
        tx.now + ttl,
    )


@dataclass(frozen=True, slots=True)
class StoredSmsCode:
    """The newest code of a phone, while it counts."""

    id: UUID
    hash: bytes


async def try_sms_code(tx: Tx, phone_id: UUID, tries_max: int) -> StoredSmsCode | None:
    """Count one more try of the phone's newest code and give it; None when it is used, too old or tried too often."""
    row = await tx.one(
        """
        UPDATE identity.sms_code SET tries = tries + 1
        WHERE id = (SELECT id FROM identity.sms_code WHERE phone_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1)
            AND used_at IS NULL AND expires_at > $2 AND tries < $3
        RETURNING id, hash
        """,
        phone_id,
        tx.now,
        tries_max,
    )
    return None if row is None else StoredSmsCode(row["id"], row["hash"])


async def use_sms_code(tx: Tx, runtime: Runtime, stored: StoredSmsCode, code: str) -> bool:
    """Spend the code, if it is this one; each is good once."""
    sql = "UPDATE identity.sms_code SET used_at = $3 WHERE id = $1 AND hash = $2 AND used_at IS NULL RETURNING id"
    return await tx.value(sql, stored.id, _sms_hash(runtime, stored.id, code), tx.now) is not None


def _sms_hash(runtime: Runtime, id: UUID, code: str) -> bytes:
    # Keyed: a million codes are soon tried by whoever reads the table.
    return runtime.sealing.blind("identity.sms_code", f"{id}:{code}")


# ------------------------------------------------------------------------------------------------------- recovery codes
async def replace_recovery_codes(tx: Tx, owner_id: UUID, hashes: Sequence[bytes]) -> None:
    await tx.execute("DELETE FROM identity.recovery_code WHERE owner_id = $1", owner_id)
    await tx.execute(
        """
        INSERT INTO identity.recovery_code (owner_id, hash, created_at)
        SELECT $1, hash, $3 FROM unnest($2::bytea[]) hash
        """,
        owner_id,
        hashes,
        tx.now,
    )


async def use_recovery_code(tx: Tx, owner_id: UUID, hash: bytes) -> bool:
    """Spend the code, if there is such a one unused."""
    sql = """
        UPDATE identity.recovery_code SET used_at = $3
        WHERE owner_id = $1 AND hash = $2 AND used_at IS NULL RETURNING hash
    """
    return await tx.value(sql, owner_id, hash, tx.now) is not None


async def count_recovery_codes(reader: Reader, owner_id: UUID) -> int:
    sql = f"SELECT count(*) FROM {reader.table('identity.recovery_code')} WHERE owner_id = $1 AND used_at IS NULL"
    return int(await reader.value(sql, owner_id))


async def delete_recovery_codes(tx: Tx, owner_id: UUID) -> None:
    await tx.execute("DELETE FROM identity.recovery_code WHERE owner_id = $1", owner_id)


# ----------------------------------------------------------------------------------------------- waits after wrong ones
async def lock_failures(tx: Tx, counters: Sequence[str]) -> dict[str, Failures]:
    """The counters, locked in the order of their names: two guesses at one account are looked at in turn."""
    rows = await tx.all(
        """
        INSERT INTO identity.factor_failure (counter, failures, last_at, free_at)
        SELECT counter, 0, $2, $2 FROM unnest($1::text[]) counter ORDER BY counter
        ON CONFLICT (counter) DO UPDATE SET failures = factor_failure.failures
        RETURNING counter, failures, last_at, free_at
        """,
        sorted(counters),
        tx.now,
    )
    return {row["counter"]: _failures(row) for row in rows}


async def set_failures(tx: Tx, counters: Mapping[str, Failures]) -> None:
    await tx.execute(
        """
        UPDATE identity.factor_failure f SET failures = told.failures, last_at = told.last_at, free_at = told.free_at
        FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::timestamptz[])
            AS told (counter, failures, last_at, free_at)
        WHERE f.counter = told.counter
        """,
        list(counters),
        [each.failures for each in counters.values()],
        [each.last_at for each in counters.values()],
        [each.free_at for each in counters.values()],
    )


async def sweep_factors(tx: Tx, before: datetime) -> None:
    """Forget codes sent, counters idle and enrolments not finished since `before`."""
    await tx.execute("DELETE FROM identity.sms_code WHERE created_at < $1", before)
    await tx.execute("DELETE FROM identity.factor_failure WHERE last_at < $1", before)
    await tx.execute("DELETE FROM identity.totp WHERE confirmed_at IS NULL AND created_at < $1", before)
    await tx.execute("DELETE FROM identity.phone WHERE confirmed_at IS NULL AND created_at < $1", before)
    await tx.execute("DELETE FROM identity.passkey_challenge WHERE expires_at < $1", before)


def _failures(row: Any) -> Failures:
    return Failures(row["failures"], row["last_at"], row["free_at"])


# ------------------------------------------------------------------------------------------------------------- sessions
async def set_proved(tx: Tx, session_id: UUID, owner_id: UUID) -> bool:
    """Note that a session has just shown a second factor; False when there is no such living session."""
    sql = """
        UPDATE identity.session SET proved_at = $3 WHERE id = $1 AND owner_id = $2 AND revoked_at IS NULL RETURNING id
    """
    return await tx.value(sql, session_id, owner_id, tx.now) is not None


async def find_session_start(reader: Reader, session_id: UUID) -> datetime | None:
    """When the session was opened, which took the password."""
    found: datetime | None = await reader.value("SELECT created_at FROM identity.session WHERE id = $1", session_id)
    return found
