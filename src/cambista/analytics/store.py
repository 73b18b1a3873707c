"""All the SQL of analytics."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from cambista.analytics.types import PairDay
from cambista.kernel.market import Pair
from cambista.kernel.registry import PAIRS
from cambista.runtime import Reader, Tx


async def add_to_days(tx: Tx, sums: Sequence[PairDay]) -> None:
    """Add to the days' rows, one statement for all; the sums hold each pair and day once, in key order."""
    await tx.execute(
        """
        INSERT INTO analytics.pair_day AS d (
            pair, day, trades, base_volume, quote_volume, notional_usd, spread_earned, fees, spread_usd, fees_usd
        )
        SELECT * FROM unnest(
            $1::text[], $2::date[], $3::bigint[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[],
            $8::numeric[], $9::numeric[], $10::numeric[]
        )
        ON CONFLICT (pair, day) DO UPDATE SET
            trades = d.trades + excluded.trades,
            base_volume = d.base_volume + excluded.base_volume,
            quote_volume = d.quote_volume + excluded.quote_volume,
            notional_usd = d.notional_usd + excluded.notional_usd,
            spread_earned = d.spread_earned + excluded.spread_earned,
            fees = d.fees + excluded.fees,
            spread_usd = d.spread_usd + excluded.spread_usd,
            fees_usd = d.fees_usd + excluded.fees_usd
        """,
        [str(row.pair) for row in sums],
        [row.day for row in sums],
        [row.trades for row in sums],
        [row.base_volume for row in sums],
        [row.quote_volume for row in sums],
        [row.notional_usd for row in sums],
        [row.spread_earned for row in sums],
        [row.fees for row in sums],
        [row.spread_usd for row in sums],
        [row.fees_usd for row in sums],
    )


async def list_days(reader: Reader, pair: Pair | None, *, start: date, end: date) -> list[PairDay]:
    """Rows from `start` to `end`, both included, newest day first."""
    rows = await reader.all(
        """
        SELECT * FROM analytics.pair_day
        WHERE ($1::text IS NULL OR pair = $1) AND day BETWEEN $2 AND $3 ORDER BY day DESC, pair
        """,
        None if pair is None else str(pair),
        start,
        end,
    )
    return [_pair_day(row) for row in rows]


def _pair_day(row: Any) -> PairDay:
    return PairDay(
        pair=PAIRS[row["pair"]].pair,
        day=row["day"],
        trades=row["trades"],
        base_volume=row["base_volume"],
        quote_volume=row["quote_volume"],
        notional_usd=row["notional_usd"],
        spread_earned=row["spread_earned"],
        fees=row["fees"],
        spread_usd=row["spread_usd"],
        fees_usd=row["fees_usd"],
    )
