"""What pricing announces."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class PriceUpdated(Event):
    """The public price of a pair changed: customer bid and ask before size, mid = fair price, in QUOTE per BASE."""

    NAME: ClassVar[str] = "PriceUpdated"

    pair: str
    bid: Decimal
    ask: Decimal
    mid: Decimal
    rung: str
    observed_at: datetime

    @property
    def subject(self) -> str:
        return f"pair:{self.pair}"


@dataclass(frozen=True, slots=True)
class PriceGapFound(Event):
    """A pair's own price and its price through other pairs differ by more than the house tolerates."""

    NAME: ClassVar[str] = "PriceGapFound"

    pair: str
    used_path: str
    used: Decimal
    other_path: str
    other: Decimal
    gap_bps: Decimal
    found_at: datetime

    @property
    def subject(self) -> str:
        return f"pair:{self.pair}"
