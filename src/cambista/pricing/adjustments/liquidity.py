"""Liquidity: a thin market, or one few sources agree on, is dearer to stand in."""

from decimal import Decimal

from cambista.pricing.adjustments.port import Measures
from cambista.pricing.types import Knob

_HALF = Decimal("0.5")
_ONE = Decimal(1)


def adjust(measures: Measures, knob: Knob) -> Decimal:
    """Slope × the mean of thinness (0: endless depth, 1: none) and doubt (1 - confidence)."""
    thinness = measures.target / (measures.target + measures.depth)
    return knob.slope * (thinness + _ONE - measures.confidence) * _HALF
