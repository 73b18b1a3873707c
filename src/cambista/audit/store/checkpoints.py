"""Checkpoints, and how far each sink is."""

from collections.abc import Sequence
from typing import Any

from cambista.audit.rules.checkpoints import read_checkpoint
from cambista.audit.types.chain import SinkState
from cambista.audit.types.checkpoints import Checkpoint
from cambista.runtime import Reader, Tx


async def insert_checkpoint(tx: Tx, branch: str, made: Checkpoint) -> None:
    await tx.execute(
        "INSERT INTO audit.checkpoint (branch, number, size, made_at, text) VALUES ($1, $2, $3, $4, $5)",
        branch,
        made.head.number,
        made.head.size,
        made.head.time,
        made.text,
    )


async def newest_checkpoint(reader: Reader, branch: str) -> Checkpoint | None:
    text = await reader.value(
        "SELECT text FROM audit.checkpoint WHERE branch = $1 ORDER BY number DESC LIMIT 1", branch
    )
    return None if text is None else read_checkpoint(text)


async def find_checkpoint(reader: Reader, branch: str, number: int) -> Checkpoint | None:
    text = await find_text(reader, branch, number)
    return None if text is None else read_checkpoint(text)


async def find_text(reader: Reader, branch: str, number: int) -> str | None:
    found = await reader.value("SELECT text FROM audit.checkpoint WHERE branch = $1 AND number = $2", branch, number)
    return None if found is None else str(found)


async def list_checkpoints(reader: Reader, branch: str, before: int, limit: int) -> list[Checkpoint]:
    """Newest first, from below number `before`."""
    rows = await reader.all(
        "SELECT text FROM audit.checkpoint WHERE branch = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
        branch,
        before,
        limit,
    )
    return [read_checkpoint(row["text"]) for row in rows]


async def list_after(reader: Reader, branch: str, number: int, limit: int) -> list[tuple[int, int, str]]:
    """Number, size as stored beside it, and text, oldest first, from above `number`."""
    rows = await reader.all(
        "SELECT number, size, text FROM audit.checkpoint WHERE branch = $1 AND number > $2 ORDER BY number LIMIT $3",
        branch,
        number,
        limit,
    )
    return [(row["number"], row["size"], row["text"]) for row in rows]


async def newest_of_size(reader: Reader, branch: str, size: int, *, at_least: bool) -> Checkpoint | None:
    """The first checkpoint that holds `size` entries or more, or the last that holds fewer than that or as many."""
    which = ">= $2 ORDER BY size, number LIMIT 1" if at_least else "<= $2 ORDER BY size DESC, number DESC LIMIT 1"
    text = await reader.value(f"SELECT text FROM audit.checkpoint WHERE branch = $1 AND size {which}", branch, size)
    return None if text is None else read_checkpoint(text)


async def delivered(reader: Reader, branch: str, sink: str) -> int:
    """The number of the last checkpoint the sink has."""
    found = await reader.value("SELECT number FROM audit.delivery WHERE branch = $1 AND sink = $2", branch, sink)
    return int(found or 0)


async def note_delivery(tx: Tx, branch: str, sink: str, number: int) -> None:
    """The sink has all up to `number`; two deliverers only ever move it forward."""
    await tx.execute(
        """
        INSERT INTO audit.delivery AS d (branch, sink, number) VALUES ($1, $2, $3)
        ON CONFLICT (branch, sink) DO UPDATE
        SET number = greatest(d.number, EXCLUDED.number), failures = 0, error = ''
        """,
        branch,
        sink,
        number,
    )


async def note_failure(tx: Tx, branch: str, sink: str, error: str) -> None:
    await tx.execute(
        """
        INSERT INTO audit.delivery AS d (branch, sink, failures, error) VALUES ($1, $2, 1, $3)
        ON CONFLICT (branch, sink) DO UPDATE SET failures = d.failures + 1, error = EXCLUDED.error
        """,
        branch,
        sink,
        error[:500],
    )


async def reset_delivery(tx: Tx, branch: str, sink: str) -> None:
    """The sink has nothing any more: it is given everything again."""
    await tx.execute("UPDATE audit.delivery SET number = 0 WHERE branch = $1 AND sink = $2", branch, sink)


async def list_deliveries(reader: Reader, branch: str, sinks: Sequence[str]) -> list[SinkState]:
    rows: list[Any] = await reader.all(
        """
        SELECT asked.sink, coalesce(d.number, 0) AS number, coalesce(d.failures, 0) AS failures,
            coalesce(d.error, '') AS error,
            (SELECT count(*) FROM audit.checkpoint c
             WHERE c.branch = $1 AND c.number > coalesce(d.number, 0)) AS behind
        FROM unnest($2::text[]) AS asked (sink)
        LEFT JOIN audit.delivery d ON d.branch = $1 AND d.sink = asked.sink
        """,
        branch,
        list(sinks),
    )
    return [SinkState(row["sink"], row["number"], row["behind"], row["failures"], row["error"]) for row in rows]
