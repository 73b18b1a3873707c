"""Amounts are exact whole units: what is read, what is refused, where remainders go."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.errors import Invalid
from cambista.kernel.money import (
    UNITS_MAX,
    UNITS_MIN,
    Amount,
    AmountInvalid,
    AmountNotExact,
    AmountNotPositive,
    AmountOutOfRange,
    Asset,
    Rounding,
    divide,
    scale_amount,
    to_amount,
)
from cambista.kernel.registry import ASSETS, BTC, CLP, COP, USDT

assets = st.sampled_from(sorted(ASSETS.values(), key=lambda asset: asset.code))
units = st.integers(UNITS_MIN, UNITS_MAX)


def test_assets_have_the_digits_of_iso_4217_and_of_their_chains() -> None:
    digits = {"COP": 2, "VES": 2, "ARS": 2, "BRL": 2, "MXN": 2, "PEN": 2, "CLP": 0, "USD": 2, "EUR": 2}
    digits |= {"USDT": 6, "USDC": 6, "BTC": 8, "ETH": 8}
    assert {code: ASSETS[code].scale for code in digits} == digits


@given(assets, units)
def test_what_is_written_reads_back_the_same(asset: Asset, number: int) -> None:
    amount = Amount(number, asset)
    assert Amount.parse(amount.text, asset) == amount
    assert Decimal(amount.text) == amount.decimal


@pytest.mark.parametrize(
    ("value", "asset", "number"),
    [("12.50", COP, 1250), (12, COP, 1200), ("12.5000", COP, 1250), ("7", CLP, 7),
     ("0.00000001", BTC, 1), ("-1.5", COP, -150)],
)  # fmt: skip
def test_decimal_strings_and_integers_are_read_exactly(value: object, asset: Asset, number: int) -> None:
    assert Amount.parse(value, asset).units == number


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        (1.5, AmountNotExact),
        (float("nan"), AmountNotExact),
        ("1.555", AmountNotExact),
        ("NaN", AmountInvalid),
        ("Infinity", AmountInvalid),
        ("1e5", AmountInvalid),
        ("1e400", AmountInvalid),
        ("+1", AmountInvalid),
        (" 1", AmountInvalid),
        ("1,5", AmountInvalid),
        ("", AmountInvalid),
        ("1\n", AmountInvalid),
        ("٣", AmountInvalid),
        ("1_000", AmountInvalid),
        (True, AmountInvalid),
        (None, AmountInvalid),
        ([], AmountInvalid),
        ({}, AmountInvalid),
        ("9" * 40, AmountOutOfRange),
        (10**40, AmountOutOfRange),
        ("92233720368547758.08", AmountOutOfRange),
    ],
)
def test_everything_else_is_refused_with_a_code(value: object, refusal: type[Invalid]) -> None:
    with pytest.raises(refusal):
        Amount.parse(value, COP)


@pytest.mark.parametrize("value", ["0", "0.00", "-0.01", 0, -5])
def test_zero_and_below_are_not_positive(value: object) -> None:
    with pytest.raises(AmountNotPositive):
        Amount.parse_positive(value, COP)


@given(st.one_of(st.text(max_size=60), st.integers(), st.floats(), st.none(), st.booleans(), st.binary(max_size=8)))
def test_no_input_does_anything_but_read_or_refuse(value: object) -> None:
    try:
        amount = Amount.parse(value, USDT)
    except Invalid:
        return
    assert UNITS_MIN <= amount.units <= UNITS_MAX


def test_overflow_is_a_refusal_and_never_a_wrap() -> None:
    with pytest.raises(AmountOutOfRange):
        Amount(UNITS_MAX, COP) + Amount(1, COP)
    with pytest.raises(AmountOutOfRange):
        Amount(UNITS_MIN, COP) - Amount(1, COP)
    with pytest.raises(AmountOutOfRange):
        -Amount(UNITS_MIN, COP)


def test_amounts_of_two_assets_do_not_mix() -> None:
    with pytest.raises(AssertionError):
        Amount(1, COP) + Amount(1, USDT)
    with pytest.raises(AssertionError):
        assert Amount(1, COP) < Amount(1, USDT)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_division_rounds_where_it_says(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    up, down, even = (divide(numerator, denominator, each) for each in (Rounding.UP, Rounding.DOWN, Rounding.HALF_EVEN))
    assert abs(down) <= abs(exact) <= abs(up)
    assert abs(up - exact) < 1
    assert abs(down - exact) < 1
    assert even == round(exact)


@given(st.integers(0, 10**12), st.decimals(min_value=0, max_value=1000, places=8))
def test_scaling_is_off_by_less_than_one_unit(number: int, factor: Decimal) -> None:
    exact = Fraction(number) * Fraction(factor)
    assert 0 <= scale_amount(Amount(number, COP), factor, Rounding.UP).units - exact < 1
    assert 0 <= exact - scale_amount(Amount(number, COP), factor, Rounding.DOWN).units < 1


def test_a_decimal_becomes_units_by_the_rounding_named() -> None:
    assert to_amount(Decimal("1.005"), COP, Rounding.UP).text == "1.01"
    assert to_amount(Decimal("1.009"), COP, Rounding.DOWN).text == "1.00"
