"""Orders survive failed commits, restarts, a second process, and random streams checked after each step."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from cambista.kernel.errors import Refusal
from cambista.kernel.money import Amount
from cambista.kernel.registry import USDT
from cambista.runtime import Runtime
from cambista.trading import Order, OrderRequest, OrderStatus, OrderType, SelfTrade, TimeInForce, TradingSettings
from cambista.trading.book.snapshot import state_hash
from cambista.trading.service.books import BookDiverged, Market, load
from tests.databases import open_runtime
from tests.houses import PaperHouse, paper_house, settings
from tests.integration.trading.ordering import BUY, SELL, Exchange

PAIR = "USDT/COP"
OFTEN = settings(trading=TradingSettings(book_snapshot_every=10))


@pytest.fixture
async def exchange(runtime: Runtime) -> AsyncIterator[Exchange]:
    async with paper_house(runtime, OFTEN) as paper:
        made = Exchange(paper)
        await made.join(3)
        yield made
        await made.check()


async def stored_book(exchange: Exchange) -> Market:
    async with exchange.paper.runtime.db.transaction() as tx:
        return await load(tx, PAIR)


def running_book(exchange: Exchange) -> Market:
    return exchange.paper.house.trading.orders._books._markets[PAIR]


class Failing:
    """Fails the next `times` transactions at a point."""

    def __init__(self, point: str, times: int) -> None:
        self.point, self.left = point, times

    def __call__(self, point: str) -> None:
        if point == self.point and self.left:
            self.left -= 1
            raise RuntimeError("the power is gone")


async def test_an_order_whose_commit_failed_was_never_there(exchange: Exchange) -> None:
    resting = await exchange.place(0, SELL, "10", "3300.00")
    exchange.paper.runtime.db.fault = Failing("before_commit", 2)
    with pytest.raises(RuntimeError):
        await exchange.place(1, BUY, "10", "3300.00")
    assert (await exchange.look(resting)).status is OrderStatus.WORKING
    assert (await exchange.money(1))["COP"][1] == 0
    filled = await exchange.place(2, BUY, "10", "3300.00")
    assert filled.status is OrderStatus.FILLED
    assert state_hash((await stored_book(exchange)).book) == state_hash(running_book(exchange).book)


async def test_a_batch_that_failed_once_is_tried_again_order_by_order(exchange: Exchange) -> None:
    exchange.paper.runtime.db.fault = Failing("before_commit", 1)
    placed = await exchange.ask(*(exchange.request(0, SELL, "10", f"{price}.00") for price in (3300, 3301, 3302)))
    assert all(isinstance(each, Order) for each in placed)
    assert len(await exchange.all_orders()) == 3


async def test_a_book_is_rebuilt_from_its_snapshots_and_commands_bit_for_bit(exchange: Exchange) -> None:
    rng = random.Random(5)
    for _ in range(35):
        await exchange.ask(random_request(exchange, rng))
    async with exchange.paper.runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM trading.book_snapshot") >= 3
    again, running = await stored_book(exchange), running_book(exchange)
    assert (again.number, again.stamp, state_hash(again.book)) == (
        running.number, running.stamp, state_hash(running.book),
    )  # fmt: skip


async def test_a_book_that_diverged_from_its_snapshot_is_not_traded_on(exchange: Exchange, dsn: str) -> None:
    for number in range(12):
        await exchange.place(number % 2, SELL, "1", f"33{number:02}.00")
    async with exchange.paper.runtime.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO trading.book_snapshot SELECT pair, 12, 'another', state FROM trading.book_snapshot"
        )
    async with open_runtime(dsn, clock=exchange.paper.clock, seed=8) as runtime, paper_house(runtime, OFTEN) as paper:
        twin = Exchange(paper, exchange.people)
        with pytest.raises(BookDiverged):
            await twin.place(2, BUY, "1", "3300.00")


async def test_after_a_restart_orders_trade_on_in_their_places(exchange: Exchange, dsn: str) -> None:
    first = await exchange.place(0, SELL, "10", "3300.00")
    second = await exchange.place(1, SELL, "10", "3300.00")
    async with open_runtime(dsn, clock=exchange.paper.clock, seed=8) as runtime, paper_house(runtime, OFTEN) as paper:
        again = Exchange(paper, exchange.people)
        await again.place(2, BUY, "15", "3300.00")
        assert [(await again.look(each)).left for each in (first, second)] == [0, 500]
    # And the first process, whose book is behind now, follows.
    await exchange.place(2, BUY, "5", "3300.00")
    assert (await exchange.look(second)).status is OrderStatus.FILLED


async def test_two_processes_at_once_keep_one_book(exchange: Exchange, dsn: str) -> None:
    async with open_runtime(dsn, clock=exchange.paper.clock, seed=8) as runtime, paper_house(runtime, OFTEN) as paper:
        twin = Exchange(paper, exchange.people)

        async def trade(house: Exchange, seed: int) -> list[Any]:
            rng = random.Random(seed)
            return [await house.ask(random_request(house, rng)) for _ in range(30)]

        answers = await asyncio.gather(trade(exchange, 1), trade(twin, 2))
        said = [verdict for each in answers for [verdict] in each]
        assert sum(isinstance(verdict, Order) for verdict in said) > 50
        await exchange.check()
        assert (await stored_book(exchange)).number == max(running_book(each).number for each in (exchange, twin))


def random_request(exchange: Exchange, rng: random.Random) -> OrderRequest:
    """Any kind that works at once, near one price, so that they meet."""
    who, side = rng.randrange(3), rng.choice([BUY, SELL])
    price, quantity = f"{3300 + rng.randint(-5, 5)}.00", str(rng.randint(1, 20))
    if rng.random() < 0.1:
        return exchange.request(who, side, quantity)
    more: dict[str, Any] = {"self_trade": rng.choice(list(SelfTrade))}
    draw = rng.random()
    if draw < 0.2:
        more["time_in_force"] = rng.choice([TimeInForce.IOC, TimeInForce.FOK])
    elif draw < 0.35:
        more |= {"time_in_force": TimeInForce.GTD, "duration_s": rng.randint(1, 9)}
    elif draw < 0.5:
        more |= {"type": OrderType.ICEBERG, "visible_quantity": Amount.of("1", USDT)}
    elif draw < 0.6:
        more["post_only"] = True
    return exchange.request(who, side, quantity, price, **more)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_held_is_what_is_left_after_every_step_of_any_stream(exchange: Exchange, seed: int) -> None:
    rng = random.Random(seed)
    before = await total_of(exchange.paper)
    for _ in range(25):
        draw = rng.random()
        orders = [each for each in await exchange.all_orders() if not each.status.ended]
        if draw < 0.2 and orders:
            order = rng.choice(orders)
            owner = next(n for n, each in enumerate(exchange.people) if each.id == order.customer_id)
            assert isinstance(await exchange.cancel(owner, order), Order)
        elif draw < 0.35:
            await exchange.paper.pass_time(rng.randint(1, 5))
            await exchange.paper.house.trading.orders.tend()
        elif draw < 0.45:
            exchange.paper.runtime.db.fault = Failing("before_commit", rng.randint(1, 2))
            with suppress(RuntimeError):
                await exchange.ask(random_request(exchange, rng))
            exchange.paper.runtime.db.fault = Failing("", 0)
        else:
            said = await exchange.ask(*(random_request(exchange, rng) for _ in range(rng.randint(1, 5))))
            assert all(isinstance(each, Order | Refusal) for each in said)
        await exchange.check()
    assert await total_of(exchange.paper) == before
    assert state_hash((await stored_book(exchange)).book) == state_hash(running_book(exchange).book)


async def total_of(paper: PaperHouse) -> list[tuple[str, str]]:
    """All that customers and fees have: trading among customers neither makes money nor loses it."""
    async with paper.runtime.db.read() as reader:
        rows = await reader.all(
            """
            SELECT asset, sum(posted)::text AS total FROM ledger.account
            WHERE kind IN ('customer', 'fees') AND asset IN ('USDT', 'COP') GROUP BY asset HAVING sum(posted) > 0
            ORDER BY asset
            """
        )
    return [(row["asset"], row["total"]) for row in rows]
