"""What every venue adapter offers. Prices now; trading joins this port later as a second protocol."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from cambista.kernel.market import Pair
from cambista.venues.types import Observation, ReferenceRate


class PriceVenue(Protocol):
    """A source of live prices. `observations` ends only when the venue has nothing more to say (a replay's end)."""

    @property
    def name(self) -> str: ...

    @property
    def pairs(self) -> frozenset[Pair]: ...

    def observations(self) -> AsyncIterator[Sequence[Observation]]: ...


class RateSource(Protocol):
    """A publisher of daily rates."""

    @property
    def name(self) -> str: ...

    async def rates(self) -> Sequence[ReferenceRate]: ...
