"""Certificates of solvency, and the leaves and upper nodes of their trees."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from cambista.audit.rules.liabilities import CHUNK, NODE, RECORD
from cambista.audit.types.solvency import Certificate, Tree
from cambista.runtime import Reader, Tx

_TURN = 0x534F4C56454E4359  # "SOLVENCY": one process makes a certificate at a time
_PLACE = 16
_COLUMNS = "id, day, as_of, statement, signature, public_key"


async def take_turn(tx: Tx) -> bool:
    """Whether this transaction may make a certificate; its end gives the turn back, however it ends."""
    return bool(await tx.value("SELECT pg_try_advisory_xact_lock($1)", _TURN))


async def insert_tree(tx: Tx, certificate_id: UUID, asset: str, tree: Tree) -> None:
    """The leaves in chunks, each under its first place, and the nodes above them."""
    await tx.copy(
        "audit",
        "liability_tree",
        ("certificate_id", "asset", "depth", "customers", "tops"),
        [(certificate_id, asset, tree.depth, tree.customers, tree.tops)],
    )
    size = CHUNK * RECORD
    await tx.copy(
        "audit",
        "liability_chunk",
        ("certificate_id", "asset", "number", "first_place", "leaves"),
        [
            (
                certificate_id,
                asset,
                number,
                tree.first_places[number * _PLACE : (number + 1) * _PLACE],
                tree.leaves[number * size : (number + 1) * size],
            )
            for number in range(len(tree.first_places) // _PLACE)
        ],
    )


async def insert_certificate(tx: Tx, certificate: Certificate, branch: str, secret: bytes) -> None:
    await tx.execute(
        f"INSERT INTO audit.certificate ({_COLUMNS}, branch, secret) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        certificate.id,
        certificate.day,
        certificate.as_of,
        certificate.statement.decode(),
        certificate.signature,
        certificate.public_key,
        branch,
        secret,
    )


async def find_certificate(reader: Reader, branch: str, day: date | None) -> Certificate | None:
    """The certificate of that day, or the newest."""
    row = await reader.one(
        f"SELECT {_COLUMNS} FROM audit.certificate WHERE branch = $1 AND ($2::date IS NULL OR day = $2) "
        "ORDER BY day DESC LIMIT 1",
        branch,
        day,
    )
    return None if row is None else _certificate(row)


def _certificate(row: Any) -> Certificate:
    statement = row["statement"].encode()
    return Certificate(row["id"], row["day"], row["as_of"], statement, row["signature"], row["public_key"])


async def find_secret(reader: Reader, certificate_id: UUID) -> bytes:
    """The sealed secret of a certificate's day."""
    return bytes(await reader.value("SELECT secret FROM audit.certificate WHERE id = $1", certificate_id))


async def list_tree_assets(reader: Reader, certificate_id: UUID) -> list[str]:
    rows = await reader.all(
        "SELECT asset FROM audit.liability_tree WHERE certificate_id = $1 ORDER BY 1", certificate_id
    )
    return [row["asset"] for row in rows]


async def find_chunks(
    reader: Reader, certificate_id: UUID, places: Mapping[str, bytes]
) -> dict[str, tuple[int, int, bytes]]:
    """By asset the depth of its tree, and number and leaves of the chunk in which that place lies."""
    rows = await reader.all(
        """
        SELECT t.asset, t.depth, c.number, c.leaves
        FROM unnest($2::text[], $3::bytea[]) AS w (asset, place)
        JOIN audit.liability_tree t ON t.certificate_id = $1 AND t.asset = w.asset
        JOIN LATERAL (
            SELECT number, leaves FROM audit.liability_chunk
            WHERE certificate_id = $1 AND asset = w.asset AND first_place <= w.place
            ORDER BY first_place DESC LIMIT 1
        ) c ON true
        """,
        certificate_id,
        list(places),
        list(places.values()),
    )
    return {row["asset"]: (row["depth"], row["number"], row["leaves"]) for row in rows}


async def find_tops(
    reader: Reader, certificate_id: UUID, starts: Mapping[str, Sequence[int]]
) -> dict[str, list[bytes]]:
    """By asset the upper nodes that begin at these places of its `tops`, in that order."""
    wanted = [(asset, start) for asset, each in starts.items() for start in each]
    rows = await reader.all(
        """
        SELECT w.asset, substring(t.tops FROM w.start + 1 FOR $4) AS node
        FROM unnest($2::text[], $3::int[]) WITH ORDINALITY AS w (asset, start, ordinal)
        JOIN audit.liability_tree t ON t.certificate_id = $1 AND t.asset = w.asset ORDER BY w.ordinal
        """,
        certificate_id,
        [asset for asset, _ in wanted],
        [start for _, start in wanted],
        NODE,
    )
    found: dict[str, list[bytes]] = {asset: [] for asset in starts}
    for row in rows:
        found[row["asset"]].append(row["node"])
    return found


async def forget_leaves(tx: Tx, branch: str, before: date) -> None:
    """Delete leaves of days before `before`, and those of attempts that came to no certificate."""
    kept = "SELECT id FROM audit.certificate WHERE branch = $1 AND day >= $2"
    await tx.execute(f"DELETE FROM audit.liability_chunk WHERE certificate_id NOT IN ({kept})", branch, before)
    await tx.execute(f"DELETE FROM audit.liability_tree WHERE certificate_id NOT IN ({kept})", branch, before)
