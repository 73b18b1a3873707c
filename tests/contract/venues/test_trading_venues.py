"""What every venue that takes our orders must pass, whatever stands behind it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from cambista.kernel.ids import uuid7
from cambista.kernel.market import Level, Side
from cambista.kernel.registry import PAIRS
from cambista.venues import (
    CcxtTrading,
    PaperExchange,
    TimeInForce,
    TradingVenue,
    VenueOrder,
    VenueOrderState,
    VenueOrderUnknown,
    VenuePairUnknown,
    VenueReport,
)
from cambista.venues.binance import BinanceTrading
from tests.databases import ManualClock
from tests.unit.venues.worlds import BTC_USDT
from tests.venue_servers.binance import ccxt_access, running_binance

FREE = {"BTC": Decimal(10), "USDT": Decimal(1_000_000)}


@dataclass
class World:
    """A venue, its clock, and a way to let its market come to a resting order."""

    venue: TradingVenue
    clock: ManualClock
    meet: Callable[[UUID, str, str], Awaitable[None]]
    rng: random.Random

    def order(self, side: Side = Side.BUY, quantity: str = "0.5", limit: str | None = None, **more: Any) -> VenueOrder:
        """An order with an id made now, after the venue was opened."""
        self.clock.advance(0.01)
        made = uuid7(self.clock.now(), self.rng)
        return VenueOrder(made, BTC_USDT, side, Decimal(quantity), Decimal(limit) if limit else None, **more)


class _Book:
    """The same book as the local Binance begins with."""

    def __init__(self) -> None:
        self.bids = [Level(Decimal(price), Decimal(1)) for price in (49_999, 49_998, 49_990)]
        self.asks = [Level(Decimal(price), Decimal(1)) for price in (50_001, 50_002, 50_010)]

    def __call__(self, *_: object) -> tuple[list[Level], list[Level]]:
        return self.bids, self.asks


@asynccontextmanager
async def _paper(clock: ManualClock) -> AsyncIterator[World]:
    book = _Book()
    venue = PaperExchange(book, FREE, clock=clock, pairs=[BTC_USDT])

    async def meet(_client_id: UUID, quantity: str, price: str) -> None:
        book.asks = [Level(Decimal(price), Decimal(quantity))]
        await venue.look()
        book.asks = []

    yield World(venue, clock, meet, random.Random(5))


@asynccontextmanager
async def _served(name: str, clock: ManualClock) -> AsyncIterator[World]:
    async with running_binance(clock.now) as server:
        rng = random.Random(5)
        venue: TradingVenue
        if name == "binance":
            venue = BinanceTrading(server.access(), [BTC_USDT], clock=clock, rng=rng)
        else:
            venue = CcxtTrading(ccxt_access(server), [BTC_USDT], clock=clock)

        async def meet(client_id: UUID, quantity: str, price: str) -> None:
            await server.fill(str(client_id) if name == "binance" else client_id.hex, quantity, price)

        yield World(venue, clock, meet, rng)


@pytest.fixture(params=["paper", "binance", "ccxt"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    clock = ManualClock()
    made = _paper(clock) if request.param == "paper" else _served(request.param, clock)
    async with made as world:
        try:
            await world.venue.open()
            yield world
        finally:
            await world.venue.close()


def _sums(report: VenueReport) -> tuple[Decimal, Decimal]:
    return (
        sum((fill.quantity for fill in report.fills), Decimal(0)),
        sum((fill.quantity * fill.price for fill in report.fills), Decimal(0)),
    )


async def test_it_tells_the_rules_of_its_pairs_and_refuses_others(world: World) -> None:
    rules = world.venue.rules_of(BTC_USDT)
    assert rules.tick > 0
    assert rules.lot > 0
    assert Decimal(0) < rules.taker_bps < Decimal(100)
    assert world.venue.pairs == {BTC_USDT}
    with pytest.raises(VenuePairUnknown):
        world.venue.rules_of(PAIRS["ETH/USDT"].pair)


async def test_a_market_order_fills_through_the_book_and_says_what_it_spent(world: World) -> None:
    order = world.order(quantity="1.5")
    report = await world.venue.place(order)
    assert (report.state, report.filled) == (VenueOrderState.FILLED, Decimal("1.5"))
    assert report.spent == Decimal(50_001) + Decimal("0.5") * Decimal(50_002)
    assert _sums(report) == (report.filled, report.spent)
    assert await world.venue.find(order.client_id, BTC_USDT) == report


async def test_fees_and_balances_are_told_exactly(world: World) -> None:
    report = await world.venue.place(world.order(Side.SELL, "1"))
    balances = await world.venue.balances()
    [fill] = report.fills
    assert (fill.fee, fill.fee_asset) == (Decimal("49.999"), "USDT")
    assert balances["BTC"].total == FREE["BTC"] - 1
    assert balances["USDT"].free == FREE["USDT"] + report.spent - fill.fee


async def test_a_resting_order_locks_money_and_gives_it_back_when_cancelled(world: World) -> None:
    order = world.order(limit="40000")
    report = await world.venue.place(order)
    assert (report.state, report.filled) == (VenueOrderState.WORKING, Decimal(0))
    assert (await world.venue.balances())["USDT"].locked == Decimal(20_000)
    assert [each.client_id for each in await world.venue.working(BTC_USDT)] == [order.client_id]
    cancelled = await world.venue.cancel(order.client_id, BTC_USDT)
    assert cancelled.state is VenueOrderState.CANCELLED
    assert (await world.venue.balances())["USDT"].locked == 0
    assert await world.venue.working(BTC_USDT) == []


async def test_a_limit_order_takes_what_it_may_and_rests_with_the_remainder(world: World) -> None:
    report = await world.venue.place(world.order(quantity="2", limit="50001"))
    assert (report.state, report.filled) == (VenueOrderState.PARTIALLY_FILLED, Decimal(1))
    assert all(fill.price <= 50_001 for fill in report.fills)


async def test_what_fills_slowly_is_told_cumulatively(world: World) -> None:
    order = world.order(quantity="1", limit="40000")
    await world.venue.place(order)
    for filled in ("0.4", "1"):
        step = Decimal(filled) - (Decimal("0.4") if filled == "1" else 0)
        await world.meet(order.client_id, str(step), "40000")
        report = await world.venue.find(order.client_id, BTC_USDT)
        assert report is not None
        assert report.filled == Decimal(filled)
        assert _sums(report) == (report.filled, report.spent)
    assert report is not None
    assert report.state is VenueOrderState.FILLED


async def test_immediate_or_cancel_leaves_nothing_resting(world: World) -> None:
    report = await world.venue.place(world.order(quantity="2", limit="50001", time_in_force=TimeInForce.IOC))
    assert (report.state, report.filled) == (VenueOrderState.EXPIRED, Decimal(1))
    assert (await world.venue.balances())["USDT"].locked == 0


async def test_fill_or_kill_is_all_or_nothing(world: World) -> None:
    report = await world.venue.place(world.order(quantity="2", limit="50001", time_in_force=TimeInForce.FOK))
    assert (report.state, report.filled, report.fills) == (VenueOrderState.EXPIRED, Decimal(0), ())
    whole = await world.venue.place(world.order(quantity="1", limit="50001", time_in_force=TimeInForce.FOK))
    assert (whole.state, whole.filled) == (VenueOrderState.FILLED, Decimal(1))


async def test_the_same_client_id_again_is_the_same_order_and_no_second_one(world: World) -> None:
    for order in (world.order(quantity="0.1"), world.order(limit="40000")):
        first = await world.venue.place(order)
        assert await world.venue.place(order) == first
    assert (await world.venue.balances())["BTC"].total == FREE["BTC"] + Decimal("0.1") * Decimal("0.999")
    assert len(await world.venue.working(BTC_USDT)) == 1


@pytest.mark.parametrize(
    ("quantity", "limit"), [("0.0000001", None), ("0.0000155", "50000"), ("0.5", "50000.001"), ("0", "50000")]
)
async def test_what_breaks_a_rule_is_rejected_and_no_order(world: World, quantity: str, limit: str | None) -> None:
    order = world.order(quantity=quantity, limit=limit)
    report = await world.venue.place(order)
    assert report.state is VenueOrderState.REJECTED
    assert report.reason
    assert await world.venue.find(order.client_id, BTC_USDT) is None


async def test_more_than_the_balance_is_rejected_and_no_order(world: World) -> None:
    order = world.order(quantity="100", limit="49000")
    report = await world.venue.place(order)
    assert report.state is VenueOrderState.REJECTED
    assert await world.venue.find(order.client_id, BTC_USDT) is None


async def test_post_only_never_takes(world: World) -> None:
    taking = await world.venue.place(world.order(limit="50001", post_only=True))
    assert taking.state in (VenueOrderState.REJECTED, VenueOrderState.EXPIRED)
    resting = await world.venue.place(world.order(limit="50000", post_only=True))
    assert resting.state is VenueOrderState.WORKING


async def test_an_order_never_sent_is_not_found_and_not_cancelled(world: World) -> None:
    order = world.order()
    assert await world.venue.find(order.client_id, BTC_USDT) is None
    with pytest.raises(VenueOrderUnknown):
        await world.venue.cancel(order.client_id, BTC_USDT)


async def test_cancelling_what_has_ended_says_how_it_ended(world: World) -> None:
    order = world.order(quantity="0.1")
    placed = await world.venue.place(order)
    assert await world.venue.cancel(order.client_id, BTC_USDT) == placed


async def test_news_of_own_orders_come_by_themselves(world: World) -> None:
    order = world.order(quantity="1", limit="40000")
    await world.venue.place(order)
    news: Any = world.venue.reports()
    async with aclosing(news):
        assert (await anext(news)).state is VenueOrderState.WORKING
        await world.meet(order.client_id, "1", "40000")
        report = await _until_ended(news, world)
    assert (report.state, report.filled) == (VenueOrderState.FILLED, Decimal(1))


async def _until_ended(news: Any, world: World) -> VenueReport:
    async def listen() -> VenueReport:
        while True:
            report: VenueReport = await anext(news)
            if report.state.ended:
                return report

    listening = asyncio.get_running_loop().create_task(listen())
    while not listening.done():
        world.clock.advance(1)
        await asyncio.sleep(0.01)
    return await listening
