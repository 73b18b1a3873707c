"""Exact decimals: the one context every rule computes in, so that a price is the same bit for bit on any machine."""

from collections.abc import Callable, Iterable, Sequence
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

CONTEXT = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_TWELVE = Context(prec=12, rounding=ROUND_HALF_EVEN)
_SIX = Context(prec=6, rounding=ROUND_HALF_EVEN)
ZERO, ONE, TWO, BPS = Decimal(0), Decimal(1), Decimal(2), Decimal(10_000)
_CENT = Decimal("0.01")
_TEN_THOUSANDTH = Decimal("0.0001")
MAD_TO_SIGMA = Decimal("1.4826")


def exact(function: Callable[P, T]) -> Callable[P, T]:
    """Run `function` in the house's decimal context (28 digits, half-even), whatever the caller's is."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with localcontext(CONTEXT):
            return function(*args, **kwargs)

    return run


def text(value: Decimal) -> str:
    """A plain decimal string, the same for equal numbers: no exponent, no trailing zeros."""
    if not value:
        return "0"
    plain = f"{value:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def price_digits(value: Decimal) -> Decimal:
    """Twelve significant digits: what a fair price is kept to."""
    return _TWELVE.plus(value)


def weight_digits(value: Decimal) -> Decimal:
    """Six significant digits: what a weight is kept to."""
    return _SIX.plus(value)


def as_bps(value: Decimal) -> Decimal:
    """A number of bps, to two decimals."""
    return value.quantize(_CENT)


def as_share(value: Decimal) -> Decimal:
    """A share of one, to four decimals."""
    return value.quantize(_TEN_THOUSANDTH)


def from_statistic(value: float) -> Decimal:
    """The only way a float of a statistic becomes a decimal: bps to two decimals, within 0..100000."""
    return Decimal(f"{min(max(value, 0.0), 100_000.0):.2f}")


def gap_bps(one: Decimal, other: Decimal) -> Decimal:
    """How far two prices are apart, in bps of the first."""
    return abs(one - other) / one * BPS


def median(values: Iterable[Decimal]) -> Decimal:
    """The middle value, or the mean of the two middle ones."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / TWO


def outlier_band(values: Sequence[Decimal], factor: Decimal, floor_bps: Decimal) -> tuple[Decimal, Decimal]:
    """Lowest and highest value that is no outlier: median ± factor × scaled median absolute deviation.

    Hampel 1974; Leys, Ley, Klein, Bernard and Licata 2013. The band is never narrower than `floor_bps` of the median.
    """
    centre = median(values)
    deviation = median(abs(value - centre) for value in values) * MAD_TO_SIGMA
    width = max(deviation * factor, centre * floor_bps / BPS)
    return centre - width, centre + width


def weighted_median(values: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The value at half of the total weight, interpolated between neighbours; equal weights give the plain median.

    Takes (value, weight) pairs of positive total weight, in any order; equal values count as one.
    """
    merged: dict[Decimal, Decimal] = {}
    for value, weight in values:
        merged[value] = merged.get(value, ZERO) + weight
    ordered = sorted(merged.items())
    half = sum(merged.values(), ZERO) / TWO
    before, last_value, last_place = ZERO, ordered[0][0], ZERO
    for value, weight in ordered:
        place = before + weight / TWO
        if place >= half:
            if place == half or value == last_value:
                return value
            return last_value + (value - last_value) * (half - last_place) / (place - last_place)
        before, last_value, last_place = before + weight, value, place
    return last_value
