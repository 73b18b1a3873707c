"""Nouns of risk: what a customer uses of a limit, in the reporting asset."""

from dataclasses import dataclass
from datetime import date

from cambista.kernel.ids import CustomerId
from cambista.kernel.money import Amount


@dataclass(frozen=True, slots=True)
class Use:
    """One trade's `notional` (USD) against its customer's limits."""

    customer_id: CustomerId
    notional: Amount


@dataclass(frozen=True, slots=True)
class Limits:
    """What one customer may trade, in the reporting asset's smallest units."""

    trade_max: int
    day_max: int


@dataclass(frozen=True, slots=True)
class DayUse:
    customer_id: CustomerId
    day: date
    used: Amount
    limits: Limits
