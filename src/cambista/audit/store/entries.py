"""Reads of entries with their numbers: lists, one by id, whole stretches for checks and exports."""

from collections.abc import Sequence
from uuid import UUID

from cambista.audit.store.sealing import ENTRY_COLUMNS, journal_row
from cambista.audit.types.chain import EntryFilter, JournalRow, Link, ListedEntry
from cambista.runtime import Reader

_LINK = "l.number, l.xid, l.position, l.entry_id, l.entry_hash, l.chain_hash"
Numbered = tuple[int, JournalRow]


async def list_entries(
    reader: Reader, branch: str, asked: EntryFilter, before: tuple[int, int] | None, limit: int
) -> list[ListedEntry]:
    """Newest first, from below the place `before`."""
    xid, position = before or (2**63 - 1, 0)
    rows = await reader.all(
        f"""
        SELECT e.xid, e.position, e.id, {ENTRY_COLUMNS},
            (SELECT l.number FROM audit.link l WHERE l.entry_id = e.id AND l.branch = e.branch LIMIT 1) AS number
        FROM audit.entry e
        WHERE e.branch = $1 AND (e.xid, e.position) < ($2, $3)
            AND ($4::uuid IS NULL OR e.actor_id = $4) AND ($5::text IS NULL OR e.name = $5)
            AND ($6::text IS NULL OR e.subject = $6)
            AND ($7::timestamptz IS NULL OR e.occurred_at >= $7) AND ($8::timestamptz IS NULL OR e.occurred_at < $8)
        ORDER BY e.xid DESC, e.position DESC LIMIT $9
        """,
        branch,
        xid,
        position,
        asked.actor,
        asked.action,
        asked.subject,
        asked.since,
        asked.until,
        limit,
    )
    return [ListedEntry(row["number"], (row[0], row[1]), journal_row(row).entry) for row in rows]


async def find_numbered(reader: Reader, branch: str, id: UUID) -> Numbered | None:
    """A sealed entry by its id."""
    row = await reader.one(
        f"""
        SELECT e.xid, e.position, e.id, {ENTRY_COLUMNS}, l.number
        FROM audit.link l JOIN audit.entry e ON (e.xid, e.position) = (l.xid, l.position)
        WHERE l.entry_id = $2 AND l.branch = $1
        """,
        branch,
        id,
    )
    return (row["number"], journal_row(row)) if row else None


async def list_numbered(reader: Reader, branch: str, after: int, limit: int, size: int) -> list[Numbered]:
    """Sealed entries by number, from above `after`, up to number `size`."""
    rows = await reader.all(
        f"""
        SELECT e.xid, e.position, e.id, {ENTRY_COLUMNS}, l.number
        FROM audit.link l JOIN audit.entry e ON (e.xid, e.position) = (l.xid, l.position)
        WHERE l.branch = $1 AND l.number > $2 AND l.number <= $3 ORDER BY l.number LIMIT $4
        """,
        branch,
        after,
        size,
        limit,
    )
    return [(row["number"], journal_row(row)) for row in rows]


async def list_about(
    reader: Reader, branch: str, about: tuple[UUID, Sequence[str]], after: int, limit: int
) -> list[Numbered]:
    """Sealed entries made by that actor or about one of the subjects, by number, from above `after`."""
    rows = await reader.all(
        f"""
        SELECT e.xid, e.position, e.id, {ENTRY_COLUMNS}, l.number
        FROM audit.entry e JOIN audit.link l ON l.branch = e.branch AND l.entry_id = e.id
        WHERE e.branch = $1 AND (e.actor_id = $2 OR e.subject = ANY($3)) AND l.number > $4
        ORDER BY l.number LIMIT $5
        """,
        branch,
        about[0],
        list(about[1]),
        after,
        limit,
    )
    return [(row["number"], journal_row(row)) for row in rows]


async def list_links(reader: Reader, branch: str, after: int, limit: int) -> list[Link]:
    """Links by number, from above `after`."""
    rows = await reader.all(
        f"SELECT {_LINK} FROM audit.link l WHERE l.branch = $1 AND l.number > $2 ORDER BY l.number LIMIT $3",
        branch,
        after,
        limit,
    )
    return [Link(*row) for row in rows]


async def find_link(reader: Reader, branch: str, number: int) -> Link | None:
    row = await reader.one(f"SELECT {_LINK} FROM audit.link l WHERE l.branch = $1 AND l.number = $2", branch, number)
    return Link(*row) if row else None


async def list_rows(reader: Reader, branch: str, after: tuple[int, int], limit: int) -> list[JournalRow]:
    """Rows of the journal in the order of transactions, from above the place `after`, sealed or not."""
    rows = await reader.all(
        f"""
        SELECT e.xid, e.position, e.id, {ENTRY_COLUMNS} FROM audit.entry e
        WHERE e.branch = $1 AND (e.xid, e.position) > ($2, $3) ORDER BY e.xid, e.position LIMIT $4
        """,
        branch,
        *after,
        limit,
    )
    return [journal_row(row) for row in rows]


async def has_row(reader: Reader, branch: str, id: UUID) -> bool:
    """Whether the journal has the entry anywhere: looks at every row, for checks that found something."""
    return bool(await reader.value("SELECT EXISTS (SELECT FROM audit.entry WHERE branch = $1 AND id = $2)", branch, id))


async def numbers_of_period(reader: Reader, branch: str, asked: EntryFilter) -> tuple[int, int] | None:
    """The first and the last number sealed of the entries that happened in the period; None when there is none."""
    row = await reader.one(
        """
        SELECT min(l.number), max(l.number)
        FROM audit.entry e JOIN audit.link l ON l.branch = e.branch AND l.entry_id = e.id
        WHERE e.branch = $1
            AND ($2::timestamptz IS NULL OR e.occurred_at >= $2) AND ($3::timestamptz IS NULL OR e.occurred_at < $3)
        """,
        branch,
        asked.since,
        asked.until,
    )
    return None if row[0] is None else (row[0], row[1])
