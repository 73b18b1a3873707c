"""Volatility and order flow between ticks."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.market import Side
from cambista.pricing.rules.statistics import Flow, Volatility, imbalance, next_flow, next_volatility, volatility_bps
from tests.unit.pricing.markets import NOW

DECAY, HORIZON, HALF_LIFE = Decimal("0.97"), Decimal(15), Decimal(300)


def after(prices: list[str]) -> Volatility | None:
    state: Volatility | None = None
    for second, price in enumerate(prices):
        state = next_volatility(state, Decimal(price), NOW + timedelta(seconds=second), DECAY)
    return state


def test_a_still_price_has_no_volatility_and_a_moving_one_has() -> None:
    assert volatility_bps(None, HORIZON) == 0
    assert volatility_bps(after(["100"] * 50), HORIZON) == 0
    calm, wild = after(["100", "100.01"] * 100), after(["100", "101"] * 100)
    assert 0 < volatility_bps(calm, HORIZON) < volatility_bps(wild, HORIZON)


def test_volatility_of_a_steady_walk_is_the_step_times_the_root_of_the_horizon() -> None:
    # Steps of one bp a second: sigma over 15 seconds is sqrt(15) bps.
    state = after(["100", "100.01"] * 400)
    assert abs(volatility_bps(state, HORIZON) - Decimal("3.87")) < Decimal("0.05")


def test_a_price_of_the_same_moment_is_not_counted() -> None:
    state = after(["100", "101"])
    assert state is not None
    assert next_volatility(state, Decimal(500), state.at, DECAY) == state


def test_after_the_clock_went_back_volatility_is_kept_and_goes_on_from_there() -> None:
    state = after(["100", "101"])
    assert state is not None
    back = next_volatility(state, Decimal(500), NOW - timedelta(hours=2), DECAY)
    assert back.variance == state.variance
    later = next_volatility(back, Decimal(510), back.at + timedelta(seconds=1), DECAY)
    assert later.variance > back.variance


@given(st.lists(st.tuples(st.sampled_from(list(Side)), st.decimals("0.01", "100000", places=2)), max_size=20))
def test_imbalance_stays_within_one_and_fades_to_nothing(deals: list[tuple[Side, Decimal]]) -> None:
    state: Flow | None = None
    for side, size in deals:
        state = next_flow(state, side, size, NOW, HALF_LIFE)
    now = imbalance(state, NOW, HALF_LIFE, Decimal(1000))
    assert -1 <= now <= 1
    assert imbalance(state, NOW + timedelta(days=2), HALF_LIFE, Decimal(1000)) == 0


def test_one_small_deal_hardly_moves_the_imbalance() -> None:
    state = next_flow(None, Side.BUY, Decimal(10), NOW, HALF_LIFE)
    assert 0 < imbalance(state, NOW, HALF_LIFE, Decimal(25000)) < Decimal("0.001")
