"""Reads of the whole ledger for the proof of liabilities: customers' balances, and totals by kind of account."""

from cambista.kernel.registry import ASSETS
from cambista.ledger.types import OwedPage, Total
from cambista.runtime import Reader


async def page_of_owed(reader: Reader, after: int, limit: int) -> OwedPage:
    """Customers' balances by asset, packed by the server: a row of its own would cost more than its hash."""
    rows = await reader.all(
        """
        SELECT asset, string_agg(uuid_send(owner::uuid) || int8send(posted), ''::bytea) AS records, max(id) AS last
        FROM (SELECT id, owner, asset, posted FROM ledger.account WHERE kind = 'customer' AND id > $1
              ORDER BY id LIMIT $2) page
        GROUP BY asset
        """,
        after,
        limit,
    )
    return OwedPage({row["asset"]: row["records"] for row in rows}, max((row["last"] for row in rows), default=None))


async def list_totals(reader: Reader) -> list[Total]:
    rows = await reader.all(
        """
        SELECT asset, kind, CASE WHEN kind = 'customer' THEN '' ELSE owner END AS owner, sum(posted)::text AS units
        FROM ledger.account GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """
    )
    return [Total(ASSETS[row["asset"]], row["kind"], row["owner"], int(row["units"])) for row in rows]
