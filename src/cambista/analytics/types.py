"""Nouns of analytics: what one pair, and the whole house, did on one day."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cambista.kernel.market import Pair


@dataclass(frozen=True, slots=True)
class PairDay:
    """One pair's trades of one day.

    `base_volume` is in its base asset; `quote_volume`, `spread_earned` and `fees` in its quote asset; `_usd` are these
    valued in USD at the moment of each trade.
    """

    pair: Pair
    day: date
    trades: int
    base_volume: Decimal
    quote_volume: Decimal
    notional_usd: Decimal
    spread_earned: Decimal
    fees: Decimal
    spread_usd: Decimal
    fees_usd: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """The house's day: its pairs, busiest first by notional; the sums are in USD."""

    day: date
    pairs: tuple[PairDay, ...]

    @property
    def trades(self) -> int:
        return sum(each.trades for each in self.pairs)

    @property
    def notional_usd(self) -> Decimal:
        return sum((each.notional_usd for each in self.pairs), Decimal(0))

    @property
    def spread_usd(self) -> Decimal:
        return sum((each.spread_usd for each in self.pairs), Decimal(0))

    @property
    def fees_usd(self) -> Decimal:
        return sum((each.fees_usd for each in self.pairs), Decimal(0))
