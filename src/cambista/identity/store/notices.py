"""The SQL of notices: written with the deed they tell of, lent out for sending, emptied once sent."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cambista.identity.types.notices import Channel, DueNotice, Notice, NoticeFailure
from cambista.runtime import SHREDDED, Reader, Runtime, Tx

_COLUMNS = ("id", "recipient_id", "channel", "template", "language", "contents", "created_at", "expires_at", "due_at")


async def insert_notices(tx: Tx, runtime: Runtime, notices: Sequence[Notice]) -> list[UUID]:
    """Put notices on their way when this transaction commits; addresses and facts are sealed. Their ids."""
    if not notices:
        return []
    ids = runtime.new_ids(len(notices))
    sealed = await runtime.sealing.seal(
        tx, [(each.recipient_id, _bound_to(id), _contents(each)) for id, each in zip(ids, notices, strict=True)]
    )
    rows = [
        (id, each.recipient_id, each.channel.value, each.template, each.language, text, tx.now, each.expires_at, tx.now)
        for id, each, text in zip(ids, notices, sealed, strict=True)
    ]
    await tx.copy("identity", "notice", _COLUMNS, rows)
    return ids


async def count_since(reader: Reader, recipient_ids: Sequence[UUID], template: str, since: datetime) -> dict[UUID, int]:
    """How many notices of that template were written to each person since then."""
    rows = await reader.all(
        """
        SELECT recipient_id, count(*) AS notices FROM identity.notice
        WHERE recipient_id = ANY($1) AND template = $2 AND created_at > $3 GROUP BY recipient_id
        """,
        recipient_ids,
        template,
        since,
    )
    return {row["recipient_id"]: row["notices"] for row in rows}


async def take_due(tx: Tx, runtime: Runtime, limit: int, lease: timedelta, attempts_max: int) -> list[DueNotice]:
    """Lend out due notices, oldest first; another process's are passed over."""
    rows = await tx.all(
        """
        WITH due AS (
            SELECT id FROM identity.notice
            WHERE contents IS NOT NULL AND due_at <= $1 AND expires_at > $1 AND attempts < $4
            ORDER BY due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE identity.notice n SET due_at = $1 + $3::interval, attempts = n.attempts + 1
        FROM due WHERE n.id = due.id
        RETURNING n.id, n.recipient_id, n.channel, n.template, n.language, n.contents, n.expires_at, n.attempts
        """,
        tx.now,
        limit,
        lease,
        attempts_max,
    )
    asked = [(row["recipient_id"], _bound_to(row["id"]), row["contents"]) for row in rows]
    texts = await runtime.sealing.unseal(tx, asked)
    forgotten = [row["id"] for row, text in zip(rows, texts, strict=True) if text == SHREDDED]
    await set_failed(tx, [NoticeFailure(id, "forgotten", None) for id in forgotten])
    taken = [_due(row, text) for row, text in zip(rows, texts, strict=True) if text != SHREDDED]
    return sorted(taken, key=lambda each: each.id)


async def set_sent(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.execute(
        "UPDATE identity.notice SET sent_at = $2, contents = NULL WHERE id = ANY($1) AND contents IS NOT NULL",
        ids,
        tx.now,
    )


async def set_failed(tx: Tx, failures: Sequence[NoticeFailure]) -> None:
    """Note failures: a notice is due again at `retry_at`, or given up and emptied."""
    if not failures:
        return
    await tx.execute(
        """
        UPDATE identity.notice n SET
            failure = told.code,
            due_at = coalesce(told.retry_at, n.due_at),
            failed_at = CASE WHEN told.retry_at IS NULL THEN $4::timestamptz END,
            contents = CASE WHEN told.retry_at IS NOT NULL THEN n.contents END
        FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS told (id, code, retry_at)
        WHERE n.id = told.id AND n.contents IS NOT NULL
        """,
        [each.id for each in failures],
        [each.code for each in failures],
        [each.retry_at for each in failures],
        tx.now,
    )


async def sweep(tx: Tx, attempts_max: int, kept: timedelta) -> None:
    """Give up what has expired or was tried often enough and is not lent out; drop what is older than `kept`."""
    await tx.execute(
        """
        UPDATE identity.notice SET failed_at = $1, contents = NULL, failure = coalesce(failure, 'expired')
        WHERE contents IS NOT NULL AND due_at <= $1 AND (expires_at <= $1 OR attempts >= $2)
        """,
        tx.now,
        attempts_max,
    )
    before: datetime = tx.now - kept
    await tx.execute("DELETE FROM identity.notice WHERE created_at < $1 AND contents IS NULL", before)


def _bound_to(id: UUID) -> str:
    return f"identity.notice.contents:{id}"


def _contents(notice: Notice) -> str:
    return json.dumps({"to": notice.to, "facts": dict(notice.facts)}, ensure_ascii=False)


def _due(row: Any, text: str) -> DueNotice:
    contents = json.loads(text)
    notice = Notice(
        row["recipient_id"], Channel(row["channel"]), contents["to"], row["template"], row["language"],
        contents["facts"], row["expires_at"],
    )  # fmt: skip
    return DueNotice(row["id"], notice, row["attempts"])
