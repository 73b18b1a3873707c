"""Demand: the price leans against the flow of orders and towards a level till."""

from decimal import Decimal

from cambista.pricing.adjustments.port import Measures
from cambista.pricing.types import Knob


def adjust(measures: Measures, knob: Knob) -> Decimal:
    """Slope × (flow - skew), against the side that adds to the imbalance (inventory control: Ho and Stoll 1981)."""
    return knob.slope * (measures.flow - measures.skew) * measures.sign
