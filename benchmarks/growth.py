"""Fills a house with history: customers, quotes, trades and their postings, by SQL, in books that still check."""

import asyncpg

from benchmarks.houses import BenchHouse
from cambista.app.databases import reach_database

CUSTOMERS = 100_000

# Each stored trade: its customer pays COP 100.00 to the till and gets USDT 0.025; numbers and balances run on in each
# account as the ledger would have written them.
_ACCOUNTS = """
INSERT INTO ledger.account (kind, owner, asset, floor)
SELECT 'customer', ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0')), asset, NULL
FROM generate_series(1, {customers}) n, unnest(ARRAY['COP', 'USDT']) asset ON CONFLICT DO NOTHING
"""
_TRADES = """
CREATE TEMP TABLE stored ON COMMIT DROP AS
SELECT g AS n, gen_random_uuid() AS id, gen_random_uuid() AS quote_id, a.id AS cop, b.id AS usdt, a.owner,
       row_number() OVER (PARTITION BY a.id ORDER BY g) AS k, now() + g * interval '1 us' AS at
FROM generate_series(1, {trades}::bigint) g
JOIN ledger.account a ON a.kind = 'customer' AND a.asset = 'COP'
  AND a.owner = '00000000-0000-4000-8000-' || lpad(to_hex(1 + g % {customers}), 12, '0')
JOIN ledger.account b ON b.kind = 'customer' AND b.asset = 'USDT' AND b.owner = a.owner
"""
_ROWS = (
    """
    INSERT INTO ledger.transfer (id, kind, booked_at, effective_at) SELECT id, 'trade', at, at FROM stored ORDER BY n
    """,
    """
    INSERT INTO ledger.posting
    SELECT s.id, 0, 10000, s.cop, c.number + s.k, c.posted - s.k * 10000,
           t.id, t.number + s.n, t.posted + s.n * 10000, s.at, s.at
    FROM stored s JOIN ledger.account c ON c.id = s.cop
    JOIN ledger.account t ON t.kind = 'till' AND t.asset = 'COP' ORDER BY s.n
    """,
    """
    INSERT INTO ledger.posting
    SELECT s.id, 1, 25000, t.id, t.number + s.n, t.posted - s.n * 25000,
           s.usdt, c.number + s.k, c.posted + s.k * 25000, s.at, s.at
    FROM stored s JOIN ledger.account c ON c.id = s.usdt
    JOIN ledger.account t ON t.kind = 'till' AND t.asset = 'USDT' ORDER BY s.n
    """,
    """
    UPDATE ledger.account a SET posted = posted - m.times * 10000, number = number + m.times, booked_at = m.last
    FROM (SELECT cop AS id, count(*) AS times, max(at) AS last FROM stored GROUP BY 1) m WHERE a.id = m.id
    """,
    """
    UPDATE ledger.account a SET posted = posted + m.times * 25000, number = number + m.times, booked_at = m.last
    FROM (SELECT usdt AS id, count(*) AS times, max(at) AS last FROM stored GROUP BY 1) m WHERE a.id = m.id
    """,
    """
    UPDATE ledger.account a SET posted = posted + CASE asset WHEN 'COP' THEN m.times * 10000 ELSE -m.times * 25000 END,
           number = number + m.times, booked_at = m.last
    FROM (SELECT count(*) AS times, max(at) AS last FROM stored) m
    WHERE a.kind = 'till' AND a.asset IN ('COP', 'USDT')
    """,
    """
    INSERT INTO trading.quote
    SELECT quote_id, owner::uuid, 'firm', 'USDT/COP', 'buy', 4000, 25000, 10000, 0, 0, 0, 2, 'live', at, at, '', '', '',
           repeat('x', 2500) FROM stored ORDER BY n
    """,
    """
    INSERT INTO trading.trade
    SELECT id, quote_id, owner::uuid, 'USDT/COP', 'buy', 4000, 25000, 10000, 0, 0, 0, 2, 'live', at
    FROM stored ORDER BY n
    """,
    """
    INSERT INTO runtime.idempotency
    SELECT owner::uuid, 'POST /api/v1/trades', id::text, '\\x00', 201, '\\x00', at FROM stored
    """,
)


async def fill(house: BenchHouse, trades: int, *, customers: int = CUSTOMERS) -> None:
    """Store that many trades more, spread over the customers. The books are exact: `ledger check` passes on them."""
    async with reach_database(house.settings) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            async with connection.transaction():
                await connection.execute(_ACCOUNTS.format(customers=customers), timeout=600)
                await connection.execute(_TRADES.format(trades=trades, customers=customers), timeout=600)
                for rows in _ROWS:
                    await connection.execute(rows, timeout=900)
            await connection.execute("VACUUM ANALYZE", timeout=900)
        finally:
            await connection.close()
