"""Volume: a large deal moves the market it is covered in."""

from decimal import Decimal

from cambista.pricing.adjustments.port import Measures
from cambista.pricing.types import Knob


def adjust(measures: Measures, knob: Knob) -> Decimal:
    """Slope × square root of size against depth (square-root impact: Almgren, Thum, Hauptmann and Li 2005)."""
    if measures.depth <= 0:
        return knob.cap_bps
    return knob.slope * (measures.size / measures.depth).sqrt()
