"""Nouns of the venues: what a market said, in the venue's own words made ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


class Flag(StrEnum):
    """What a reader of an observation ought to know about it."""

    UNCROSSED = (
        "uncrossed"  # bid stood above ask as published; the crossing levels are gone, or the spread is the doubt
    )
    WIDE = "wide"  # one side was not believable and was left out
    SIZE_NOMINAL = "size_nominal"  # the publisher gives no sizes; the quantity is a stand-in, not depth


@dataclass(frozen=True, slots=True)
class Observation:
    """One source's two-sided view of a pair. `bids` fall, `asks` rise; sizes in base; at least one level on one side.

    `recorded_at` is set by a replay: when the recording saw it, while the other two times are the replay's own.
    """

    source: str
    kind: SourceKind
    rate: RateName
    pair: Pair
    bids: Sequence[Level]
    asks: Sequence[Level]
    observed_at: datetime
    received_at: datetime
    flags: frozenset[Flag] = frozenset()
    recorded_at: datetime | None = None

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


class VenueState(StrEnum):
    """`waiting` for a first word, `silent` for longer than allowed, `failing` = raised and being restarted."""

    WAITING = "waiting"
    LIVE = "live"
    SILENT = "silent"
    FAILING = "failing"
    ENDED = "ended"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class VenueHealth:
    """How one venue or rate source is doing; `dropped` counts what was refused at the boundary, by reason."""

    name: str
    state: VenueState
    last_observation_at: datetime | None = None
    observations: int = 0
    errors: int = 0
    last_error: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)
