"""The rules of `domain.md`, asked of the database in SQL of our own: no line is shared with what wrote the rows."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import asyncpg

from cambista.app.build import House
from cambista.kernel.registry import PAIRS
from tests.simulation.verdicts import Violation, expect

# Each must return no row. The names are what a violation is called by.
RULES: Mapping[str, str] = {
    "each_asset_sums_to_zero": "SELECT asset, sum(posted) FROM ledger.account GROUP BY asset HAVING sum(posted) <> 0",
    "no_account_below_its_floor": """
        SELECT kind, owner, asset, posted, held, floor FROM ledger.account
        WHERE (kind IN ('customer', 'till', 'fees', 'venue') AND (floor IS NULL OR posted - held < floor))
           OR (kind = 'customer' AND floor <> 0) OR held < 0 OR (floor = 0 AND held > posted)
    """,
    "balances_are_the_sum_of_postings": """
        SELECT a.id, a.kind, a.owner, a.asset, a.posted, a.number, coalesce(m.total, 0), coalesce(m.n, 0)
        FROM ledger.account a LEFT JOIN (
            SELECT id, sum(units) AS total, count(*) AS n FROM (
                SELECT destination_id AS id, units FROM ledger.posting
                UNION ALL SELECT source_id, -units FROM ledger.posting
            ) legs GROUP BY id
        ) m ON m.id = a.id WHERE a.posted <> coalesce(m.total, 0) OR a.number <> coalesce(m.n, 0)
    """,
    "each_posting_carries_its_number_and_balance": """
        SELECT * FROM (
            SELECT id, number, balance, booked_at,
                   row_number() OVER w AS should_number, sum(units) OVER w AS should_balance,
                   max(booked_at) OVER (PARTITION BY id ORDER BY number ROWS UNBOUNDED PRECEDING) AS latest
            FROM (
                SELECT destination_id AS id, destination_number AS number, destination_balance AS balance, units,
                       booked_at
                FROM ledger.posting
                UNION ALL SELECT source_id, source_number, source_balance, -units, booked_at FROM ledger.posting
            ) legs WINDOW w AS (PARTITION BY id ORDER BY number)
        ) chain WHERE number <> should_number OR balance <> should_balance OR booked_at < latest
    """,
    "postings_and_transfers_have_each_other": """
        SELECT t.id, p.transfer_id FROM ledger.transfer t FULL JOIN (SELECT DISTINCT transfer_id FROM ledger.posting) p
        ON p.transfer_id = t.id WHERE t.id IS NULL OR p.transfer_id IS NULL
    """,
    "held_is_the_sum_of_open_holds": """
        SELECT a.id, a.kind, a.owner, a.asset, a.held, h.units
        FROM ledger.account a LEFT JOIN (
            SELECT account_id, sum(units) AS units FROM ledger.hold WHERE status = 'open' GROUP BY account_id
        ) h ON h.account_id = a.id WHERE a.held <> coalesce(h.units, 0)
    """,
    "a_captured_hold_paid_one_transfer": """
        SELECT h.id, h.status, h.units, h.captured_units, count(t.id) FROM ledger.hold h
        LEFT JOIN ledger.transfer t ON t.hold_id = h.id GROUP BY h.id
        HAVING (h.status = 'captured') <> (count(t.id) = 1) OR count(t.id) > 1
           OR (h.status <> 'captured' AND h.captured_units <> 0)
           OR h.captured_units > h.units OR (h.status = 'open') <> (h.closed_at IS NULL)
    """,
    "captured_is_what_the_transfer_took": """
        SELECT h.id, h.captured_units, p.units FROM ledger.hold h JOIN ledger.transfer t ON t.hold_id = h.id
        JOIN LATERAL (SELECT coalesce(sum(units), 0) AS units FROM ledger.posting
                      WHERE transfer_id = t.id AND source_id = h.account_id) p ON true
        WHERE h.captured_units <> p.units
    """,
    "a_transfer_is_reversed_at_most_once": """
        SELECT reverses, count(*) FROM ledger.transfer WHERE reverses IS NOT NULL GROUP BY reverses HAVING count(*) > 1
        UNION ALL SELECT r.id, 0 FROM ledger.transfer r JOIN ledger.transfer o ON o.id = r.reverses
        WHERE o.reverses IS NOT NULL
    """,
    "each_quote_at_most_one_trade": """
        SELECT quote_id, count(*) FROM trading.trade GROUP BY quote_id HAVING count(*) > 1
    """,
    "a_trade_has_its_quotes_owner_and_terms": """
        SELECT t.id FROM trading.trade t LEFT JOIN trading.quote q ON q.id = t.quote_id
        WHERE q.id IS NULL OR q.kind = 'reference'
           OR (t.customer_id, t.pair, t.side, t.price, t.base_units, t.quote_units) IS DISTINCT FROM
              (q.customer_id, q.pair, q.side, q.price, q.base_units, q.quote_units)
           OR (t.fee_units, t.spread_units, t.notional_units) IS DISTINCT FROM
              (q.fee_units, q.spread_units, q.notional_units)
    """,
    "a_trade_is_within_its_quotes_time": """
        SELECT t.id, t.executed_at, q.created_at, q.expires_at
        FROM trading.trade t JOIN trading.quote q ON q.id = t.quote_id
        WHERE t.executed_at > q.expires_at OR (q.kind = 'firm' AND t.executed_at >= q.expires_at)
    """,
    "trades_and_their_transfers_have_each_other": """
        SELECT coalesce(x.id, t.id) FROM (SELECT id FROM ledger.transfer WHERE kind = 'trade') x
        FULL JOIN trading.trade t ON t.id = x.id WHERE x.id IS NULL OR t.id IS NULL
    """,
    "a_trade_moves_what_it_says": """
        WITH moved AS (
            SELECT p.transfer_id, a.kind, a.owner, a.asset, sum(p.change) AS units FROM (
                SELECT transfer_id, destination_id AS id, units AS change FROM ledger.posting
                UNION ALL SELECT transfer_id, source_id, -units FROM ledger.posting
            ) p JOIN ledger.account a ON a.id = p.id GROUP BY p.transfer_id, a.kind, a.owner, a.asset
        ), said AS (
            SELECT t.id, v.kind, v.owner, v.asset, v.units FROM (
                SELECT *, split_part(pair, '/', 1) AS base, split_part(pair, '/', 2) AS quote,
                       CASE side WHEN 'buy' THEN 1 ELSE -1 END AS sign FROM trading.trade
            ) t CROSS JOIN LATERAL (VALUES
                ('customer', t.customer_id::text, t.base, t.sign * t.base_units),
                ('customer', t.customer_id::text, t.quote, -t.sign * t.quote_units),
                ('till', '', t.base, -t.sign * t.base_units),
                ('till', '', t.quote, t.sign * t.quote_units - t.fee_units - t.spread_units),
                ('fees', '', t.quote, t.fee_units),
                ('spread', '', t.quote, t.spread_units)
            ) v (kind, owner, asset, units)
        )
        SELECT coalesce(m.transfer_id, s.id), coalesce(m.kind, s.kind), m.units, s.units
        FROM (SELECT m.* FROM moved m JOIN trading.trade t ON t.id = m.transfer_id) m
        FULL JOIN said s ON s.id = m.transfer_id AND s.kind = m.kind AND s.owner = m.owner AND s.asset = m.asset
        WHERE coalesce(m.units, 0) <> coalesce(s.units, 0)
    """,
    "each_trade_is_announced_once": """
        SELECT coalesce(t.id::text, e.id), e.n FROM trading.trade t FULL JOIN (
            SELECT data->>'trade_id' AS id, count(*) AS n FROM runtime.outbox WHERE name = 'TradeExecuted' GROUP BY 1
        ) e ON e.id = t.id::text WHERE t.id IS NULL OR e.n IS DISTINCT FROM 1
    """,
    "each_trade_is_in_the_journal_once": """
        SELECT coalesce('trade:' || t.id, j.subject), j.n FROM trading.trade t FULL JOIN (
            SELECT subject, count(*) AS n FROM runtime.journal
            WHERE name = 'trade.execute' AND outcome = 'done' GROUP BY 1
        ) j ON j.subject = 'trade:' || t.id WHERE t.id IS NULL OR j.n IS DISTINCT FROM 1
    """,
    "each_quote_is_announced_once": """
        SELECT coalesce(q.id::text, e.id), e.n FROM (SELECT id FROM trading.quote WHERE kind <> 'direct') q FULL JOIN (
            SELECT data->>'quote_id' AS id, count(*) AS n FROM runtime.outbox WHERE name = 'QuoteIssued' GROUP BY 1
        ) e ON e.id = q.id::text WHERE q.id IS NULL OR e.n IS DISTINCT FROM 1
    """,
    "a_firm_quote_reserves_what_the_house_would_pay": """
        SELECT q.id, h.units FROM (
            SELECT id, expires_at, side, pair, base_units, quote_units + fee_units + greatest(spread_units, 0) AS gross
            FROM trading.quote WHERE kind = 'firm'
        ) q LEFT JOIN ledger.hold h ON h.id = q.id LEFT JOIN ledger.account a ON a.id = h.account_id
        WHERE h.id IS NULL OR h.expires_at <> q.expires_at OR a.kind <> 'till'
           OR a.asset <> split_part(q.pair, '/', CASE q.side WHEN 'buy' THEN 1 ELSE 2 END)
           OR h.units <> CASE q.side WHEN 'buy' THEN q.base_units ELSE q.gross END
    """,
    "limits_are_booked": """
        SELECT coalesce(u.customer_id, t.customer_id), u.units, t.units FROM risk.daily_use u FULL JOIN (
            SELECT customer_id, (executed_at AT TIME ZONE 'America/Bogota')::date AS day, sum(notional_units) AS units
            FROM trading.trade GROUP BY 1, 2
        ) t ON t.customer_id = u.customer_id AND t.day = u.day WHERE coalesce(u.units, 0) <> coalesce(t.units, 0)
    """,
    "limits_hold": """
        SELECT t.customer_id, day, sum(notional_units), max(notional_units) FROM (
            SELECT *, (executed_at AT TIME ZONE 'America/Bogota')::date AS day FROM trading.trade
        ) t LEFT JOIN risk.customer_limit l ON l.customer_id = t.customer_id
        WHERE l.customer_id IS NULL GROUP BY 1, 2 HAVING sum(notional_units) > 20000000 OR max(notional_units) > 5000000
    """,
    "each_deposit_is_counted_once": """
        SELECT d.rail, d.key_blind, count(*) FROM funding.deposit d GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "a_deposit_moved_its_money_once": """
        SELECT coalesce(d.id, t.id), d.status FROM funding.deposit d
        FULL JOIN (SELECT id FROM ledger.transfer WHERE kind IN ('deposit', 'deposit_review')) t ON t.id = d.transfer_id
        LEFT JOIN LATERAL (
            SELECT count(*) AS n, sum(p.units) AS units, min(a.kind) AS lands, min(a.owner) AS owner,
                   min(w.kind) AS comes
            FROM ledger.posting p JOIN ledger.account a ON a.id = p.destination_id
            JOIN ledger.account w ON w.id = p.source_id
            WHERE p.transfer_id = t.id AND a.asset = d.asset
        ) p ON true
        WHERE d.id IS NULL OR t.id IS NULL OR p.n <> 1 OR p.units <> d.units OR p.comes <> 'world'
           OR (p.lands, p.owner) IS DISTINCT FROM CASE WHEN d.review_reason IS NULL
              THEN ('customer'::text, d.customer_id::text) ELSE ('suspense'::text, ''::text) END
    """,
    "suspense_is_what_waits_for_review": """
        SELECT a.asset, a.posted, d.units FROM ledger.account a LEFT JOIN (
            SELECT asset, sum(units) AS units FROM funding.deposit WHERE status = 'review' GROUP BY asset
        ) d ON d.asset = a.asset WHERE a.kind = 'suspense' AND a.posted <> coalesce(d.units, 0)
    """,
    "a_withdrawal_has_its_hold": """
        SELECT w.id, w.status, h.status FROM funding.withdrawal w LEFT JOIN ledger.hold h ON h.id = w.hold_id
        LEFT JOIN ledger.account a ON a.id = h.account_id
        WHERE h.id IS NULL OR h.units <> w.units
           OR (a.kind, a.owner, a.asset) IS DISTINCT FROM ('customer'::text, w.customer_id::text, w.asset)
           OR (w.status = 'sent') <> (h.status = 'captured')
           OR (w.status IN ('rejected', 'expired') AND h.status = 'open')
    """,
    "four_eyes_on_each_withdrawal": """
        SELECT w.id, w.status, w.approvals_needed, a.n FROM funding.withdrawal w LEFT JOIN LATERAL (
            SELECT count(DISTINCT approver_id) AS n, bool_or(approver_id IN (w.requested_by, w.customer_id)) AS own
            FROM funding.approval WHERE withdrawal_id = w.id
        ) a ON true WHERE a.own OR (w.status = 'sent' AND a.n < w.approvals_needed)
    """,
    "a_withdrawal_leaves_once": """
        SELECT coalesce(w.transfer_id, t.id) FROM (SELECT * FROM funding.withdrawal WHERE status = 'sent') w
        FULL JOIN (SELECT id FROM ledger.transfer WHERE kind = 'withdrawal') t ON t.id = w.transfer_id
        WHERE w.id IS NULL OR t.id IS NULL
    """,
    "nothing_is_set_aside_by_the_relay": "SELECT * FROM runtime.dead_letter",
}


async def check_database(connection: asyncpg.Connection) -> None:
    """Raise Violation with the first rule that the rows break, and its first counter-example."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for rule, sql in RULES.items():
            row = await connection.fetchrow(sql)
            if row is not None:
                raise Violation(rule, str(dict(row)))
        for row in await connection.fetch("SELECT * FROM trading.quote"):
            check_price(row)


async def check_house(house: House) -> None:
    """What the house's own self-audit and trial balance say."""
    differences = await house.ledger.check() + await house.ledger.check_recent()
    expect(not differences, "ledger_check_is_clean", differences[:3])
    balance = await house.ledger.trial_balance()
    expect(balance.balanced, "each_asset_sums_to_zero", balance)


def check_price(row: Any) -> None:
    """A quote's arithmetic, from its receipt's fair price: on the house's side, by under one unit, and nothing lost."""
    receipt = json.loads(row["receipt"])
    pair = PAIRS[row["pair"]]
    base = Decimal(row["base_units"]).scaleb(-pair.pair.base.scale)
    unit = Decimal(1).scaleb(-pair.pair.quote.scale)
    sign = 1 if row["side"] == "buy" else -1
    quote, fee, spread = (row[name] * unit for name in ("quote_units", "fee_units", "spread_units"))
    gross, price, fair = quote - sign * fee, Decimal(row["price"]), Decimal(receipt["market"]["fair"])
    kept = (gross - base * price) * sign
    slack = max(unit, price.scaleb(-pair.pair.base.scale) + unit)
    expect(0 <= kept < slack, "rounding_favours_the_house_by_under_a_unit", f"{row['id']}: keeps {kept} of {gross}")
    expect((price - fair) * sign >= 0, "the_house_never_pays_to_trade", f"{row['id']}: {price} against fair {fair}")
    expect(price % pair.tick == 0, "prices_are_on_the_tick", row["id"])
    earned = (gross - base * fair) * sign
    expect(abs(earned - spread) < unit, "the_spread_is_what_was_earned", f"{row['id']}: {spread}, is {earned}")
    expect(fee >= 0, "fees_are_not_negative", row["id"])
    said = (receipt["request"]["quote_id"], receipt["request"]["customer_id"], receipt["steps"]["price"])
    expect(
        said[:2] == (str(row["id"]), str(row["customer_id"])) and Decimal(said[2]) == price,
        "the_receipt_is_the_quotes",
        f"{row['id']}: {said}",
    )


async def check_analytics(connection: asyncpg.Connection) -> None:
    """Every trade counted once by its listener, however often delivery was cut off (call when all is delivered)."""
    counted = await connection.fetchval("SELECT coalesce(sum(trades), 0)::bigint FROM analytics.pair_day")
    traded = await connection.fetchval("SELECT count(*) FROM trading.trade")
    announced = await connection.fetchval("SELECT count(*) FROM runtime.outbox WHERE name = 'TradeExecuted'")
    detail = f"{counted} counted of {announced} announced of {traded}"
    expect(counted == announced == traded, "each_event_has_its_effect_once", detail)


async def books(connection: asyncpg.Connection) -> dict[tuple[str, str, str], tuple[int, int, bool]]:
    """Every account that is not empty: posted, held, frozen."""
    rows = await connection.fetch("SELECT kind, owner, asset, posted, held, frozen FROM ledger.account")
    return {
        (row["kind"], row["owner"], row["asset"]): (row["posted"], row["held"], row["frozen"])
        for row in rows
        if row["posted"] or row["held"] or row["frozen"]
    }
