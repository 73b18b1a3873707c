"""Nouns of the venues: what a market said, in the venue's own words made ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from cambista.kernel.market import Level, Pair


class SourceKind(StrEnum):
    """What a price is worth: executable book, advertisements of people, or a published reference."""

    FIRM_BOOK = "firm_book"
    P2P_ADS = "p2p_ads"
    REFERENCE = "reference"


class RateName(StrEnum):
    """Which rate it is. Rates of different names are never mixed."""

    MARKET = "market"
    P2P = "p2p"
    OFFICIAL = "official"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class Observation:
    """One source's two-sided view of a pair. `bids` fall, `asks` rise; sizes in base; at least one level on one side."""

    source: str
    kind: SourceKind
    rate: RateName
    pair: Pair
    bids: Sequence[Level]
    asks: Sequence[Level]
    observed_at: datetime
    received_at: datetime

    @property
    def bid(self) -> Decimal | None:
        return self.bids[0].price if self.bids else None

    @property
    def ask(self) -> Decimal | None:
        return self.asks[0].price if self.asks else None


@dataclass(frozen=True, slots=True)
class ReferenceRate:
    """A published rate: QUOTE per one BASE, in force from `valid_from` to `valid_to` (both days included)."""

    source: str
    rate: RateName
    pair: Pair
    value: Decimal
    valid_from: date
    valid_to: date
    known_at: datetime
