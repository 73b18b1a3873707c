"""Pricing: owns prices, their receipts and history, and the rate book; announces PriceUpdated, PriceGapFound."""

from cambista.pricing.errors import (
    AmountAssetWrong,
    AmountTooLarge,
    AmountTooSmall,
    ConfiguredPriceInvalid,
    IntervalUnknown,
    NoPrice,
    PeriodInvalid,
    RateNotKnown,
)
from cambista.pricing.events import PriceGapFound, PriceUpdated
from cambista.pricing.rules.calendars import (
    is_business_day,
    next_business_day,
    rate_range_after,
    rate_range_from,
)
from cambista.pricing.rules.explain import explain
from cambista.pricing.rules.receipts import PRICING_VERSION
from cambista.pricing.service import Pricing, Signer
from cambista.pricing.settings import PricingSettings, TaxRule, bank_calendar
from cambista.pricing.types import (
    BankCalendar,
    Candle,
    Configured,
    CurrentPrice,
    Explanation,
    Offer,
    OfferRequest,
    RateRecord,
    RateVerdict,
    Receipt,
    Rung,
)

__all__ = [
    "PRICING_VERSION",
    "AmountAssetWrong",
    "AmountTooLarge",
    "AmountTooSmall",
    "BankCalendar",
    "Candle",
    "Configured",
    "ConfiguredPriceInvalid",
    "CurrentPrice",
    "Explanation",
    "IntervalUnknown",
    "NoPrice",
    "Offer",
    "OfferRequest",
    "PeriodInvalid",
    "PriceGapFound",
    "PriceUpdated",
    "Pricing",
    "PricingSettings",
    "RateNotKnown",
    "RateRecord",
    "RateVerdict",
    "Receipt",
    "Rung",
    "Signer",
    "TaxRule",
    "bank_calendar",
    "explain",
    "is_business_day",
    "next_business_day",
    "rate_range_after",
    "rate_range_from",
]
