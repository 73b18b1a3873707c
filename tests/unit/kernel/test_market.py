"""Prices convert exactly, each way by the rounding named."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.errors import Invalid
from cambista.kernel.market import Pair, Price, PriceInvalid
from cambista.kernel.money import Amount, Rounding
from cambista.kernel.registry import BTC, COP, PAIRS, USDT, PairUnknown, pair_spec

USDT_COP = PAIRS["USDT/COP"].pair
prices = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(10**9), places=4)


@pytest.mark.parametrize("value", [0, "0", "-1", "NaN", "1e5", 1.5, True, None, "", ".", "9" * 31, "4 000", "٣"])
def test_what_is_no_price_is_refused(value: object) -> None:
    with pytest.raises(PriceInvalid):
        Price.parse(value, USDT_COP)


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.none()))
def test_reading_a_price_reads_or_refuses(value: object) -> None:
    try:
        price = Price.parse(value, USDT_COP)
    except Invalid:
        return
    assert price.value > 0


@given(prices, st.integers(1, 10**12))
def test_conversion_is_off_by_less_than_one_unit_on_the_side_named(value: Decimal, units: int) -> None:
    price, base = Price(value, USDT_COP), Amount(units, USDT)
    exact = Fraction(units, 10**6) * Fraction(value) * 100
    assert 0 <= price.quote_for(base, Rounding.UP).units - exact < 1
    assert 0 <= exact - price.quote_for(base, Rounding.DOWN).units < 1


@given(prices, st.integers(1, 10**12))
def test_there_and_back_never_gains(value: Decimal, units: int) -> None:
    price, quote = Price(value, USDT_COP), Amount(units, COP)
    assert price.quote_for(price.base_for(quote, Rounding.DOWN), Rounding.DOWN) <= quote


def test_a_pair_is_found_by_its_name_in_text_and_in_a_path() -> None:
    assert pair_spec("USDT/COP") is pair_spec("USDT-COP")
    with pytest.raises(PairUnknown):
        pair_spec("COP/USDT")
    with pytest.raises(PairUnknown):
        pair_spec(7)


def test_a_pair_joins_two_assets() -> None:
    with pytest.raises(AssertionError):
        Pair(BTC, BTC)
