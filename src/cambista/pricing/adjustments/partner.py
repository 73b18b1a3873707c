"""Partner: what a partner adds on top of the house's price."""

from decimal import Decimal

from cambista.pricing.adjustments.port import Measures
from cambista.pricing.types import Knob


def adjust(measures: Measures, knob: Knob) -> Decimal:
    """The mark-up, against the customer."""
    return knob.slope * measures.markup_bps
