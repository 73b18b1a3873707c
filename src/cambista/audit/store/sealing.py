"""What the sealer reads and writes: the end of the chain, rows not yet in it, links and nodes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cambista.audit.rules.chain import genesis
from cambista.audit.rules.merkle import Subtree
from cambista.audit.types.chain import Head, JournalRow, Link
from cambista.audit.types.entries import FORM, Entry
from cambista.runtime import Reader, Tx

# The columns of an entry, in the order of its fields; PostgreSQL makes the texts that are hashed.
ENTRY_COLUMNS = f"""
    e.name, e.actor_id::text, e.address, e.after, e.agent, e.before, e.branch, e.client_id::text, e.credential,
    e.facts::text, '{FORM}', e.id::text, e.key_id::text, e.outcome, e.actor_role, e.subject,
    to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.trace_id
"""
_HEAD = "SELECT branch, size, chain, frontier, xid, position FROM audit.head WHERE branch = $1"
_LINK = ("branch", "number", "xid", "position", "entry_id", "entry_hash", "chain_hash")


def journal_row(row: Any) -> JournalRow:
    """A record of place, id and `ENTRY_COLUMNS`."""
    return JournalRow(row[0], row[1], row[2], Entry(*row[3:21]))


async def find_head(reader: Reader, branch: str) -> Head | None:
    row = await reader.one(_HEAD, branch)
    return Head(*row) if row else None


async def lock_head(tx: Tx, branch: str) -> Head:
    """The end of the chain, locked: whoever holds it is the only sealer of the branch."""
    row = await tx.one(f"{_HEAD} FOR UPDATE", branch)
    if row is None:
        await tx.execute(
            "INSERT INTO audit.head (branch, chain) VALUES ($1, $2) ON CONFLICT DO NOTHING", branch, genesis(branch)
        )
        row = await tx.one(f"{_HEAD} FOR UPDATE", branch)
    return Head(*row)


async def commit_without_waiting(tx: Tx) -> None:
    """This transaction's disk write may come later: what it loses in a crash is sealed again just the same."""
    await tx.execute("SET LOCAL synchronous_commit = off")


async def list_unsealed(tx: Tx, head: Head, limit: int) -> list[JournalRow]:
    """The next rows in the order of transactions, below every transaction that still runs: none can come between."""
    rows = await tx.all(
        f"""
        SELECT e.xid, e.position, e.id, {ENTRY_COLUMNS} FROM audit.entry e
        WHERE (e.xid, e.position) > ($2, $3) AND e.xid < pg_snapshot_xmin(pg_current_snapshot()) AND e.branch = $1
        ORDER BY e.xid, e.position LIMIT $4
        """,
        head.branch,
        head.xid,
        head.position,
        limit,
    )
    return [journal_row(row) for row in rows]


async def insert_links(tx: Tx, branch: str, links: Sequence[Link]) -> None:
    await tx.copy("audit", "link", _LINK, [(branch, *link) for link in links])


async def insert_nodes(tx: Tx, branch: str, nodes: Sequence[tuple[Subtree, bytes]]) -> None:
    rows = [(branch, level, index, hash) for (level, index), hash in nodes]
    await tx.copy("audit", "node", ("branch", "level", "index", "hash"), rows)


async def move_head(tx: Tx, head: Head) -> None:
    await tx.execute(
        "UPDATE audit.head SET size = $2, chain = $3, frontier = $4, xid = $5, position = $6 WHERE branch = $1",
        head.branch,
        head.size,
        head.chain,
        head.frontier,
        head.xid,
        head.position,
    )


async def snapshot_bounds(reader: Reader) -> tuple[int, int]:
    """Below the first every transaction has ended; at the second and above none had begun."""
    row = await reader.one("SELECT pg_snapshot_xmin(s), pg_snapshot_xmax(s) FROM pg_current_snapshot() s")
    return row[0], row[1]


async def not_linked(reader: Reader, ids: Sequence[UUID]) -> list[UUID]:
    """Those of the entries that have no link."""
    rows = await reader.all(
        """
        SELECT asked.id FROM unnest($1::uuid[]) AS asked (id)
        WHERE NOT EXISTS (SELECT FROM audit.link l WHERE l.entry_id = asked.id)
        """,
        ids,
    )
    return [row["id"] for row in rows]


async def journal_is_foreign(reader: Reader) -> bool:
    """Whether rows bear transaction numbers this server has not given out yet, as after restoring a dump."""
    return bool(await reader.value("SELECT max(xid) >= pg_snapshot_xmax(pg_current_snapshot()) FROM audit.entry"))
