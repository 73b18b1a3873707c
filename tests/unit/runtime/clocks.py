"""A clock for tests that leaps to the next sleeper's time as soon as nothing else can run."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

IDLE_ROUNDS = 12


class LeapingClock:
    """Virtual time: nobody waits. A sleeper wakes when the event loop has had nothing to do for a few rounds."""

    def __init__(self) -> None:
        self._monotonic = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._leaping: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return datetime(2026, 9, 29, 15, 0, tzinfo=UTC) + timedelta(seconds=self._monotonic)

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._numbers), wake))
        if self._leaping is None or self._leaping.done():
            self._leaping = asyncio.create_task(self._leap())
        await wake

    async def _leap(self) -> None:
        while self._sleepers:
            for _ in range(IDLE_ROUNDS):
                await asyncio.sleep(0)
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if self._sleepers:
                at, _, wake = heapq.heappop(self._sleepers)
                self._monotonic = max(self._monotonic, at)
                wake.set_result(None)
