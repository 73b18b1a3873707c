"""Decisions of analytics: which day a trade belongs to, and what a batch of trades adds to it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from cambista.analytics.errors import SpanTooLong
from cambista.analytics.types import PairDay
from cambista.kernel.registry import PAIRS, REPORTING_ASSET
from cambista.trading import TradeExecuted

SPAN_DAYS_MAX = 366
_USD_STEP = Decimal("1e-8")


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day of a moment where the house is."""
    return moment.astimezone(zone).date()


def sums(trades: Iterable[TradeExecuted], zone: ZoneInfo) -> list[PairDay]:
    """What the trades add to each pair and day, one entry each, in the order rows are locked: pair, day."""
    found: dict[tuple[str, date], PairDay] = {}
    for trade in trades:
        added = _one(trade, zone)
        key = (trade.pair, added.day)
        found[key] = _plus(found[key], added) if key in found else added
    return [found[key] for key in sorted(found)]


def check_span(start: date, end: date) -> None:
    """Refuse a span that runs backwards or over a year (`span_too_long`)."""
    if not 0 <= (end - start).days < SPAN_DAYS_MAX:
        raise SpanTooLong(start=start.isoformat(), end=end.isoformat())


def busiest_first(rows: Iterable[PairDay]) -> Sequence[PairDay]:
    return sorted(rows, key=lambda row: (-row.notional_usd, str(row.pair)))


def _one(trade: TradeExecuted, zone: ZoneInfo) -> PairDay:
    assert trade.notional_asset == REPORTING_ASSET.code
    usd_per_quote = trade.notional / trade.quote_amount
    return PairDay(
        pair=PAIRS[trade.pair].pair,
        day=day_of(trade.executed_at, zone),
        trades=1,
        base_volume=trade.base_amount,
        quote_volume=trade.quote_amount,
        notional_usd=trade.notional,
        spread_earned=trade.spread,
        fees=trade.fee,
        spread_usd=_usd(trade.spread * usd_per_quote),
        fees_usd=_usd(trade.fee * usd_per_quote),
    )


def _usd(value: Decimal) -> Decimal:
    return value.quantize(_USD_STEP, rounding=ROUND_HALF_EVEN)


def _plus(one: PairDay, other: PairDay) -> PairDay:
    return replace(
        one,
        trades=one.trades + other.trades,
        base_volume=one.base_volume + other.base_volume,
        quote_volume=one.quote_volume + other.quote_volume,
        notional_usd=one.notional_usd + other.notional_usd,
        spread_earned=one.spread_earned + other.spread_earned,
        fees=one.fees + other.fees,
        spread_usd=one.spread_usd + other.spread_usd,
        fees_usd=one.fees_usd + other.fees_usd,
    )
