"""Paper venues: the simulated market's sources, each as a venue that speaks at an interval."""

from collections.abc import AsyncIterator, Sequence

from cambista.kernel.market import Pair
from cambista.runtime import Clock
from cambista.venues.paper.market import SOURCES, PaperMarket, pairs_of
from cambista.venues.types import Observation


class PaperVenue:
    """One source of a `PaperMarket`, asked every `interval_s` of the house's clock. Never ends."""

    def __init__(self, market: PaperMarket, source: str, *, clock: Clock, interval_s: float = 1.0) -> None:
        assert interval_s > 0
        self._market = market
        self._source = SOURCES[source]
        self._clock = clock
        self._interval_s = interval_s

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset(pairs_of(self._source))

    async def observations(self) -> AsyncIterator[Sequence[Observation]]:
        while True:
            books = self._market.books_at(self._clock.now(), sources=(self.name,))
            if books:
                yield books
            await self._clock.sleep(self._interval_s)


def paper_venues(market: PaperMarket, *, clock: Clock, interval_s: float = 1.0) -> list[PaperVenue]:
    """Every source of the paper market as a venue: an exchange, an over-the-counter desk, people's ads."""
    return [PaperVenue(market, source, clock=clock, interval_s=interval_s) for source in SOURCES]
