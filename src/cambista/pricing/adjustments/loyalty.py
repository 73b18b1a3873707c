"""Loyalty: the customer's discount."""

from decimal import Decimal

from cambista.pricing.adjustments.port import Measures
from cambista.pricing.types import Knob


def adjust(measures: Measures, knob: Knob) -> Decimal:
    """The discount, in the customer's favour."""
    return -knob.slope * measures.discount_bps
