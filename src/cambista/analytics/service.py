"""Analytics' use cases: read what the days added up to."""

from datetime import date

from cambista.analytics import rules, store
from cambista.analytics.settings import AnalyticsSettings
from cambista.analytics.types import Day, PairDay
from cambista.kernel.market import Pair
from cambista.runtime import Runtime


class Analytics:
    """Sums of what was traded. They follow the trades by as much as the outbox does: usually well under a second."""

    def __init__(self, runtime: Runtime, settings: AnalyticsSettings | None = None) -> None:
        self._runtime = runtime
        self._zone = (settings or AnalyticsSettings()).zone

    async def today(self) -> Day:
        """The house's day so far, its pairs busiest first; without pairs when nothing was traded."""
        day = rules.day_of(self._runtime.now(), self._zone)
        return Day(day, tuple(rules.busiest_first(await self.days(None, start=day, end=day))))

    async def days(self, pair: Pair | None, *, start: date, end: date) -> list[PairDay]:
        """One pair's days, or all pairs', both ends included, newest first. Refuses over 366 days (`span_too_long`)."""
        rules.check_span(start, end)
        async with self._runtime.db.read() as reader:
            return await store.list_days(reader, pair, start=start, end=end)
