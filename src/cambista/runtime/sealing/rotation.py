"""Rotation: every data key under the newest key-encryption key, a batch at a time, beside readers and writers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from cambista.runtime.database import Database
from cambista.runtime.sealing.port import KeyProvider, KeyUnreadable, WrappedKey

BATCH = 100
_log = structlog.get_logger(__name__)


async def rewrap(db: Database, provider: KeyProvider, everything_before: datetime | None = None) -> int:
    """Wrap again what the newest key has not wrapped; how many. A key that does not open is logged and left."""
    newest = await provider.newest()
    done, after = 0, None
    while True:
        async with db.read() as reader:
            rows = await reader.all(
                """
                SELECT subject, version, wrapped, kek FROM runtime.data_key
                WHERE wrapped IS NOT NULL AND (kek <> $1 OR wrapped_at < $2)
                AND ($3::uuid IS NULL OR (subject, version) > ($3, $4::int))
                ORDER BY subject, version LIMIT $5
                """,
                newest,
                everything_before,
                *(after or (None, None)),
                BATCH,
            )
        if not rows:
            return done
        after = (rows[-1]["subject"], rows[-1]["version"])
        # The provider is asked between the transactions: no lock waits for it.
        opened = await provider.unwrap([WrappedKey(row["kek"], row["wrapped"]) for row in rows])
        readable = [(row, key) for row, key in zip(rows, opened, strict=True) if not isinstance(key, KeyUnreadable)]
        if len(readable) < len(rows):
            _log.error("data_keys_unreadable", keys=len(rows) - len(readable))
        wrapped = await provider.wrap([key for _, key in readable])
        done += await _store(db, [(row, each) for (row, _), each in zip(readable, wrapped, strict=True)])


async def _store(db: Database, rows: Sequence[tuple[Any, WrappedKey]]) -> int:
    async with db.transaction() as tx:
        # Only where nobody rewrapped or shredded it meanwhile.
        status = await tx.execute(
            """
            UPDATE runtime.data_key k SET wrapped = w.new, kek = w.kek, wrapped_at = $6
            FROM unnest($1::uuid[], $2::int[], $3::bytea[], $4::bytea[], $5::text[])
                AS w (subject, version, old, new, kek)
            WHERE k.subject = w.subject AND k.version = w.version AND k.wrapped = w.old
            """,
            [row["subject"] for row, _ in rows],
            [row["version"] for row, _ in rows],
            [row["wrapped"] for row, _ in rows],
            [each.blob for _, each in rows],
            [each.kek for _, each in rows],
            tx.now,
        )
    return int(status.rpartition(" ")[2])
