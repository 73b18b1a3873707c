"""What an adjustment may look at, and its shape."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from cambista.pricing.types import Knob


@dataclass(frozen=True, slots=True)
class Measures:
    """The state of the deal: `sign` is 1 when the customer buys base, -1 when it sells; `size` and `depth` in base;
    `target` is the depth the house calls liquid; `flow` and `skew` in -1..1 (above 0: customers buy; a full till)."""

    sign: int
    size: Decimal
    depth: Decimal
    target: Decimal
    confidence: Decimal
    volatility_bps: Decimal
    flow: Decimal
    skew: Decimal
    discount_bps: Decimal
    markup_bps: Decimal


Adjustment = Callable[[Measures, Knob], Decimal]
"""Bps against the customer (below zero: in its favour), before the knob's floor and cap."""
