"""Hashes of the tree: leaves from the links, kept nodes above them."""

from collections.abc import Sequence

from cambista.runtime import Reader


async def find_hashes(reader: Reader, branch: str, level: int, ranges: Sequence[tuple[int, int]]) -> dict[int, bytes]:
    """Of one level the hashes in these ranges of indexes (the end not included), by index."""
    return {
        row["index"]: row["hash"]
        for row in await reader.all(
            _LEAVES if level == 0 else _NODES.format(level=level),
            branch,
            [start for start, _ in ranges],
            [end for _, end in ranges],
        )
    }


_LEAVES = """
    SELECT l.number - 1 AS index, l.entry_hash AS hash
    FROM unnest($2::bigint[], $3::bigint[]) AS asked (first, beyond)
    JOIN audit.link l ON l.branch = $1 AND l.number > asked.first AND l.number <= asked.beyond
"""
_NODES = """
    SELECT n.index, n.hash
    FROM unnest($2::bigint[], $3::bigint[]) AS asked (first, beyond)
    JOIN audit.node n ON n.branch = $1 AND n.level = {level} AND n.index >= asked.first AND n.index < asked.beyond
"""
