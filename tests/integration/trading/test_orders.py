"""Orders on the own book: held, filled, ended, and what each way leaves in the accounts."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from cambista.kernel.errors import Refusal
from cambista.kernel.market import Price
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, USDT
from cambista.ledger import AccountKind, customer_account, house_account
from cambista.runtime import Runtime
from cambista.trading import Order, OrderEnded, OrderStatus, OrderType, OrderUnknown, SelfTrade, TimeInForce
from tests.houses import OPERATOR, paper_house
from tests.integration.trading.ordering import BUY, SELL, SPEC, Exchange


@pytest.fixture
async def exchange(runtime: Runtime) -> AsyncIterator[Exchange]:
    async with paper_house(runtime) as paper:
        made = Exchange(paper)
        await made.join(3)
        yield made
        await made.check()


async def test_a_limit_order_holds_its_worst_cost_and_rests(exchange: Exchange) -> None:
    order = await exchange.place(0, BUY, "100", "3300.00")
    assert order.status is OrderStatus.WORKING
    # 33.00 for each lot of 0.01, and 20 basis points rounded up: 33.07.
    assert (await exchange.money(0))["COP"] == (Decimal("10000000.00"), Decimal("330700.00"))
    assert await exchange.depth() == ([("3300.00", "100")], [])


async def test_a_sell_holds_what_it_sells(exchange: Exchange) -> None:
    await exchange.place(0, SELL, "100", "3300.00")
    assert (await exchange.money(0))["USDT"] == (Decimal(2000), Decimal(100))


async def test_a_fill_pays_at_the_makers_price_with_the_fees_of_maker_and_taker(exchange: Exchange) -> None:
    maker = await exchange.place(0, SELL, "100", "3300.00")
    taker = await exchange.place(1, BUY, "40", "3400.00")
    assert taker.status is OrderStatus.FILLED
    assert (await exchange.look(maker)).status is OrderStatus.PARTIALLY_FILLED
    # 40 at 3300 is 132,000: the taker pays 0.20 %, the maker 0.10 %.
    assert (await exchange.money(1))["COP"] == (Decimal("9867736.00"), Decimal(0))
    assert (await exchange.money(1))["USDT"] == (Decimal(2040), Decimal(0))
    assert (await exchange.money(0))["COP"] == (Decimal("10131868.00"), Decimal(0))
    assert (await exchange.money(0))["USDT"] == (Decimal(1960), Decimal(60))
    [fees] = await exchange.paper.house.ledger.balances([house_account(AccountKind.FEES, COP)])
    assert fees.posted == Amount.of("396.00", COP)
    [fill] = await exchange.fills(taker)
    assert (fill.maker, fill.price.text, fill.quote.text, fill.fee.text) == (False, "3300.00", "132264.00", "264.00")
    [fill] = await exchange.fills(maker)
    assert (fill.maker, fill.quote.text, fill.fee.text, fill.left.text) == (True, "131868.00", "132.00", "60.000000")


async def test_price_goes_first_then_time(exchange: Exchange) -> None:
    later = await exchange.place(0, SELL, "10", "3310.00")
    first = await exchange.place(1, SELL, "10", "3300.00")
    second = await exchange.place(0, SELL, "10", "3300.00")
    await exchange.place(2, BUY, "15", "3310.00")
    assert [(await exchange.look(each)).left for each in (first, second, later)] == [0, 500, 1000]


async def test_a_cancelled_order_gives_its_money_back(exchange: Exchange) -> None:
    order = await exchange.place(0, BUY, "100", "3300.00")
    await exchange.place(1, SELL, "30", "3300.00")
    ended = await exchange.cancel(0, order)
    assert isinstance(ended, Order)
    assert (ended.status, ended.reason, ended.left) == (OrderStatus.CANCELLED, "asked", 7000)
    assert (await exchange.money(0))["COP"][1] == 0
    assert await exchange.depth() == ([], [])
    assert isinstance(await exchange.cancel(0, order), OrderEnded)


async def test_a_strangers_order_is_not_there(exchange: Exchange) -> None:
    order = await exchange.place(0, BUY, "100", "3300.00")
    assert isinstance(await exchange.cancel(1, order), OrderUnknown)
    with pytest.raises(OrderUnknown):
        await exchange.paper.house.trading.orders.order(order.id, exchange.people[1].id)
    assert await exchange.paper.house.trading.orders.orders(exchange.people[1].id) == []


async def test_immediate_orders_end_with_what_they_do_not_find(exchange: Exchange) -> None:
    await exchange.place(0, SELL, "10", "3300.00")
    some = await exchange.place(1, BUY, "15", "3300.00", time_in_force=TimeInForce.IOC)
    assert (some.status, some.left, some.reason) == (OrderStatus.CANCELLED, 500, "immediate")
    none = await exchange.place(1, BUY, "15", "3300.00", time_in_force=TimeInForce.FOK)
    assert (none.status, none.left, none.reason) == (OrderStatus.CANCELLED, 1500, "not_fillable")
    await exchange.place(0, SELL, "20", "3300.00")
    whole = await exchange.place(1, BUY, "15", "3300.00", time_in_force=TimeInForce.FOK)
    assert whole.status is OrderStatus.FILLED


async def test_a_post_only_order_that_would_take_is_rejected(exchange: Exchange) -> None:
    await exchange.place(0, SELL, "10", "3300.00")
    order = await exchange.place(1, BUY, "10", "3300.00", post_only=True)
    assert (order.status, order.reason, order.left) == (OrderStatus.REJECTED, "would_take", 1000)
    assert (await exchange.place(1, BUY, "10", "3299.99", post_only=True)).status is OrderStatus.WORKING


async def test_a_market_order_takes_within_its_collar(exchange: Exchange) -> None:
    [price] = await exchange.paper.house.pricing.current([SPEC.pair])
    near, far = (price.mid * Decimal(factor) for factor in ("1.01", "1.10"))
    await exchange.place(0, SELL, "10", f"{near:.2f}")
    await exchange.place(0, SELL, "10", f"{far:.2f}")
    order = await exchange.place(1, BUY, "20")
    assert (order.status, order.left) == (OrderStatus.CANCELLED, 1000)


async def test_an_order_of_limited_time_expires(exchange: Exchange) -> None:
    order = await exchange.place(0, BUY, "10", "3300.00", time_in_force=TimeInForce.GTD, duration_s=60)
    await exchange.paper.pass_time(59)
    await exchange.paper.house.trading.orders.tend()
    assert (await exchange.look(order)).status is OrderStatus.WORKING
    await exchange.paper.pass_time(1)
    await exchange.paper.house.trading.orders.tend()
    assert (await exchange.look(order)).status is OrderStatus.EXPIRED
    assert (await exchange.money(0))["COP"][1] == 0


@pytest.mark.parametrize(
    ("policy", "resting", "coming"),
    [
        (SelfTrade.CANCEL_NEWEST, OrderStatus.WORKING, OrderStatus.CANCELLED),
        (SelfTrade.CANCEL_OLDEST, OrderStatus.CANCELLED, OrderStatus.WORKING),
        (SelfTrade.CANCEL_BOTH, OrderStatus.CANCELLED, OrderStatus.CANCELLED),
    ],
)
async def test_nobody_trades_with_himself(
    exchange: Exchange, policy: SelfTrade, resting: OrderStatus, coming: OrderStatus
) -> None:
    first = await exchange.place(0, SELL, "10", "3300.00")
    second = await exchange.place(0, BUY, "10", "3300.00", self_trade=policy)
    assert ((await exchange.look(first)).status, second.status) == (resting, coming)
    assert await exchange.fills(first) == []


async def test_an_iceberg_shows_a_part_at_a_time_and_goes_last_with_each(exchange: Exchange) -> None:
    iceberg = await exchange.place(
        0, SELL, "30", "3300.00", type=OrderType.ICEBERG, visible_quantity=Amount.of("10", USDT)
    )
    other = await exchange.place(1, SELL, "10", "3300.00")
    assert await exchange.depth() == ([], [("3300.00", "20")])
    await exchange.place(2, BUY, "15", "3300.00")
    assert ((await exchange.look(iceberg)).left, (await exchange.look(other)).left) == (2000, 500)
    assert await exchange.depth() == ([], [("3300.00", "15")])


async def test_funds_that_are_not_there_are_refused_and_neighbours_stand(exchange: Exchange) -> None:
    much = exchange.request(0, BUY, "4000", "3300.00")
    fits = exchange.request(1, BUY, "10", "3300.00")
    refused, stands = await exchange.ask(much, fits)
    assert isinstance(refused, Refusal)
    assert refused.code == "insufficient_funds"
    assert isinstance(stands, Order)


async def test_violations_are_refused_with_their_codes(exchange: Exchange) -> None:
    trail = {"type": OrderType.TRAILING_STOP}
    assert await exchange.refused(0, BUY, "10", "3300.001") == "price_off_tick"
    assert await exchange.refused(0, BUY, "10.001", "3300") == "quantity_off_lot"
    assert await exchange.refused(0, BUY, "0.5", "3300") == "amount_too_small"
    assert await exchange.refused(0, BUY, "250001", "3300") == "amount_too_large"
    assert await exchange.refused(0, BUY, "10", "9" * 20) == "price_out_of_range"
    assert await exchange.refused(0, BUY, "250000", "9999999999999") == "amount_out_of_range"
    assert await exchange.refused(0, BUY, "10", type=OrderType.LIMIT) == "order_terms_invalid"
    assert await exchange.refused(0, BUY, "10", "3300", type=OrderType.MARKET) == "order_terms_invalid"
    assert await exchange.refused(0, BUY, "10", time_in_force=TimeInForce.GTC) == "order_terms_invalid"
    assert await exchange.refused(0, BUY, "10", "3300", time_in_force=TimeInForce.GTD) == "order_terms_invalid"
    assert await exchange.refused(0, BUY, "10", trail_bps=100, trail=Price.parse("1", SPEC.pair), **trail) == (
        "order_terms_invalid"
    )
    assert await exchange.refused(0, BUY, "10", "3300", client_order_id="no spaces") == "client_order_id_invalid"
    assert await exchange.all_orders() == []


async def test_a_customer_names_an_order_once(exchange: Exchange) -> None:
    first, again = await exchange.ask(
        exchange.request(0, BUY, "10", "3300", client_order_id="mine"),
        exchange.request(0, BUY, "10", "3300", client_order_id="mine"),
    )
    assert isinstance(first, Order)
    assert isinstance(again, Refusal)
    assert await exchange.refused(0, BUY, "10", "3300", client_order_id="mine") == "client_order_id_taken"
    assert isinstance((await exchange.place(1, BUY, "10", "3300", client_order_id="mine")), Order)


async def test_a_fill_that_the_ledger_refuses_fills_nothing_and_its_order_is_taken_out(exchange: Exchange) -> None:
    frozen = await exchange.place(0, SELL, "10", "3300.00")
    sound = await exchange.place(1, SELL, "10", "3301.00")
    refs = [customer_account(exchange.people[0].id, USDT)]
    ledger = exchange.paper.house.ledger
    await ledger.freeze(refs, frozen=True, caller=OPERATOR, reason="test")
    assert await exchange.refused(2, BUY, "20", "3301.00") == "counterparty_blocked"
    assert (await exchange.look(frozen)).status is OrderStatus.WORKING
    assert (await exchange.money(2))["COP"][1] == 0
    await exchange.paper.house.trading.orders.tend()
    assert (await exchange.look(frozen)).reason == "asked"
    taken = await exchange.place(2, BUY, "20", "3301.00")
    assert (taken.left, (await exchange.look(sound)).status) == (1000, OrderStatus.FILLED)
