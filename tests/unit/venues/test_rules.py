"""What may enter from a market, and what people's ads become."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.market import Level, Pair
from cambista.kernel.registry import BTC, COP, USD, VES
from cambista.venues import Flag, Observation, RateName, ReferenceRate, SourceKind
from cambista.venues.rules import LEVELS_MAX, Rejection, admit, admit_rate, levels_of, positive, uncross
from tests.unit.venues.worlds import START, levels, observation

PRICES = st.decimals(min_value="0.01", max_value="1000", places=2)
SIDES = st.lists(st.builds(Level, PRICES, PRICES), min_size=1, max_size=20)


@pytest.mark.parametrize(
    "value",
    ["", "0", "0.000", "-1", "+1", "1e3", "NaN", "Infinity", "1,5", "١٢", "1" * 41, " 1", "1.2.3", 1.5, 1, None],
)
def test_a_number_that_is_no_plain_decimal_string_above_zero_is_none(value: object) -> None:
    assert positive(value) is None


def test_a_plain_decimal_string_is_read_exactly() -> None:
    assert positive("61837.63000000") == Decimal("61837.63")


def test_one_malformed_row_spoils_the_book() -> None:
    assert levels_of([["1", "2"], ["2", "0"]]) is None
    assert levels_of([["1"]]) is None
    assert levels_of([["1", "2", "3"]]) == [Level(Decimal(1), Decimal(2))]


def test_a_sane_book_is_admitted_as_it_is() -> None:
    sane = observation(bids=levels(("10", "1"), ("9", "2")), asks=levels(("11", "1"), ("12", "2")))
    assert admit(sane, START) == sane


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        ((), (), "empty"),
        (levels(("NaN", "1")), (), "not_a_number"),
        (levels(("1", "Infinity")), (), "not_a_number"),
        ((), levels(("0", "1")), "price"),
        ((), levels(("-1", "1")), "price"),
        ((), levels(("1e13", "1")), "price"),
        (levels(("1", "0")), (), "quantity"),
        (levels(("1", "-5")), (), "quantity"),
        (levels(("1", "1e13")), (), "quantity"),
        (levels(("9", "1"), ("10", "1")), (), "unsorted"),
        ((), levels(("10", "1"), ("9", "1")), "unsorted"),
        (levels(("11", "1")), levels(("10", "1")), "crossed"),
    ],
)
def test_what_is_not_sane_is_refused_with_its_reason(
    bids: tuple[Level, ...], asks: tuple[Level, ...], reason: str
) -> None:
    assert admit(observation(bids=bids, asks=asks), START) == Rejection(reason)


def test_a_time_ahead_is_drawn_back_to_now_and_one_far_ahead_is_refused() -> None:
    soon = admit(observation(at=START + timedelta(seconds=2)), START)
    assert isinstance(soon, Observation)
    assert soon.observed_at == START
    assert admit(observation(at=START + timedelta(minutes=1)), START) == Rejection("time")
    assert admit(observation(at=START.replace(tzinfo=None)), START) == Rejection("time")


def test_a_book_of_any_length_is_cut_to_its_near_levels() -> None:
    long = tuple(Level(Decimal(price), Decimal(1)) for price in range(100, 100 + 3 * LEVELS_MAX))
    cut = admit(observation(bids=(), asks=long), START)
    assert isinstance(cut, Observation)
    assert cut.asks == long[:LEVELS_MAX]


def test_crossed_ads_are_made_straight_and_marked() -> None:
    bids, asks = levels(("11", "1"), ("9", "1"), ("8", "1")), levels(("10", "1"), ("10.5", "1"), ("12", "1"))
    straight = admit(replace(observation(bids=bids, asks=asks), kind=SourceKind.P2P_ADS), START)
    assert isinstance(straight, Observation)
    assert (straight.bid, straight.ask) == (Decimal(9), Decimal("10.5"))
    assert straight.flags == {Flag.UNCROSSED}


def test_ads_that_agree_on_nothing_become_their_medians_with_the_doubt_as_spread() -> None:
    bids, asks = uncross(levels(("13", "1"), ("12", "2"), ("11", "3")), levels(("8", "1"), ("9", "1"), ("10", "1")))
    assert bids == levels(("9", "6"))
    assert asks == levels(("12", "3"))


@given(SIDES, SIDES)
def test_uncrossed_ads_never_cross_and_never_leave_the_prices_that_came(bids: list[Level], asks: list[Level]) -> None:
    falling = sorted(bids, key=lambda level: -level.price)
    rising = sorted(asks, key=lambda level: level.price)
    below, above = uncross(falling, rising)
    assert below
    assert above
    assert below[0].price <= above[0].price
    prices = [level.price for level in (*bids, *asks)]
    assert all(min(prices) <= level.price <= max(prices) for level in (*below, *above))


@given(
    st.lists(st.builds(Level, st.decimals(), st.decimals())), st.lists(st.builds(Level, st.decimals(), st.decimals()))
)
def test_whatever_comes_what_is_admitted_is_sane(bids: list[Level], asks: list[Level]) -> None:
    admitted = admit(observation(bids=bids, asks=asks), START)
    if isinstance(admitted, Observation):
        assert [level.price for level in admitted.bids] == sorted((each.price for each in admitted.bids), reverse=True)
        assert [level.price for level in admitted.asks] == sorted(each.price for each in admitted.asks)
        assert all(level.price > 0 and level.quantity > 0 for level in (*admitted.bids, *admitted.asks))
        assert not (admitted.bid and admitted.ask and admitted.bid > admitted.ask)


def _rate(pair: Pair, value: str, days: int = 0) -> ReferenceRate:
    day = date(2025, 12, 6)
    return ReferenceRate("test", RateName.OFFICIAL, pair, Decimal(value), day, day + timedelta(days=days), START)


def test_a_believable_rate_is_admitted() -> None:
    assert admit_rate(_rate(Pair(USD, COP), "3968.5", 3)) == _rate(Pair(USD, COP), "3968.5", 3)


@pytest.mark.parametrize(
    ("rate", "reason"),
    [
        (_rate(Pair(BTC, USD), "0.0257237282386"), "absurd"),
        (_rate(Pair(USD, COP), "1"), "absurd"),
        (_rate(Pair(USD, VES), "1"), "absurd"),
        (_rate(Pair(BTC, COP), "3968"), "absurd"),
        (_rate(Pair(USD, COP), "0"), "value"),
        (_rate(Pair(USD, COP), "NaN"), "value"),
        (_rate(Pair(USD, COP), "3968", -1), "validity"),
    ],
)
def test_an_absurd_rate_is_refused(rate: ReferenceRate, reason: str) -> None:
    assert admit_rate(rate) == Rejection(reason)
