"""The router's plans: never worse than trying everything, never beyond what a market, a limit or a cap allows."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.market import Level, Side
from cambista.trading.rules.routing import Market, route

WHOLE = Decimal(1)


@st.composite
def levels(draw: st.DrawFn, side: Side) -> list[Level]:
    price, found = draw(st.integers(97, 103)), []
    for _ in range(draw(st.integers(0, 4))):
        found.append(Level(Decimal(price), Decimal(draw(st.integers(1, 3)))))
        price += draw(st.integers(1, 3)) * (1 if side is Side.BUY else -1)
    return found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Side, Decimal, list[Market]]:
    """A few markets of a few whole lots, with fees, least orders and caps."""
    side = draw(st.sampled_from(Side))
    markets = [
        Market(
            name=str(number),
            levels=draw(levels(side)),
            fee_bps=Decimal(draw(st.sampled_from((0, 10, 50, 100)))),
            latency_bps=Decimal(draw(st.integers(0, 20))),
            risk_bps=Decimal(draw(st.integers(0, 30))),
            lot=WHOLE,
            minimum=Decimal(draw(st.sampled_from((0, 0, 150, 300, 500)))),
            cap=draw(st.none() | st.integers(0, 6).map(Decimal)),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    return side, Decimal(draw(st.integers(1, 10))), markets


def cost_of(market: Market, side: Side, quantity: int) -> tuple[Decimal, Decimal]:
    """Notional and all-in cost of that many lots there."""
    left, notional = Decimal(quantity), Decimal(0)
    for level in market.levels:
        part = min(left, level.quantity)
        notional, left = notional + part * level.price, left - part
    return notional, notional * (1 + (1 if side is Side.BUY else -1) * market.cost_bps / 10_000)


def possible(market: Market, side: Side, wanted: Decimal) -> Iterator[tuple[int, Decimal]]:
    """Everything that can be done on one market: quantity and all-in cost."""
    yield 0, Decimal(0)
    depth = sum((level.quantity for level in market.levels), Decimal(0))
    for quantity in range(1, int(min(depth, wanted, depth if market.cap is None else market.cap)) + 1):
        notional, all_in = cost_of(market, side, quantity)
        if notional >= market.minimum:
            yield quantity, all_in


@given(worlds())
def test_no_other_split_routes_more_or_costs_less(world: tuple[Side, Decimal, list[Market]]) -> None:
    side, wanted, markets = world
    sign = 1 if side is Side.BUY else -1
    best = (Decimal(0), Decimal(0))
    for each in product(*(list(possible(market, side, wanted)) for market in markets)):
        quantity = Decimal(sum(lots for lots, _ in each))
        if quantity <= wanted:
            best = min(best, (-quantity, sum((cost for _, cost in each), Decimal(0)) * sign))
    plan = route(side, wanted, markets)
    assert (-(wanted - plan.unrouted), plan.all_in * sign) == best


@given(worlds(), st.integers(95, 105).map(Decimal))
def test_a_plan_keeps_to_limits_caps_lots_and_least_orders(
    world: tuple[Side, Decimal, list[Market]], limit: Decimal
) -> None:
    side, wanted, markets = world
    by_name = {market.name: market for market in markets}
    plan = route(side, wanted, markets, limit=limit)
    assert sum((leg.quantity for leg in plan.legs), plan.unrouted) == wanted
    for leg in plan.legs:
        market = by_name[leg.market]
        assert leg.limit <= limit if side is Side.BUY else leg.limit >= limit
        assert market.cap is None or leg.quantity <= market.cap
        assert leg.quantity % market.lot == 0
        assert leg.notional >= market.minimum
        assert (leg.notional, leg.all_in) == cost_of(market, side, int(leg.quantity))
    assert plan.why.keys() == by_name.keys()


def test_a_cheap_price_behind_a_dear_fee_is_dear() -> None:
    cheap = Market("cheap", [Level(Decimal(100), Decimal(5))], fee_bps=Decimal(100), lot=WHOLE)
    fair = Market("fair", [Level(Decimal("100.5"), Decimal(5))], fee_bps=Decimal(10), lot=WHOLE)
    plan = route(Side.BUY, Decimal(5), [cheap, fair])
    assert [leg.market for leg in plan.legs] == ["fair"]
    assert plan.why["cheap"].startswith("dearer")


def test_a_lot_that_spans_two_levels_has_the_worse_ones_price() -> None:
    market = Market("own", [Level(Decimal(100), Decimal("0.6")), Level(Decimal(101), Decimal("0.6"))], lot=WHOLE)
    [leg] = route(Side.BUY, Decimal(1), [market]).legs
    assert (leg.quantity, leg.limit, leg.all_in) == (WHOLE, Decimal(101), Decimal(101))
