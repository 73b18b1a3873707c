"""The SQL of sessions and of the devices they were opened on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.identity.types.people import Session, SessionEnd
from cambista.runtime import Reader, Tx

_SESSION = """
    SELECT id, owner_id, device, address, created_at, idle_until - make_interval(secs => idle_s) AS last_seen_at,
        idle_until, expires_at, proved_at, revoked_at
"""


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """A session to be stored, with what of it is not shown."""

    record: Session
    hash: bytes
    idle_s: int
    agent_hash: bytes
    device_id: UUID | None


@dataclass(frozen=True, slots=True)
class Device:
    """A device somebody has logged in on."""

    id: UUID
    principal_id: UUID
    hash: bytes


def _session(row: Any) -> Session:
    return Session(
        row["id"], row["owner_id"], row["device"], row["address"], row["created_at"], row["last_seen_at"],
        row["idle_until"], row["expires_at"], row["proved_at"], row["revoked_at"],
    )  # fmt: skip


async def insert_sessions(tx: Tx, drafts: Sequence[SessionDraft]) -> None:
    await tx.copy(
        "identity",
        "session",
        (
            "id", "owner_id", "hash", "created_at", "expires_at", "idle_until", "idle_s", "proved_at", "agent_hash",
            "device_id", "device", "address",
        ),
        [
            (
                each.record.id, each.record.owner_id, each.hash, each.record.created_at, each.record.expires_at,
                each.record.idle_until, each.idle_s, each.record.proved_at, each.agent_hash, each.device_id,
                each.record.device, each.record.address,
            )
            for each in drafts
        ],
    )  # fmt: skip


async def list_living(reader: Reader, owner_ids: Sequence[UUID], now: datetime) -> list[Session]:
    """The sessions of those people that have not ended, newest first."""
    rows = await reader.all(
        f"""
        {_SESSION} FROM {reader.table("identity.session")}
        WHERE owner_id = ANY($1) AND revoked_at IS NULL AND least(expires_at, idle_until) > $2
        ORDER BY created_at DESC, id DESC
        """,
        owner_ids,
        now,
    )
    return [_session(row) for row in rows]


async def lock_sessions(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Session]:
    rows = await tx.all(
        f"{_SESSION} FROM identity.session WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(ids))
    )
    return {row["id"]: _session(row) for row in rows}


async def end_sessions(tx: Tx, ids: Sequence[UUID], why: SessionEnd) -> None:
    """End those that have not ended."""
    if ids:
        await tx.execute(
            "UPDATE identity.session SET revoked_at = $2, end_reason = $3 WHERE id = ANY($1) AND revoked_at IS NULL",
            ids,
            tx.now,
            why.value,
        )


async def end_sessions_of(tx: Tx, owner_ids: Sequence[UUID], why: SessionEnd, *, but: Sequence[UUID] = ()) -> int:
    """End all living sessions of those people except some; how many that were."""
    rows = await tx.all(
        """
        UPDATE identity.session SET revoked_at = $2, end_reason = $3
        WHERE owner_id = ANY($1) AND revoked_at IS NULL AND least(expires_at, idle_until) > $2 AND id <> ALL($4)
        RETURNING id
        """,
        owner_ids,
        tx.now,
        why.value,
        but,
    )
    return len(rows)


async def set_seen(tx: Tx, uses: Mapping[UUID, datetime]) -> None:
    """Let sessions rest from their last use on, a minute at least after the last note; never waits for a lock."""
    await tx.execute(
        """
        WITH used AS (
            SELECT s.id, u.at
            FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) JOIN identity.session s USING (id)
            WHERE s.revoked_at IS NULL AND s.idle_until - make_interval(secs => s.idle_s) <= u.at - interval '1 minute'
            ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED
        )
        UPDATE identity.session s SET idle_until = used.at + make_interval(secs => s.idle_s)
        FROM used WHERE s.id = used.id
        """,
        list(uses),
        list(uses.values()),
    )


async def sweep_sessions(tx: Tx, before: datetime) -> None:
    """Forget sessions that ended before that moment."""
    await tx.execute(
        "DELETE FROM identity.session WHERE least(expires_at, idle_until, coalesce(revoked_at, expires_at)) < $1",
        before,
    )


# -------------------------------------------------------------------------------------------------------------- devices
async def find_devices(reader: Reader, hashes: Sequence[bytes], seen_since: datetime) -> dict[bytes, Device]:
    """Devices somebody has logged in on, and not too long ago, by their token's hash."""
    rows = await reader.all(
        "SELECT id, principal_id, hash FROM identity.device WHERE hash = ANY($1) AND seen_at > $2", hashes, seen_since
    )
    return {row["hash"]: Device(row["id"], row["principal_id"], row["hash"]) for row in rows}


async def insert_devices(tx: Tx, devices: Sequence[Device]) -> None:
    await tx.copy(
        "identity",
        "device",
        ("id", "principal_id", "hash", "created_at", "seen_at"),
        [(each.id, each.principal_id, each.hash, tx.now, tx.now) for each in devices],
    )


async def note_devices(tx: Tx, ids: Sequence[UUID]) -> None:
    """Somebody has just logged in on them again."""
    await tx.execute("UPDATE identity.device SET seen_at = $2 WHERE id = ANY($1)", ids, tx.now)


async def count_devices(reader: Reader, principal_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await reader.all(
        "SELECT principal_id, count(*) AS devices FROM identity.device WHERE principal_id = ANY($1) GROUP BY 1",
        principal_ids,
    )
    return {row["principal_id"]: row["devices"] for row in rows}


async def trim_devices(tx: Tx, principal_ids: Sequence[UUID], kept: int) -> None:
    """Forget all but so many devices of each person, those last seen."""
    await tx.execute(
        """
        DELETE FROM identity.device d USING (
            SELECT id, row_number() OVER (PARTITION BY principal_id ORDER BY seen_at DESC, id DESC) AS place
            FROM identity.device WHERE principal_id = ANY($1)
        ) AS ranked WHERE d.id = ranked.id AND ranked.place > $2
        """,
        principal_ids,
        kept,
    )


async def delete_devices_of(tx: Tx, principal_ids: Sequence[UUID]) -> None:
    await tx.execute("DELETE FROM identity.device WHERE principal_id = ANY($1)", principal_ids)


async def sweep_devices(tx: Tx, before: datetime) -> None:
    """Forget devices not seen since that moment."""
    await tx.execute("DELETE FROM identity.device WHERE seen_at < $1", before)
