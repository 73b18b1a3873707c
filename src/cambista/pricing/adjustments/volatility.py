"""Volatility: the price may move while the quote stands."""

from decimal import Decimal

from cambista.pricing.adjustments.port import Measures
from cambista.pricing.types import Knob


def adjust(measures: Measures, knob: Knob) -> Decimal:
    """Slope × one standard deviation of the return over a quote's life (EWMA, RiskMetrics 1996)."""
    return knob.slope * measures.volatility_bps
