"""Stops, trailing stops and parents: what the fair price and time do to them."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from cambista.kernel.market import Price
from cambista.runtime import Runtime
from cambista.trading import Order, OrderStatus, OrderType
from tests.databases import open_runtime
from tests.houses import PaperHouse, paper_house
from tests.integration.trading.ordering import BUY, SELL, SPEC, Exchange

STOP, TAKE, TRAIL = OrderType.STOP_LOSS, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP


@pytest.fixture
async def exchange(runtime: Runtime) -> AsyncIterator[Exchange]:
    """The fair price is 3400.00."""
    async with paper_house(runtime, fixed=prices("3400")) as paper:
        made = Exchange(paper)
        await made.join(3)
        yield made
        await made.check()


def prices(mid: str) -> dict[str, Decimal]:
    """The pair's price, and those of the ways round it, which pricing also looks at."""
    usdt = Decimal(mid)
    return {"USDT/COP": usdt, "USD/COP": usdt, "USDT/USD": Decimal(1)}


async def fair(paper: PaperHouse, mid: str) -> None:
    """The market moves, and orders hear of it."""
    for pair, pinned in prices(mid).items():
        paper.market.fix(pair, pinned)
    await paper.pass_time(20)
    [price] = await paper.house.pricing.current([SPEC.pair])
    assert abs(price.mid - Decimal(mid)) < 1, price
    await paper.house.trading.orders.tend()


def at(text: str) -> Price:
    return Price.parse(text, SPEC.pair)


async def test_a_stop_loss_sleeps_until_the_fair_price_has_fallen_to_it(exchange: Exchange) -> None:
    await exchange.place(1, BUY, "10", "3380.00")
    stop = await exchange.place(0, SELL, "10", type=STOP, stop_price=at("3390.00"))
    assert stop.status is OrderStatus.NEW
    assert (await exchange.money(0))["USDT"][1] == 10
    await fair(exchange.paper, "3395")
    assert (await exchange.look(stop)).status is OrderStatus.NEW
    await fair(exchange.paper, "3385")
    assert (await exchange.look(stop)).status is OrderStatus.FILLED


async def test_a_take_profit_waits_for_the_other_way(exchange: Exchange) -> None:
    await exchange.place(1, BUY, "10", "3380.00")
    order = await exchange.place(0, SELL, "10", type=TAKE, stop_price=at("3410.00"))
    await fair(exchange.paper, "3395")
    assert (await exchange.look(order)).status is OrderStatus.NEW
    await fair(exchange.paper, "3412")
    assert (await exchange.look(order)).status is OrderStatus.FILLED


async def test_a_stop_limit_rests_at_its_price_once_awake(exchange: Exchange) -> None:
    order = await exchange.place(0, BUY, "10", "3420.00", type=OrderType.STOP_LIMIT, stop_price=at("3410.00"))
    await fair(exchange.paper, "3411")
    assert (await exchange.look(order)).status is OrderStatus.WORKING
    assert await exchange.depth() == ([("3420.00", "10")], [])


async def test_a_trailing_stop_follows_the_best_price_and_wakes_when_it_turns_back(exchange: Exchange) -> None:
    await exchange.place(1, BUY, "20", "3380.00")
    by_price = await exchange.place(0, SELL, "10", type=TRAIL, trail=at("10.00"))
    by_bps = await exchange.place(0, SELL, "10", type=TRAIL, trail_bps=100)
    await fair(exchange.paper, "3415")
    await fair(exchange.paper, "3408")
    assert (await exchange.look(by_price)).status is OrderStatus.NEW
    await fair(exchange.paper, "3404")
    assert (await exchange.look(by_price)).status is OrderStatus.FILLED
    assert (await exchange.look(by_bps)).status is OrderStatus.NEW


async def test_a_sleeping_order_is_cancelled_and_its_money_free(exchange: Exchange) -> None:
    stop = await exchange.place(0, BUY, "10", type=STOP, stop_price=at("3410.00"))
    ended = await exchange.cancel(0, stop)
    assert isinstance(ended, Order)
    assert ended.status is OrderStatus.CANCELLED
    assert (await exchange.money(0))["COP"][1] == 0


async def children(exchange: Exchange, parent: Order) -> list[Order]:
    return [each for each in await exchange.all_orders() if each.parent_id == parent.id]


async def live_through(exchange: Exchange, seconds: int, step: int = 5) -> None:
    for _ in range(seconds // step):
        await exchange.paper.pass_time(step)
        await exchange.paper.house.trading.orders.tend()


@pytest.mark.parametrize("kind", [OrderType.TWAP, OrderType.VWAP])
async def test_a_parent_is_filled_in_slices_out_of_its_own_hold(exchange: Exchange, kind: OrderType) -> None:
    await exchange.place(1, SELL, "1000", "3401.00")
    parent = await exchange.place(0, BUY, "100", type=kind, duration_s=300)
    assert parent.status is OrderStatus.WORKING
    await live_through(exchange, 310)
    done = await exchange.look(parent)
    assert done.status is OrderStatus.FILLED
    slices = await children(exchange, parent)
    assert len(slices) > 5
    assert sum(each.lots - each.left for each in slices) == done.lots
    assert len({each.lots for each in slices}) > 1
    assert done.quote_units == sum(each.quote_units for each in slices)
    found = await exchange.paper.house.trading.orders.quality(done)
    assert found is not None
    assert (found.average.text, found.arrival.text) == ("3401", "3400.00")
    assert Decimal("2.9") < found.bps < Decimal("3.0")


async def test_a_parent_that_finds_too_little_expires_and_gives_the_rest_back(exchange: Exchange) -> None:
    await exchange.place(1, SELL, "10", "3401.00")
    parent = await exchange.place(0, BUY, "100", type=OrderType.TWAP, duration_s=120)
    await live_through(exchange, 130)
    done = await exchange.look(parent)
    assert done.status is OrderStatus.EXPIRED
    assert 0 < done.lots - done.left <= 1000
    assert (await exchange.money(0))["COP"][1] == 0


async def test_a_slice_takes_no_more_than_its_part_of_what_is_shown(exchange: Exchange) -> None:
    await exchange.place(1, SELL, "10", "3401.00")
    parent = await exchange.place(0, BUY, "100", type=OrderType.TWAP, duration_s=60)
    await live_through(exchange, 40)
    slices = await children(exchange, parent)
    assert slices
    assert max(each.lots for each in slices) <= 200


async def test_a_parent_keeps_to_its_price(exchange: Exchange) -> None:
    await exchange.place(1, SELL, "1000", "3401.00")
    parent = await exchange.place(0, BUY, "100", "3400.50", type=OrderType.TWAP, duration_s=60)
    await live_through(exchange, 70)
    assert (await exchange.look(parent)).status is OrderStatus.EXPIRED
    assert await children(exchange, parent) == []


async def test_a_cancelled_parent_sends_nothing_more(exchange: Exchange) -> None:
    await exchange.place(1, SELL, "1000", "3401.00")
    parent = await exchange.place(0, BUY, "100", type=OrderType.TWAP, duration_s=300)
    await live_through(exchange, 100)
    sent = len(await children(exchange, parent))
    ended = await exchange.cancel(0, parent)
    assert isinstance(ended, Order)
    assert ended.status is OrderStatus.CANCELLED
    await live_through(exchange, 100)
    assert len(await children(exchange, parent)) == sent > 0


async def test_another_process_goes_on_with_a_parent_where_the_first_stopped(exchange: Exchange, dsn: str) -> None:
    await exchange.place(1, SELL, "1000", "3401.00")
    parent = await exchange.place(0, BUY, "100", type=OrderType.TWAP, duration_s=300)
    await live_through(exchange, 100)
    async with (
        open_runtime(dsn, clock=exchange.paper.clock, seed=8) as runtime,
        paper_house(runtime, fixed=prices("3400")) as paper,
    ):
        again = Exchange(paper, exchange.people)
        for _ in range(42):
            await paper.pass_time(5)
            await paper.house.trading.orders.tend()
            await exchange.paper.house.trading.orders.tend()
        done = await again.look(parent)
    assert done.status is OrderStatus.FILLED
    assert sum(each.lots - each.left for each in await children(exchange, parent)) == done.lots
