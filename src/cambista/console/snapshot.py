"""What every desk shows at one moment: read once, shared by all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cambista.analytics import Day
from cambista.console.exposure import Till
from cambista.kernel.market import Pair
from cambista.ledger import TrialBalance
from cambista.pricing import CurrentPrice
from cambista.trading import Quote, Trade
from cambista.venues import VenueHealth


@dataclass(frozen=True, slots=True)
class Tick:
    """One price as the board saw it."""

    at: datetime
    bid: Decimal
    ask: Decimal
    mid: Decimal


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One pair of the price board: `trail` are mids, oldest first; `moved` is +1 or -1 as the mid last went, else 0."""

    current: CurrentPrice
    trail: Sequence[Decimal]
    moved: int

    @property
    def pair(self) -> Pair:
        return self.current.pair

    @property
    def change(self) -> Decimal | None:
        """By how much the mid has changed over the trail, in percent; None when the trail is too short to say."""
        if len(self.trail) < 2:
            return None
        return (self.trail[-1] / self.trail[0] - 1) * 100

    @property
    def spread_bps(self) -> Decimal:
        return (self.current.ask - self.current.bid) / self.current.mid * 10_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the house. `stale_since` is set when what is shown could not be read again since then."""

    at: datetime
    branch: str
    prices: tuple[PriceLine, ...] = ()
    trades: Sequence[Trade] = ()
    quotes: Sequence[Quote] = ()
    tills: tuple[Till, ...] = ()
    day: Day | None = None
    books: TrialBalance | None = None
    venues: Sequence[VenueHealth] = ()
    stale_since: datetime | None = None

    def line(self, pair: str) -> PriceLine | None:
        """The price line of that pair, if it is priced now."""
        return next((line for line in self.prices if str(line.pair) == pair), None)
