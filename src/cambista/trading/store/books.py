"""The journal of each pair's book in SQL: where it stands, its commands, its snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cambista.kernel.market import Price
from cambista.kernel.money import Amount
from cambista.kernel.registry import PairSpec
from cambista.runtime import Reader, Tx


@dataclass(frozen=True, slots=True)
class Head:
    """A book's last command, and the stamp of the transaction that wrote it (None: there was none yet)."""

    number: int
    stamp: UUID | None


async def lock_heads(tx: Tx, pairs: Sequence[str]) -> dict[str, Head]:
    """Where those books stand; nobody else moves them until the transaction ends. In one order everywhere."""
    lock = "SELECT pair, number, stamp FROM trading.book WHERE pair = ANY($1) ORDER BY pair FOR UPDATE"
    rows = await tx.all(lock, pairs)
    if len(rows) < len(pairs):
        wanted = sorted(set(pairs))
        await tx.execute(
            "INSERT INTO trading.book (pair) SELECT unnest($1::text[]) ON CONFLICT (pair) DO NOTHING", wanted
        )
        rows = await tx.all(lock, wanted)
    return {row["pair"]: Head(row["number"], row["stamp"]) for row in rows}


async def move_heads(tx: Tx, heads: dict[str, Head]) -> None:
    await tx.execute(
        """
        UPDATE trading.book b SET number = w.number, stamp = w.stamp
        FROM unnest($1::text[], $2::bigint[], $3::uuid[]) AS w (pair, number, stamp) WHERE b.pair = w.pair
        """,
        list(heads),
        [head.number for head in heads.values()],
        [head.stamp for head in heads.values()],
    )


async def insert_commands(tx: Tx, rows: Sequence[tuple[str, int, UUID, bytes]]) -> None:
    await tx.copy("trading", "book_command", ("pair", "number", "stamp", "command"), rows)


async def list_commands(reader: Reader, pair: str, first: int) -> list[tuple[int, UUID, bytes]]:
    """Commands of a book from number `first` on."""
    rows = await reader.all(
        "SELECT number, stamp, command FROM trading.book_command WHERE pair = $1 AND number >= $2 ORDER BY number",
        pair,
        first,
    )
    return [(row["number"], row["stamp"], row["command"]) for row in rows]


async def insert_snapshots(tx: Tx, rows: Sequence[tuple[str, int, str, bytes]]) -> None:
    await tx.copy("trading", "book_snapshot", ("pair", "number", "hash", "state"), rows)


async def list_snapshots(reader: Reader, pair: str, count: int) -> list[tuple[int, str, bytes]]:
    """The newest snapshots of a book, newest first."""
    rows = await reader.all(
        "SELECT number, hash, state FROM trading.book_snapshot WHERE pair = $1 ORDER BY number DESC LIMIT $2",
        pair,
        count,
    )
    return [(row["number"], row["hash"], row["state"]) for row in rows]


async def list_levels(reader: Reader, spec: PairSpec, side: str, depth: int) -> list[tuple[Price, Amount]]:
    """The best levels of a side and what is shown there, best first. A resting order rests at its limit."""
    direction = "DESC" if side == "buy" else "ASC"
    rows = await reader.all(
        f"""
        SELECT limit_ticks, sum(shown_lots)::bigint AS lots FROM trading.book_order
        WHERE pair = $1 AND side = $2 AND shown_lots > 0
        GROUP BY limit_ticks ORDER BY limit_ticks {direction} LIMIT $3
        """,
        str(spec.pair),
        side,
        depth,
    )
    return [
        (Price(spec.tick * row["limit_ticks"], spec.pair), Amount(row["lots"] * spec.lot.units, spec.pair.base))
        for row in rows
    ]
