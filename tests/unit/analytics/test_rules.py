"""What a batch of trades adds to the days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.analytics import AnalyticsSettings, Day, PairDay, SpanTooLong, rules
from cambista.kernel.registry import PAIRS
from cambista.trading import TradeExecuted

BOGOTA = ZoneInfo("America/Bogota")
NOON = datetime(2026, 11, 24, 17, tzinfo=UTC)


def trade(
    *,
    pair: str = "USDT/COP",
    at: datetime = NOON,
    base: str = "100",
    quote: str = "400000",
    fee: str = "1000",
    spread: str = "2000",
    notional: str = "100",
) -> TradeExecuted:
    base_asset, quote_asset = pair.split("/")
    return TradeExecuted(
        trade_id=UUID(int=1),
        quote_id=UUID(int=2),
        customer_id=UUID(int=3),
        pair=pair,
        base_asset=base_asset,
        quote_asset=quote_asset,
        side="buy",
        price=Decimal(4000),
        base_amount=Decimal(base),
        quote_amount=Decimal(quote),
        fee=Decimal(fee),
        spread=Decimal(spread),
        notional=Decimal(notional),
        notional_asset="USD",
        rung="live",
        executed_at=at,
    )


def test_trades_of_one_pair_and_day_become_one_sum() -> None:
    [day] = rules.sums([trade(), trade(base="50", quote="200000", fee="500", spread="-100", notional="50")], BOGOTA)
    assert day == PairDay(
        pair=PAIRS["USDT/COP"].pair,
        day=date(2026, 11, 24),
        trades=2,
        base_volume=Decimal(150),
        quote_volume=Decimal(600000),
        notional_usd=Decimal(150),
        spread_earned=Decimal(1900),
        fees=Decimal(1500),
        spread_usd=Decimal("0.475"),
        fees_usd=Decimal("0.375"),
    )


def test_the_day_ends_at_midnight_where_the_house_is() -> None:
    last_moment = datetime(2026, 11, 25, 4, 59, 59, 999999, tzinfo=UTC)
    days = rules.sums([trade(at=last_moment), trade(at=last_moment + timedelta(microseconds=1))], BOGOTA)
    assert [each.day for each in days] == [date(2026, 11, 24), date(2026, 11, 25)]


def test_what_is_valued_in_dollars_uses_each_trades_own_rate() -> None:
    [day] = rules.sums([trade(notional="100"), trade(notional="200")], BOGOTA)
    assert day.spread_usd == Decimal("1.5")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(PAIRS)), st.integers(0, 72), st.integers(1, 10**12), st.integers(-(10**9), 10**9)
        ),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_how_trades_are_cut_into_batches_changes_no_sum(drawn: list[tuple[str, int, int, int]], cut: int) -> None:
    trades = [
        trade(pair=pair, at=NOON + timedelta(hours=hours), quote=str(quote), spread=str(spread))
        for pair, hours, quote, spread in drawn
    ]

    def totals(days: list[PairDay]) -> dict[tuple[str, date], list[Decimal]]:
        found: dict[tuple[str, date], list[Decimal]] = {}
        for each in days:
            key = (str(each.pair), each.day)
            values = [Decimal(each.trades), each.quote_volume, each.spread_earned, each.spread_usd]
            found[key] = [a + b for a, b in zip(found.get(key, [Decimal(0)] * 4), values, strict=True)]
        return found

    whole = rules.sums(trades, BOGOTA)
    keys = [(str(each.pair), each.day) for each in whole]
    assert keys == sorted(set(keys))
    assert totals(whole) == totals([*rules.sums(trades[:cut], BOGOTA), *rules.sums(trades[cut:], BOGOTA)])


def test_a_day_adds_up_its_pairs_in_dollars() -> None:
    day = Day(date(2026, 11, 24), tuple(rules.sums([trade(), trade(pair="BTC/USDT", notional="300")], BOGOTA)))
    assert (day.trades, day.notional_usd) == (2, Decimal(400))
    assert [str(each.pair) for each in rules.busiest_first(day.pairs)] == ["BTC/USDT", "USDT/COP"]
    assert Day(date(2026, 11, 24), ()).notional_usd == 0


@pytest.mark.parametrize("days", (-1, 366))
def test_a_span_backwards_or_over_a_year_is_refused(days: int) -> None:
    start = date(2026, 1, 1)
    with pytest.raises(SpanTooLong):
        rules.check_span(start, start + timedelta(days=days))
    rules.check_span(start, start + timedelta(days=365))


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        AnalyticsSettings(day_zone="America/Macondo")
