"""Hedged reads: a second attempt where the first takes longer than nearly all do; the first answer wins.

Source: J. Dean, L. A. Barroso, "The Tail at Scale", CACM 56(2), 2013. Only for what is safe to repeat.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cambista.runtime.clock import Clock
from cambista.runtime.resilience.deadlines import put_away

T = TypeVar("T")
KEPT = 200
LEAST = 20


class Latencies:
    """The durations of the last calls, in seconds, and where all but a few of them lie."""

    def __init__(self, kept: int = KEPT) -> None:
        self._durations: deque[float] = deque(maxlen=kept)

    def add(self, seconds: float) -> None:
        self._durations.append(seconds)

    def p95(self) -> float | None:
        """The 95th percentile (nearest rank); None before there are twenty."""
        if len(self._durations) < LEAST:
            return None
        ordered = sorted(self._durations)
        return ordered[-(-len(ordered) * 95 // 100) - 1]


async def hedged(clock: Clock, delay_s: float, attempt: Callable[[], Awaitable[T]]) -> T:
    """What the first of two attempts gives, the second made `delay_s` after the first; the other is cancelled.

    A first that fails before then fails the call. Later a failure waits for the other attempt, and only both fail it.
    """
    first = asyncio.ensure_future(attempt())
    pause = asyncio.ensure_future(clock.sleep(delay_s))
    racing: set[asyncio.Future[T]] = {first}
    try:
        await asyncio.wait((first, pause), return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            racing.add(asyncio.ensure_future(attempt()))
        return await _first_good(racing)
    finally:
        await put_away(pause, *racing)


async def _first_good(racing: "set[asyncio.Future[T]]") -> T:
    running = racing
    while True:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        good = [each for each in done if not each.cancelled() and each.exception() is None]
        if good:
            return good[0].result()
        if not running:
            return done.pop().result()
