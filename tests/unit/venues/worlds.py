"""A clock that steps, a runtime without a database, and venues made for a test."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from cambista.kernel.market import Level, Pair
from cambista.kernel.registry import PAIRS
from cambista.runtime import Runtime, Tasks
from cambista.venues import Observation, RateName, ReferenceRate, SourceKind

START = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
USDT_COP = PAIRS["USDT/COP"].pair
USDT_VES = PAIRS["USDT/VES"].pair
BTC_USDT = PAIRS["BTC/USDT"].pair


class SteppingClock:
    """Time passes only by sleeping: each sleep moves it on at once and lets the others run."""

    def __init__(self) -> None:
        self._passed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        self._passed += seconds
        await asyncio.sleep(0)


def runtime_with(clock: SteppingClock) -> Runtime:
    """What a room without tables takes from a runtime: clock, chance and tasks."""
    nothing = cast(Any, None)
    return Runtime(clock=clock, rng=random.Random(1), db=nothing, writer=nothing, tasks=Tasks(clock), sealing=nothing)


def levels(*rows: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(Decimal(price), Decimal(quantity)) for price, quantity in rows)


def observation(
    *,
    source: str = "test",
    pair: Pair = USDT_COP,
    kind: SourceKind = SourceKind.FIRM_BOOK,
    bids: Sequence[Level] = levels(("3999", "10")),
    asks: Sequence[Level] = levels(("4001", "10")),
    at: datetime = START,
) -> Observation:
    return Observation(source, kind, RateName.MARKET, pair, bids, asks, at, at)


class ScriptedVenue:
    """Says what it is given, one batch after another, then does `after`: returns, raises, or waits for ever."""

    def __init__(
        self,
        name: str,
        batches: Sequence[Sequence[Observation]],
        after: Callable[[], None] | None = None,
        *,
        stays: bool = True,
    ) -> None:
        self._name, self._batches, self._after, self._stays = name, batches, after, stays
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset(each.pair for batch in self._batches for each in batch)

    async def observations(self) -> AsyncIterator[Sequence[Observation]]:
        try:
            for batch in self._batches:
                yield batch
                await asyncio.sleep(0)
            if self._after is not None:
                self._after()
            if self._stays:
                await asyncio.Event().wait()
        finally:
            self.closed = True


class ScriptedRates:
    """A publisher with a fixed answer, or a failure."""

    def __init__(self, name: str, answer: Sequence[ReferenceRate] | Exception) -> None:
        self._name, self._answer = name, answer

    @property
    def name(self) -> str:
        return self._name

    async def rates(self) -> Sequence[ReferenceRate]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer
