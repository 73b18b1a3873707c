"""All of pricing's SQL, over its own schema."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cambista.kernel.market import Pair
from cambista.pricing.rules.receipts import pair_named
from cambista.pricing.types import Candle, Configured, Period, RateAsked, RateRecord, RateVerdict, Remembered
from cambista.runtime import Reader, Tx
from cambista.venues import RateName, ReferenceRate

RATES_MAX = 50_000


async def upsert_last_prices(tx: Tx, prices: Sequence[Remembered], now: datetime) -> None:
    """Keep the newest fair price of each pair; one from after `now` is of a clock that was ahead, and gives way."""
    if not prices:
        return
    await tx.execute(
        """
        INSERT INTO pricing.last_price AS kept (pair, fair, spread_bps, dispersion_bps, confidence, bid_depth,
                                                ask_depth, sources, observed_at, fresh_until, recorded_at)
        SELECT pair, fair, spread_bps, dispersion_bps, confidence, bid_depth, ask_depth,
               string_to_array(sources, chr(31)), observed_at, fresh_until, $11
        FROM unnest($1::text[], $2::numeric[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[],
                    $7::numeric[], $8::text[], $9::timestamptz[], $10::timestamptz[])
             AS fresh (pair, fair, spread_bps, dispersion_bps, confidence, bid_depth, ask_depth,
                       sources, observed_at, fresh_until)
        ORDER BY pair
        ON CONFLICT (pair) DO UPDATE SET
            fair = excluded.fair, spread_bps = excluded.spread_bps, dispersion_bps = excluded.dispersion_bps,
            confidence = excluded.confidence, bid_depth = excluded.bid_depth, ask_depth = excluded.ask_depth,
            sources = excluded.sources, observed_at = excluded.observed_at, fresh_until = excluded.fresh_until,
            recorded_at = excluded.recorded_at
        WHERE kept.observed_at <= excluded.observed_at OR kept.observed_at > $11
        """,
        [str(price.pair) for price in prices],
        [price.fair for price in prices],
        [price.spread_bps for price in prices],
        [price.dispersion_bps for price in prices],
        [price.confidence for price in prices],
        [price.bid_depth for price in prices],
        [price.ask_depth for price in prices],
        [chr(31).join(price.sources) for price in prices],
        [price.observed_at for price in prices],
        [price.fresh_until for price in prices],
        now,
    )


async def list_last_prices(reader: Reader) -> list[Remembered]:
    """The last recorded fair price of every pair, whatever its age."""
    rows = await reader.all("SELECT * FROM pricing.last_price ORDER BY pair")
    return [
        Remembered(
            pair=pair_named(row["pair"]),
            fair=row["fair"],
            spread_bps=row["spread_bps"],
            dispersion_bps=row["dispersion_bps"],
            confidence=row["confidence"],
            bid_depth=row["bid_depth"],
            ask_depth=row["ask_depth"],
            sources=tuple(row["sources"]),
            observed_at=row["observed_at"],
            fresh_until=row["fresh_until"],
        )
        for row in rows
    ]


async def insert_configured(tx: Tx, price: Configured, now: datetime) -> None:
    """Add an operator's fixed price; the newest row of a pair counts."""
    await tx.execute(
        """
        INSERT INTO pricing.configured_price (pair, bid, ask, set_at, expires_at, set_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        str(price.pair),
        price.bid,
        price.ask,
        now,
        price.expires_at,
        price.set_by,
    )


async def list_configured(reader: Reader, now: datetime) -> list[Configured]:
    """The newest fixed price of each pair, where it has not expired."""
    rows = await reader.all(
        """
        SELECT pair, bid, ask, expires_at, set_by
        FROM (SELECT DISTINCT ON (pair) * FROM pricing.configured_price ORDER BY pair, id DESC) newest
        WHERE expires_at > $1 ORDER BY pair
        """,
        now,
    )
    return [
        Configured(pair_named(row["pair"]), row["bid"], row["ask"], row["expires_at"], row["set_by"]) for row in rows
    ]


async def upsert_candles(tx: Tx, candles: Sequence[Candle]) -> None:
    """Merge gathered parts of one-minute candles into what is stored."""
    if not candles:
        return
    await tx.execute(
        """
        INSERT INTO pricing.candle AS kept (pair, width, opened_at, open, high, low, close, samples)
        SELECT pair, '1m', opened_at, open, high, low, close, samples
        FROM unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[],
                    $7::bigint[])
             AS part (pair, opened_at, open, high, low, close, samples)
        ORDER BY pair, opened_at
        ON CONFLICT (pair, width, opened_at) DO UPDATE SET
            high = greatest(kept.high, excluded.high), low = least(kept.low, excluded.low),
            close = excluded.close, samples = kept.samples + excluded.samples
        """,
        [str(candle.pair) for candle in candles],
        [candle.opened_at for candle in candles],
        [candle.open for candle in candles],
        [candle.high for candle in candles],
        [candle.low for candle in candles],
        [candle.close for candle in candles],
        [candle.samples for candle in candles],
    )


_HOURS = """
    hours AS (
        SELECT opened_at, open, high, low, close, samples FROM pricing.candle
        WHERE pair = $1 AND width = '1h' AND opened_at >= $2 AND opened_at < $3
        UNION ALL
        SELECT hour, (array_agg(open ORDER BY opened_at))[1], max(high), min(low),
               (array_agg(close ORDER BY opened_at DESC))[1], sum(samples)::bigint
        FROM (SELECT date_bin('1 hour', opened_at, 'epoch'::timestamptz) AS hour, * FROM pricing.candle
              WHERE pair = $1 AND width = '1m' AND opened_at >= $2 AND opened_at < $3) minutes
        WHERE NOT EXISTS (SELECT FROM pricing.candle rolled
                          WHERE rolled.pair = $1 AND rolled.width = '1h' AND rolled.opened_at = minutes.hour)
        GROUP BY hour
    )"""
_DAYS = """
    days AS (
        SELECT opened_at, open, high, low, close, samples FROM pricing.candle
        WHERE pair = $1 AND width = '1d' AND opened_at >= $2 AND opened_at < $3
        UNION ALL
        SELECT day, (array_agg(open ORDER BY opened_at))[1], max(high), min(low),
               (array_agg(close ORDER BY opened_at DESC))[1], sum(samples)::bigint
        FROM (SELECT date_bin('1 day', opened_at, 'epoch'::timestamptz) AS day, * FROM hours) hourly
        WHERE NOT EXISTS (SELECT FROM pricing.candle rolled
                          WHERE rolled.pair = $1 AND rolled.width = '1d' AND rolled.opened_at = hourly.day)
        GROUP BY day
    )"""
_MINUTES = """
    minutes AS (
        SELECT date_bin('{step}', opened_at, 'epoch'::timestamptz) AS opened_at,
               (array_agg(open ORDER BY opened_at))[1] AS open, max(high) AS high, min(low) AS low,
               (array_agg(close ORDER BY opened_at DESC))[1] AS close, sum(samples)::bigint AS samples
        FROM pricing.candle WHERE pair = $1 AND width = '1m' AND opened_at >= $2 AND opened_at < $3 GROUP BY 1
    )"""
_SERIES: Mapping[str, tuple[str, str]] = {
    "1m": (_MINUTES.format(step="1 minute"), "minutes"),
    "5m": (_MINUTES.format(step="5 minutes"), "minutes"),
    "15m": (_MINUTES.format(step="15 minutes"), "minutes"),
    "1h": (_HOURS, "hours"),
    "1d": (f"{_HOURS}, {_DAYS}", "days"),
}


async def list_candles(reader: Reader, pair: Pair, interval: str, period: Period) -> list[Candle]:
    """The newest candles of the period, oldest first; hours and days from what was rolled up and what was not yet."""
    tables, series = _SERIES[interval]
    rows = await reader.all(
        f"WITH {tables} SELECT * FROM {series} ORDER BY opened_at DESC LIMIT $4",
        str(pair),
        period.start,
        period.end,
        period.limit,
    )
    return [
        Candle(pair, row["opened_at"], row["open"], row["high"], row["low"], row["close"], row["samples"])
        for row in reversed(rows)
    ]


async def insert_rolled(tx: Tx, *, width: str, finer: str, before: datetime) -> None:
    """Roll candles of width `finer` that closed before `before` into `width` ('1h' or '1d'), each once."""
    step = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}[width]
    await tx.execute(
        """
        INSERT INTO pricing.candle (pair, width, opened_at, open, high, low, close, samples)
        SELECT pair, $1, date_bin($2, opened_at, 'epoch'::timestamptz),
               (array_agg(open ORDER BY opened_at))[1], max(high), min(low),
               (array_agg(close ORDER BY opened_at DESC))[1], sum(samples)::bigint
        FROM pricing.candle
        WHERE width = $3 AND opened_at < date_bin($2, $4::timestamptz, 'epoch'::timestamptz)
          AND opened_at >= coalesce((SELECT max(opened_at) + $2 FROM pricing.candle WHERE width = $1), '-infinity')
        GROUP BY 1, 2, 3
        ON CONFLICT (pair, width, opened_at) DO NOTHING
        """,
        width,
        step,
        finer,
        before,
    )


async def delete_minutes(tx: Tx, before: datetime) -> None:
    """Drop one-minute candles older than `before` whose hour has been rolled up."""
    await tx.execute(
        """
        DELETE FROM pricing.candle minute USING pricing.candle rolled
        WHERE minute.width = '1m' AND minute.opened_at < $1 AND rolled.pair = minute.pair AND rolled.width = '1h'
          AND rolled.opened_at = date_bin('1 hour', minute.opened_at, 'epoch'::timestamptz)
        """,
        before,
    )


async def insert_rates(tx: Tx, records: Sequence[RateRecord], now: datetime) -> None:
    """Append publications; a repeat of one already known changes nothing."""
    if not records:
        return
    rates = [record.rate for record in records]
    await tx.execute(
        """
        INSERT INTO pricing.rate (source, name, base_asset, quote_asset, value, valid_from, valid_to, known_at, verdict,
                                  recorded_at)
        SELECT *, $10::timestamptz
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::date[], $7::date[],
                    $8::timestamptz[], $9::text[])
        ON CONFLICT (source, name, base_asset, quote_asset, valid_from, known_at) DO NOTHING
        """,
        [rate.source for rate in rates],
        [rate.rate.value for rate in rates],
        [rate.pair.base.code for rate in rates],
        [rate.pair.quote.code for rate in rates],
        [rate.value for rate in rates],
        [rate.valid_from for rate in rates],
        [rate.valid_to for rate in rates],
        [rate.known_at for rate in rates],
        [record.verdict.value for record in records],
        now,
    )


async def list_rates(reader: Reader, pairs: Sequence[Pair], *, start: date, end: date) -> list[RateRecord]:
    """Newest knowledge of every publication for those pairs whose first day lies in start..end, oldest day first."""
    rows = await reader.all(
        """
        SELECT DISTINCT ON (valid_from, source, name, base_asset, quote_asset) *
        FROM pricing.rate
        WHERE (base_asset || '/' || quote_asset) = ANY ($1::text[]) AND valid_from BETWEEN $2 AND $3
        ORDER BY valid_from, source, name, base_asset, quote_asset, known_at DESC, id DESC LIMIT $4
        """,
        [str(pair) for pair in pairs],
        start,
        end,
        RATES_MAX,
    )
    return [_record(row) for row in rows]


async def list_rates_in_force(reader: Reader, *, start: date, end: date) -> list[RateRecord]:
    """Newest accepted knowledge of every publication in force on some day of start..end."""
    rows = await reader.all(
        """
        SELECT DISTINCT ON (valid_from, source, name, base_asset, quote_asset) *
        FROM pricing.rate
        WHERE valid_from <= $2 AND valid_to >= $1 AND verdict <> 'absurd'
        ORDER BY valid_from, source, name, base_asset, quote_asset, known_at DESC, id DESC LIMIT $3
        """,
        start,
        end,
        RATES_MAX,
    )
    return [_record(row) for row in rows]


async def find_rate(reader: Reader, asked: RateAsked) -> RateRecord | None:
    """The rate in force on a day as known by a moment: the newest knowledge among the not absurd."""
    row = await reader.one(
        """
        SELECT * FROM pricing.rate
        WHERE base_asset = $1 AND quote_asset = $2 AND name = $3 AND valid_from <= $4 AND valid_to >= $4
          AND known_at <= $5 AND verdict <> 'absurd' AND ($6::text IS NULL OR source = $6)
        ORDER BY valid_from DESC, known_at DESC, id DESC LIMIT 1
        """,
        asked.pair.base.code,
        asked.pair.quote.code,
        asked.name.value,
        asked.on,
        asked.known_by,
        asked.source,
    )
    return None if row is None else _record(row)


def _record(row: Any) -> RateRecord:
    value: Decimal = row["value"]
    return RateRecord(
        ReferenceRate(
            source=row["source"],
            rate=RateName(row["name"]),
            pair=pair_named(f"{row['base_asset']}/{row['quote_asset']}"),
            value=value,
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            known_at=row["known_at"],
        ),
        RateVerdict(row["verdict"]),
    )
