"""The books recomputed from their postings, in SQL that shares no line with what wrote them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.ledger.types import Difference
from cambista.runtime import Reader, Tx

# Each account's own view of each posting that touches it.
_SIDES = """
    SELECT source_id AS id, source_number AS number, -units AS change, source_balance AS balance, booked_at
    FROM ledger.posting {source}
    UNION ALL
    SELECT destination_id, destination_number, units, destination_balance, booked_at FROM ledger.posting {destination}
"""


def _differences(rows: Sequence[Any]) -> list[Difference]:
    return [Difference(row["check"], row["subject"], row["account_id"], row["expected"], row["found"]) for row in rows]


async def unbalanced_assets(reader: Reader) -> list[Difference]:
    """Assets whose balances do not add up to zero."""
    return _differences(
        await reader.all(
            """
            SELECT 'asset_sums_to_zero' AS check, asset AS subject, NULL::bigint AS account_id,
                   '0' AS expected, sum(posted)::text AS found
            FROM ledger.account GROUP BY asset HAVING sum(posted) <> 0
            """
        )
    )


async def accounts_against_postings(reader: Reader, limit: int) -> list[Difference]:
    """Accounts whose balance or number is not what all their postings add up to."""
    return _differences(
        await reader.all(
            f"""
            WITH summed AS (SELECT id, sum(change) AS posted, count(*) AS number FROM ({_SIDES}) s GROUP BY id)
            SELECT 'balance_is_sum_of_postings' AS check, a.kind || ':' || a.owner || ' ' || a.asset AS subject,
                   a.id AS account_id, coalesce(s.posted, 0) || ' after ' || coalesce(s.number, 0) AS expected,
                   a.posted || ' after ' || a.number AS found
            FROM ledger.account a LEFT JOIN summed s USING (id)
            WHERE a.posted <> coalesce(s.posted, 0) OR a.number <> coalesce(s.number, 0) LIMIT $1
            """.format(source="", destination=""),
            limit,
        )
    )


async def broken_chains(reader: Reader, limit: int) -> list[Difference]:
    """Postings whose balance or number does not follow from the one before in the same account."""
    return _differences(await reader.all(_CHAINS.format(sides=_SIDES.format(source="", destination="")), limit))


async def broken_recent_chains(reader: Reader, account_ids: Sequence[int], depth: int, limit: int) -> list[Difference]:
    """As `broken_chains`, for the last `depth` postings of some accounts."""
    bounded = """
        SELECT s.* FROM (SELECT id, number FROM ledger.account WHERE id = ANY($2)) a, LATERAL (
            (SELECT source_id AS id, source_number AS number, -units AS change, source_balance AS balance, booked_at
             FROM ledger.posting WHERE source_id = a.id AND source_number > a.number - $3)
            UNION ALL
            (SELECT destination_id, destination_number, units, destination_balance, booked_at
             FROM ledger.posting WHERE destination_id = a.id AND destination_number > a.number - $3)
        ) s
    """
    return _differences(await reader.all(_CHAINS.format(sides=bounded), limit, list(account_ids), depth))


_CHAINS = """
    WITH sides AS ({sides}),
    chained AS (
        SELECT *, lag(balance) OVER w AS before, lag(number) OVER w AS number_before,
               lag(booked_at) OVER w AS booked_before
        FROM sides WINDOW w AS (PARTITION BY id ORDER BY number)
    )
    SELECT 'posting_follows_the_last' AS check, 'account ' || id || ' number ' || number AS subject, id AS account_id,
           coalesce(before, 0) + change || ' at ' || coalesce(number_before, 0) + 1 AS expected,
           balance || ' at ' || number AS found
    FROM chained
    WHERE (number_before IS NOT NULL OR number = 1)
      AND (balance <> coalesce(before, 0) + change OR number <> coalesce(number_before, 0) + 1
           OR booked_at < booked_before)
    LIMIT $1
"""


async def heads_against_accounts(reader: Reader, account_ids: Sequence[int], limit: int) -> list[Difference]:
    """Accounts whose balance is not that of their own last posting, or whose floor is broken."""
    return _differences(
        await reader.all(
            """
            SELECT 'balance_is_last_posting' AS check, a.kind || ':' || a.owner || ' ' || a.asset AS subject,
                   a.id AS account_id, coalesce(s.source_balance, d.destination_balance, 0)::text AS expected,
                   a.posted::text AS found
            FROM ledger.account a
            LEFT JOIN ledger.posting s ON s.source_id = a.id AND s.source_number = a.number
            LEFT JOIN ledger.posting d ON d.destination_id = a.id AND d.destination_number = a.number
            WHERE a.id = ANY($2) AND (a.posted <> coalesce(s.source_balance, d.destination_balance, 0)
               OR a.held < 0 OR (a.floor IS NOT NULL AND a.posted - a.held < a.floor)) LIMIT $1
            """,
            limit,
            list(account_ids),
        )
    )


async def held_against_holds(reader: Reader, limit: int) -> list[Difference]:
    """Accounts whose held amount is not the sum of their open holds."""
    return _differences(
        await reader.all(
            """
            WITH open AS (
                SELECT account_id AS id, sum(units - drawn_units) AS held
                FROM ledger.hold WHERE status = 'open' GROUP BY 1
            )
            SELECT 'held_is_sum_of_open_holds' AS check, a.kind || ':' || a.owner || ' ' || a.asset AS subject,
                   a.id AS account_id, coalesce(o.held, 0)::text AS expected, a.held::text AS found
            FROM ledger.account a LEFT JOIN open o USING (id) WHERE a.held <> coalesce(o.held, 0) LIMIT $1
            """,
            limit,
        )
    )


async def holds_against_draws(reader: Reader, limit: int) -> list[Difference]:
    """Holds that were drawn on by another amount than their draws add up to."""
    return _differences(
        await reader.all(
            """
            SELECT 'hold_is_drawn_by_its_draws' AS check, 'hold ' || h.id AS subject, h.account_id,
                   coalesce(d.units, 0)::text AS expected, h.drawn_units::text AS found
            FROM ledger.hold h LEFT JOIN (SELECT hold_id, sum(units) AS units FROM ledger.draw GROUP BY 1) d
            ON d.hold_id = h.id WHERE h.drawn_units <> coalesce(d.units, 0) LIMIT $1
            """,
            limit,
        )
    )


async def transfers_without_postings(reader: Reader, limit: int) -> list[Difference]:
    """Transfers and postings that lack each other, or join accounts of two assets."""
    return _differences(
        await reader.all(
            """
            SELECT 'transfer_has_postings' AS check, 'transfer ' || t.id AS subject, NULL::bigint AS account_id,
                   'postings' AS expected, 'none' AS found
            FROM ledger.transfer t WHERE NOT EXISTS (SELECT FROM ledger.posting p WHERE p.transfer_id = t.id)
            UNION ALL
            SELECT 'posting_has_transfer', 'transfer ' || p.transfer_id, p.source_id, 'a transfer', 'none'
            FROM ledger.posting p WHERE NOT EXISTS (SELECT FROM ledger.transfer t WHERE t.id = p.transfer_id)
            UNION ALL
            SELECT 'posting_of_one_asset', 'transfer ' || p.transfer_id, p.source_id, s.asset, d.asset
            FROM ledger.posting p JOIN ledger.account s ON s.id = p.source_id
            JOIN ledger.account d ON d.id = p.destination_id WHERE s.asset <> d.asset
            LIMIT $1
            """,
            limit,
        )
    )


async def list_recent_account_ids(reader: Reader, limit: int) -> list[int]:
    """Accounts of the newest postings: what the running self-audit looks at next."""
    rows = await reader.all(
        """
        SELECT DISTINCT unnest(ARRAY[p.source_id, p.destination_id]) AS id
        FROM (SELECT id FROM ledger.transfer ORDER BY id DESC LIMIT $1) t JOIN ledger.posting p ON p.transfer_id = t.id
        """,
        limit,
    )
    return [row["id"] for row in rows]


async def insert_breaches(tx: Tx, ids: Sequence[UUID], found_at: datetime, differences: Sequence[Difference]) -> None:
    await tx.copy(
        "ledger",
        "breach",
        ("id", "found_at", "check", "subject", "account_id", "expected", "found"),
        [
            (id, found_at, each.check, each.subject, each.account_id, each.expected, each.found)
            for id, each in zip(ids, differences, strict=True)
        ],
    )


async def known_breaches(reader: Reader) -> set[tuple[str, str]]:
    rows = await reader.all('SELECT "check", subject FROM ledger.breach')
    return {(row["check"], row["subject"]) for row in rows}
