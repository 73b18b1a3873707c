"""Listens to every venue at once, keeps out what is not sane, and hands the rest to whoever watches."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from cambista.kernel.market import Pair
from cambista.runtime import Runtime
from cambista.venues import rules
from cambista.venues.port import PriceVenue, RateSource
from cambista.venues.types import Observation, ReferenceRate, VenueHealth, VenueState

BACKLOG_MAX = 2_000
BATCH_MAX = 5_000
SOURCES_MAX = 2_000
RATES_MAX = 20_000
RATES_TIMEOUT_S = 30
SILENT_AFTER_S = 60.0
ERROR_LENGTH_MAX = 300

Key = tuple[str, Pair]


class _Backlog:
    """What one watcher has not read yet, at most `limit`: when full, only the newest of each source and pair stays."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Observation] = deque()
        self._arrived = asyncio.Event()

    def put(self, observations: Sequence[Observation]) -> None:
        self._waiting.extend(observations)
        if len(self._waiting) > self._limit:
            newest: dict[Key, Observation] = {}
            for observation in self._waiting:
                key = (observation.source, observation.pair)
                newest.pop(key, None)
                newest[key] = observation
            self._waiting = deque(newest.values(), maxlen=None)
            while len(self._waiting) > self._limit:
                self._waiting.popleft()
        self._arrived.set()

    async def take(self) -> Sequence[Observation]:
        await self._arrived.wait()
        self._arrived.clear()
        batch, self._waiting = tuple(self._waiting), deque()
        return batch


class _Record:
    """Counts for one venue or rate source."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = VenueState.WAITING
        self.last_at: datetime | None = None
        self.observations = 0
        self.errors = 0
        self.last_error = ""
        self.dropped: Counter[str] = Counter()

    def failed(self, error: BaseException) -> None:
        self.state = VenueState.FAILING
        self.errors += 1
        self.last_error = repr(error)[:ERROR_LENGTH_MAX]

    def heard(self, count: int, now: datetime) -> None:
        self.state = VenueState.LIVE
        self.observations += count
        self.last_at = now

    def health(self, now: datetime, silent_after: timedelta | None) -> VenueHealth:
        state = self.state
        if state is VenueState.LIVE and self.last_at and silent_after and now - self.last_at > silent_after:
            state = VenueState.SILENT
        return VenueHealth(
            self.name, state, self.last_at, self.observations, self.errors, self.last_error, dict(self.dropped)
        )


class Venues:
    """The room's service.

    A venue that raises, stalls or lies harms no other; observations are never kept without bound.
    """

    def __init__(
        self,
        runtime: Runtime,
        venues: Sequence[PriceVenue],
        rate_sources: Sequence[RateSource],
        *,
        rate_bounds: Mapping[str, tuple[Decimal, Decimal]] = rules.PER_USD,
        silent_after_s: float = SILENT_AFTER_S,
    ) -> None:
        names = [venue.name for venue in venues] + [source.name for source in rate_sources]
        assert len(set(names)) == len(names), f"two venues of one name: {names}"
        self._runtime = runtime
        self._venues = tuple(venues)
        self._rate_sources = tuple(rate_sources)
        self._rate_bounds = rate_bounds
        self._silent_after = timedelta(seconds=silent_after_s)
        self._records = {name: _Record(name) for name in names}
        self._latest: dict[Key, Observation] = {}
        self._backlogs: set[_Backlog] = set()

    @property
    def pairs(self) -> frozenset[Pair]:
        """The pairs some venue speaks about."""
        return frozenset().union(*(venue.pairs for venue in self._venues))

    async def start(self) -> None:
        """Begin listening: one kept task a venue."""
        for venue in self._venues:
            self._records[venue.name].state = VenueState.WAITING
            self._runtime.tasks.keep(_task(venue), partial(self._listen, venue))

    async def stop(self) -> None:
        """Stop listening and wait until every adapter has let go."""
        for venue in self._venues:
            await self._runtime.tasks.stop(_task(venue))
            self._records[venue.name].state = VenueState.STOPPED

    async def watch(self) -> AsyncIterator[Sequence[Observation]]:
        """Batches as they come, beginning with what is known now. A slow watcher gets fewer, newer observations."""
        backlog = _Backlog(BACKLOG_MAX)
        self._backlogs.add(backlog)
        if self._latest:
            backlog.put(self.latest())
        try:
            while True:
                yield await backlog.take()
        finally:
            self._backlogs.discard(backlog)

    def latest(self) -> Sequence[Observation]:
        """The newest observation of each source and pair, however old."""
        return tuple(self._latest.values())

    async def rates(self) -> Sequence[ReferenceRate]:
        """What every rate source publishes now; one that fails or takes over 30 s is left out and noted."""
        found: list[ReferenceRate] = []
        for source in self._rate_sources:
            record = self._records[source.name]
            try:
                async with asyncio.timeout(RATES_TIMEOUT_S):
                    published = await source.rates()
            except Exception as error:
                record.failed(error)
                continue
            believed = self._believed(published[:RATES_MAX], record)
            record.heard(len(believed), self._runtime.now())
            found.extend(believed)
        return found

    def health(self) -> Sequence[VenueHealth]:
        """One entry a venue and a rate source: state, last word, counts of what came, failed and was dropped."""
        now, rates = self._runtime.now(), {source.name for source in self._rate_sources}
        return [
            record.health(now, None if name in rates else self._silent_after) for name, record in self._records.items()
        ]

    def _believed(self, published: Sequence[ReferenceRate], record: _Record) -> list[ReferenceRate]:
        believed = []
        for rate in published:
            verdict = rules.admit_rate(rate, self._rate_bounds)
            if isinstance(verdict, rules.Rejection):
                record.dropped[verdict.reason] += 1
            else:
                believed.append(verdict)
        return believed

    async def _listen(self, venue: PriceVenue) -> None:
        record = self._records[venue.name]
        try:
            async for batch in venue.observations():
                self._receive(batch, record)
        except Exception as error:
            record.failed(error)
            raise
        record.state = VenueState.ENDED

    def _receive(self, batch: Sequence[Observation], record: _Record) -> None:
        now = self._runtime.now()
        admitted = []
        for observation in batch[:BATCH_MAX]:
            verdict = rules.admit(observation, now)
            if isinstance(verdict, rules.Rejection):
                record.dropped[verdict.reason] += 1
            elif self._remember(verdict):
                admitted.append(verdict)
            else:
                record.dropped["too_many_sources"] += 1
        if len(batch) > BATCH_MAX:
            record.dropped["batch_too_long"] += len(batch) - BATCH_MAX
        if admitted:
            record.heard(len(admitted), now)
            for backlog in self._backlogs:
                backlog.put(admitted)

    def _remember(self, observation: Observation) -> bool:
        key = (observation.source, observation.pair)
        if key not in self._latest and len(self._latest) >= SOURCES_MAX:
            return False
        self._latest[key] = observation
        return True


def _task(venue: PriceVenue) -> str:
    return f"venue:{venue.name}"
