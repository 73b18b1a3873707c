"""Rules of orders: what is held covers any way to be filled, kinds refuse foreign fields, schedules add up."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, OrderId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount, Rounding
from cambista.kernel.registry import PAIRS
from cambista.trading import OrderRequest, OrderStatus, OrderType, TimeInForce, TradingSettings
from cambista.trading.book.commands import Place
from cambista.trading.book.engine import Book
from cambista.trading.orders.slicing import due_lots, next_slice, schedule
from cambista.trading.rules.orders import draft, lot_cost, price_at, quality, quote_units, ticks_of
from cambista.trading.rules.settling import Tally
from tests.databases import START

ANA = Caller(UUID(int=1), Role.CUSTOMER)
SETTINGS = TradingSettings()
SPECS = st.sampled_from(list(PAIRS.values()))
FAIR = 340_000


def request(type: OrderType, **more: Any) -> OrderRequest:
    spec = PAIRS["USDT/COP"]
    quantity = Amount.of("100", spec.pair.base)
    return replace(OrderRequest(ANA, CustomerId(ANA.id), spec, Side.BUY, type, quantity), **more)


def price(text: str) -> Price:
    return Price.parse(text, PAIRS["USDT/COP"].pair)


GIVEN: dict[str, object] = {
    "price": price("3300"), "stop_price": price("3450"), "trail": price("10"), "duration_s": 600,
    "visible_quantity": Amount.of("10", PAIRS["USDT/COP"].pair.base),
}  # fmt: skip
NEEDS = {
    OrderType.MARKET: set(), OrderType.LIMIT: {"price"}, OrderType.STOP_LOSS: {"stop_price"},
    OrderType.TAKE_PROFIT: {"stop_price"}, OrderType.STOP_LIMIT: {"price", "stop_price"},
    OrderType.TRAILING_STOP: {"trail"}, OrderType.ICEBERG: {"price", "visible_quantity"},
    OrderType.TWAP: {"duration_s"}, OrderType.VWAP: {"duration_s"},
}  # fmt: skip
TAKES = {OrderType.TWAP: {"price"}, OrderType.VWAP: {"price"}}


@pytest.mark.parametrize("type", list(OrderType))
def test_each_kind_stands_with_what_it_needs_and_with_nothing_less_or_foreign(type: OrderType) -> None:
    needed = {name: GIVEN[name] for name in NEEDS[type]}
    order, work = draft(request(type, **needed), OrderId(UUID(int=9)), FAIR, START, SETTINGS)
    assert order.limit == work.limit > 0
    for name, value in GIVEN.items():
        if name in needed:
            changed = {key: each for key, each in needed.items() if key != name}
        elif name in TAKES.get(type, ()):
            continue
        else:
            changed = {**needed, name: value}
        with pytest.raises(Refusal) as found:
            draft(request(type, **changed), OrderId(UUID(int=9)), FAIR, START, SETTINGS)
        assert found.value.code == "order_terms_invalid", (type, name)


@pytest.mark.parametrize("side", list(Side))
def test_an_order_without_a_limit_goes_no_further_than_its_collar(side: Side) -> None:
    order, _ = draft(request(OrderType.MARKET, side=side), OrderId(UUID(int=9)), FAIR, START, SETTINGS)
    assert order.limit == (FAIR * 105 // 100 if side is Side.BUY else FAIR * 95 // 100)
    assert order.time_in_force is TimeInForce.IOC


@given(SPECS, st.integers(1, 10**9), st.lists(st.tuples(st.integers(1, 500), st.integers(0, 5000)), max_size=20),
       st.integers(0, 1000), st.integers(0, 1000))  # fmt: skip
def test_what_is_held_for_a_buy_covers_any_way_to_fill_it(
    spec: object, limit: int, parts: list[tuple[int, int]], maker: int, taker: int
) -> None:
    assert isinstance(spec, type(PAIRS["USDT/COP"]))
    cost = lot_cost(spec, Side.BUY, limit, max(maker, taker))
    for lots, better in parts:
        at = max(1, limit - better)
        for fee in (maker, taker):
            paid = quote_units(spec, at, lots, fee_bps=fee, rounding=Rounding.UP)
            got = quote_units(spec, at, lots, fee_bps=-fee, rounding=Rounding.DOWN)
            assert 0 <= got <= paid <= lots * cost


@given(st.integers(1, 10**12))
def test_ticks_and_prices_are_each_other(ticks: int) -> None:
    for spec in PAIRS.values():
        assert ticks_of(price_at(ticks, spec), spec) == ticks


def test_a_digit_below_the_tick_is_seen_however_far_down_it_is() -> None:
    with pytest.raises(Refusal) as found:
        ticks_of(price("3300.00000000000000000000001"), PAIRS["USDT/COP"])
    assert found.value.code == "price_off_tick"


def test_every_minimum_is_whole_lots_and_lots_are_worth_something() -> None:
    for spec in PAIRS.values():
        assert spec.minimum.units % spec.lot.units == 0
        assert spec.lot.units > 0


@given(st.integers(1, 10**6), st.integers(30, 86_400), st.integers(0, 2**62), st.lists(st.integers(0, 9), max_size=24))
def test_a_schedule_sends_all_of_it_in_time_and_is_the_same_for_the_same_seed(
    lots: int, duration: int, seed: int, curve: list[int]
) -> None:
    slices = schedule(lots, duration, seed, curve)
    assert slices == schedule(lots, duration, seed, curve)
    assert slices[-1].lots == lots
    assert [each.lots for each in slices] == sorted(each.lots for each in slices)
    times = [each.after_us for each in slices]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < duration * 1_000_000
    assert due_lots(slices, -1) == 0
    assert due_lots(slices, duration * 1_000_000) == lots


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_slice_is_never_more_than_is_due_nor_than_its_part_of_what_is_shown(
    due: int, filled: int, shown: int, part: int
) -> None:
    lots = next_slice(due, filled, shown, part)
    assert 0 <= lots <= max(0, due - filled)
    assert lots * 10_000 <= shown * part


def test_a_schedule_follows_its_curve() -> None:
    slices = schedule(100_000, 3600, 1, [1, 9])
    half = max(each.lots for each in slices if each.after_us < 1_800_000_000)
    assert 5_000 < half < 15_000


def test_a_fill_gives_each_side_its_fee_and_loses_nothing() -> None:
    book, orders = Book(), {}
    for number, (side, at) in enumerate([(Side.SELL, "3300"), (Side.BUY, "3310")], start=1):
        order, _ = draft(
            request(OrderType.LIMIT, side=side, price=price(at), customer_id=CustomerId(UUID(int=number))),
            OrderId(UUID(int=10 + number)), None, START, SETTINGS,
        )  # fmt: skip
        orders[number] = replace(order, number=number)
    tally = Tally(dict(orders), {}, iter([UUID(int=99)]), START)
    for number, order in orders.items():
        tally.take(book.apply(Place(number, number, order.side, order.lots, order.limit)))
    seller, buyer = tally.orders[1], tally.orders[2]
    assert (seller.status, buyer.status) == (OrderStatus.FILLED, OrderStatus.FILLED)
    [transfer] = tally.transfers
    moved = {posting.destination.kind: posting.amount.text for posting in transfer.postings[1:2]}
    assert moved == {"fees": "990.00"}
    assert buyer.quote_units - seller.quote_units == buyer.fee_units + seller.fee_units == 99_000
    drawn = {draw.hold: draw.amount for draw in transfer.draws}
    assert drawn == {orders[number].hold_id: orders[number].held for number in orders}


def test_slippage_is_above_zero_where_the_average_was_worse_than_the_arrival() -> None:
    order, _ = draft(request(OrderType.TWAP, duration_s=600), OrderId(UUID(int=9)), FAIR, START, SETTINGS)
    half = replace(order, left=order.lots // 2, quote_units=17_017_000, fee_units=0)
    assert quality(half, FAIR).bps == Decimal("10.00")
    sold = replace(half, side=Side.SELL)
    assert quality(sold, FAIR).bps == Decimal("-10.00")


def test_an_order_of_limited_time_ends_when_it_says() -> None:
    asked = request(OrderType.LIMIT, price=price("3300"), time_in_force=TimeInForce.GTD, duration_s=60)
    order, work = draft(asked, OrderId(UUID(int=9)), None, START, SETTINGS)
    assert order.expires_at == START + timedelta(seconds=60)
    assert work.terms.expires_at == int((START.timestamp() + 60) * 1_000_000)
