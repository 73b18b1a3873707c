"""The SQL of sagas: set-based, on `runtime.saga` and `runtime.saga_step`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from cambista.runtime.database import Reader, Tx
from cambista.runtime.sagas.types import Json, Saga, SagaStatus, SagaStep, step_id

_COLUMNS = """
    id, kind, payload, status, step, undoing, outside, sent_at, giving_up, attempts, reason, due_at, fence, step_since,
    started_at, ended_at
"""
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_STATUS = {status.value: status for status in SagaStatus}


@dataclass(frozen=True, slots=True)
class Result:
    """A step's row to write: `sent`, `done` with a value, or `refused`."""

    saga: Saga
    status: str
    value: Json = None


async def insert_sagas(tx: Tx, sagas: Sequence[Saga]) -> int:
    """New sagas of one kind and first step; one whose id is there stays as it is. How many were new."""
    if not sagas:
        return 0
    first = sagas[0]
    tag = await tx.execute(
        """
        INSERT INTO runtime.saga (id, kind, payload, status, step, outside, due_at, step_since, started_at)
        SELECT id, $3, payload, 'running', $4, $5, $6, $6, $6 FROM unnest($1::uuid[], $2::jsonb[]) AS s (id, payload)
        ON CONFLICT (id) DO NOTHING
        """,
        [saga.id for saga in sagas],
        [_encode(saga.payload).decode() for saga in sagas],
        first.kind,
        first.step,
        first.outside,
        first.started_at,
    )
    return int(tag.rpartition(" ")[2])


async def lock_due(tx: Tx, kinds: Sequence[str], *, outside: bool, limit: int) -> list[Saga]:
    """The sagas due longest that nobody else is at, locked until the transaction ends."""
    rows = await tx.all(
        f"""
        SELECT {_COLUMNS} FROM runtime.saga
        WHERE status IN ('running', 'compensating') AND outside = $1 AND due_at <= $2 AND kind = ANY($3)
        ORDER BY due_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
        """,
        outside,
        tx.now,
        kinds,
        limit,
    )
    return [_saga(row) for row in rows]


async def lock_sagas(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Saga]:
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM runtime.saga WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(ids))
    )
    return {row["id"]: _saga(row) for row in rows}


async def find_values(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, dict[str, Json]]:
    """What the steps done so far gave, by saga and step."""
    rows = await tx.all(
        """
        SELECT saga_id, step, value FROM runtime.saga_step
        WHERE saga_id = ANY($1) AND NOT undoing AND status = 'done' AND value IS NOT NULL
        """,
        ids,
    )
    values: dict[UUID, dict[str, Json]] = {}
    for row in rows:
        values.setdefault(row["saga_id"], {})[row["step"]] = _decode(row["value"])
    return values


async def set_sagas(tx: Tx, sagas: Sequence[Saga]) -> None:
    if not sagas:
        return
    await tx.execute(
        """
        UPDATE runtime.saga s
        SET status = n.status, step = n.step, undoing = n.undoing, outside = n.outside, sent_at = n.sent_at,
            giving_up = n.giving_up, attempts = n.attempts, reason = n.reason, due_at = n.due_at, fence = n.fence,
            step_since = n.step_since, ended_at = n.ended_at
        FROM unnest(
            $1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::timestamptz[], $7::boolean[],
            $8::int[], $9::text[], $10::timestamptz[], $11::bigint[], $12::timestamptz[], $13::timestamptz[]
        ) AS n (
            id, status, step, undoing, outside, sent_at, giving_up, attempts, reason, due_at, fence, step_since,
            ended_at
        )
        WHERE s.id = n.id
        """,
        *_arrays(sagas),
    )


def _arrays(sagas: Sequence[Saga]) -> list[list[object]]:
    rows = [
        (
            s.id, s.status.value, s.step, s.undoing, s.outside, s.sent_at, s.giving_up, s.attempts, s.reason, s.due_at,
            s.fence, s.step_since, s.ended_at,
        )
        for s in sagas
    ]  # fmt: skip
    return [list(column) for column in zip(*rows, strict=True)]


async def insert_done(tx: Tx, done: Sequence[Result]) -> None:
    """Steps of the house's own that are done: each is done once, so the cheapest way in will do."""
    await tx.copy(
        "runtime",
        "saga_step",
        ("saga_id", "step", "undoing", "id", "status", "value", "ended_at"),
        [
            (saga.id, saga.step, saga.undoing, _id(saga), "done", _text(each.value), tx.now)
            for each in done
            for saga in (each.saga,)
        ],
    )


async def put_steps(tx: Tx, results: Sequence[Result]) -> None:
    """Steps outside: the intent before the call, over it the result."""
    if not results:
        return
    await tx.execute(
        """
        INSERT INTO runtime.saga_step (saga_id, step, undoing, id, status, value, sent_at, ended_at)
        SELECT n.saga_id, n.step, n.undoing, n.id, n.status, n.value, n.sent_at,
               CASE WHEN n.status <> 'sent' THEN $8::timestamptz END
        FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::uuid[], $5::text[], $6::jsonb[], $7::timestamptz[])
            AS n (saga_id, step, undoing, id, status, value, sent_at)
        ON CONFLICT (saga_id, step, undoing) DO UPDATE
        SET status = excluded.status, value = excluded.value, sent_at = coalesce(excluded.sent_at, saga_step.sent_at),
            ended_at = excluded.ended_at
        """,
        [each.saga.id for each in results],
        [each.saga.step for each in results],
        [each.saga.undoing for each in results],
        [_id(each.saga) for each in results],
        [each.status for each in results],
        [_text(each.value) for each in results],
        [each.saga.sent_at for each in results],
        tx.now,
    )


async def find_saga(reader: Reader, id: UUID) -> Saga | None:
    row = await reader.one(f"SELECT {_COLUMNS} FROM runtime.saga WHERE id = $1", id)
    return None if row is None else _saga(row)


async def list_steps(reader: Reader, id: UUID) -> list[SagaStep]:
    """In the order in which they began."""
    rows = await reader.all(
        """
        SELECT step, undoing, id, status, value, sent_at, ended_at FROM runtime.saga_step WHERE saga_id = $1
        ORDER BY coalesce(sent_at, ended_at), undoing, ended_at
        """,
        id,
    )
    return [_step(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list shows: of one status and kind or of all, older than `before`, at most `limit`."""

    status: SagaStatus | None
    kind: str | None
    before: UUID | None
    limit: int


async def list_sagas(reader: Reader, asked: Asked) -> list[Saga]:
    """Newest ids first. The stuck ones have an index of their own, so the word itself stands in the statement."""
    chosen = "true" if asked.status is None else f"status = '{asked.status.value}'"
    rows = await reader.all(
        f"""
        SELECT {_COLUMNS} FROM runtime.saga
        WHERE {chosen} AND ($1::text IS NULL OR kind = $1) AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        """,
        asked.kind,
        asked.before,
        asked.limit,
    )
    return [_saga(row) for row in rows]


async def count_open(reader: Reader) -> Mapping[str, int]:
    """How many run, are being taken back, and are stuck."""
    rows = await reader.all(
        """
        SELECT status, count(*) AS count FROM runtime.saga
        WHERE status IN ('running', 'compensating') GROUP BY status
        UNION ALL SELECT 'stuck', count(*) FROM runtime.saga WHERE status = 'stuck'
        """
    )
    return {row["status"]: row["count"] for row in rows}


async def delete_ended(tx: Tx, before: datetime, limit: int) -> int:
    """Forget sagas that ended before then, with their steps; how many."""
    rows = await tx.all(
        """
        SELECT id FROM runtime.saga WHERE ended_at < $1 ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        before,
        limit,
    )
    ids = [row["id"] for row in rows]
    await tx.execute("DELETE FROM runtime.saga_step WHERE saga_id = ANY($1)", ids)
    await tx.execute("DELETE FROM runtime.saga WHERE id = ANY($1)", ids)
    return len(ids)


def _id(saga: Saga) -> UUID:
    return step_id(saga.id, saga.step, undoing=saga.undoing)


def _text(value: Json) -> str | None:
    return None if value is None else _encode(value).decode()


def _saga(row: Any) -> Saga:
    id, kind, payload, status, *rest = row
    return Saga(id, kind, _decode(payload), _STATUS[status], *rest)


def _step(row: Any) -> SagaStep:
    value = row["value"]
    return SagaStep(
        row["step"], row["undoing"], row["id"], row["status"], None if value is None else _decode(value),
        row["sent_at"], row["ended_at"],
    )  # fmt: skip
