"""The adjustments of the customer's price: one pure file a kind, one line here."""

from collections.abc import Mapping

from cambista.pricing.adjustments import demand, liquidity, loyalty, partner, volatility, volume
from cambista.pricing.adjustments.port import Adjustment, Measures

ADJUSTMENTS: Mapping[str, Adjustment] = {
    "demand": demand.adjust,
    "liquidity": liquidity.adjust,
    "loyalty": loyalty.adjust,
    "partner": partner.adjust,
    "volatility": volatility.adjust,
    "volume": volume.adjust,
}

__all__ = ["ADJUSTMENTS", "Adjustment", "Measures"]
