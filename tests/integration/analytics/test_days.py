"""Trades become days, each trade once whatever happens to its delivery."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from cambista.analytics import PairDay, SpanTooLong, subscriptions
from cambista.analytics.settings import AnalyticsSettings
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import BTC, COP, PAIRS, USDT
from cambista.runtime import DatabaseAway, Relay, Runtime
from cambista.trading import Acceptance, IssuedQuote, QuoteRequest, Trade
from tests.houses import PaperHouse, caller_of, paper_house


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime) as made:
        yield made


async def trade(paper: PaperHouse, pair: str, *amounts: str) -> list[Trade]:
    """A new customer buys these amounts of base."""
    customer = await paper.customer(len(amounts), Amount.of("90000000", COP), Amount.of("90000", USDT))
    spec, caller, made = PAIRS[pair].pair, caller_of(customer), []
    for text in amounts:
        request = QuoteRequest(caller, customer.id, spec, Side.BUY, Amount.of(text, spec.base))
        [quote] = await paper.house.trading.request_quotes([request])
        assert isinstance(quote, IssuedQuote), quote
        [done] = await paper.house.trading.accept_quotes([Acceptance(caller, customer.id, quote.quote.id)])
        assert isinstance(done, Trade), done
        made.append(done)
    return made


async def deliver(paper: PaperHouse) -> None:
    while await paper.house.relay.deliver("analytics"):
        pass


async def test_a_house_without_trades_has_an_empty_day(paper: PaperHouse) -> None:
    day = await paper.house.analytics.today()
    assert (day.day, day.pairs, day.trades, day.notional_usd) == (date(2026, 9, 29), (), 0, Decimal(0))


async def test_the_day_adds_up_what_was_traded(paper: PaperHouse) -> None:
    trades = await trade(paper, "USDT/COP", "100", "250.5") + await trade(paper, "BTC/USDT", "0.01")
    await deliver(paper)
    day = await paper.house.analytics.today()
    assert day.trades == 3
    assert day.notional_usd == sum(each.terms.notional.decimal for each in trades)
    by_pair = {str(each.pair): each for each in day.pairs}
    cop = by_pair["USDT/COP"]
    assert cop.base_volume == Decimal("350.5")
    assert cop.quote_volume == sum(each.terms.quote.decimal for each in trades[:2])
    assert cop.spread_earned == sum(each.terms.spread.decimal for each in trades[:2])
    assert cop.fees == sum(each.terms.fee.decimal for each in trades[:2])
    assert by_pair["BTC/USDT"].base_volume == Amount.of("0.01", BTC).decimal
    assert 0 < cop.spread_usd < cop.notional_usd


async def test_a_delivery_that_dies_before_its_commit_counts_nothing_and_the_next_counts_once(
    paper: PaperHouse, runtime: Runtime
) -> None:
    await trade(paper, "USDT/COP", "100", "100")

    def die(point: str) -> None:
        if point == "before_commit":
            raise ConnectionError("the power is gone")

    runtime.db.fault = die
    with pytest.raises(DatabaseAway):
        await paper.house.relay.deliver("analytics")
    runtime.db.fault = lambda point: None
    assert (await paper.house.analytics.today()).trades == 0
    await deliver(paper)
    await deliver(paper)
    assert (await paper.house.analytics.today()).trades == 2


async def test_two_relays_at_once_count_each_trade_once(paper: PaperHouse, runtime: Runtime) -> None:
    await trade(paper, "USDT/COP", "10", "20", "30")
    twin = Relay(runtime.db, runtime.clock, {"analytics": subscriptions(AnalyticsSettings())})
    for relay in (paper.house.relay, twin, paper.house.relay, twin):
        await relay.deliver("analytics")
    assert (await paper.house.analytics.today()).trades == 3


async def test_days_are_read_newest_first_for_one_pair_or_all(paper: PaperHouse) -> None:
    await trade(paper, "USDT/COP", "10")
    await paper.pass_time(86_400)
    await trade(paper, "USDT/COP", "20", "30")
    await trade(paper, "BTC/USDT", "0.01", "0.01", "0.01")
    await deliver(paper)
    first, second = date(2026, 9, 29), date(2026, 9, 30)
    analytics = paper.house.analytics

    def brief(days: list[PairDay]) -> list[tuple[str, date, int]]:
        return [(str(each.pair), each.day, each.trades) for each in days]

    cop = [("USDT/COP", second, 2), ("USDT/COP", first, 1)]
    assert brief(await analytics.days(PAIRS["USDT/COP"].pair, start=first, end=second)) == cop
    assert brief(await analytics.days(None, start=first, end=second)) == [("BTC/USDT", second, 3), *cop]
    assert brief(await analytics.days(None, start=first, end=first)) == cop[1:]
    assert [str(each.pair) for each in (await analytics.today()).pairs] == ["BTC/USDT", "USDT/COP"]
    with pytest.raises(SpanTooLong):
        await analytics.days(None, start=first, end=first + timedelta(days=366))


async def test_another_zone_cuts_the_days_elsewhere(paper: PaperHouse, runtime: Runtime) -> None:
    await paper.pass_time(10 * 3600)
    await trade(paper, "USDT/COP", "10")
    relay = Relay(runtime.db, runtime.clock, {"analytics": subscriptions(AnalyticsSettings(day_zone="UTC"))})
    await relay.deliver("analytics")
    [day] = await paper.house.analytics.days(None, start=date(2026, 9, 1), end=date(2026, 10, 30))
    assert day.day == date(2026, 9, 30)
