"""Bulkhead: so many calls at a time, so many waiting, none for longer than its deadline; one leak sinks one room."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cambista.runtime.clock import Clock
from cambista.runtime.resilience.deadlines import DeadlinePassed, NotSent, within


class BulkheadFull(NotSent):
    code = "bulkhead_full"
    sentence = "Too many calls to the other side are under way or waiting."


class Bulkhead:
    """`most` at a time, first come first served; `waiting_max` wait, the next is refused at once (`bulkhead_full`)."""

    def __init__(self, clock: Clock, *, most: int = 16, waiting_max: int = 64) -> None:
        assert most > 0
        self._clock, self._most, self._waiting_max = clock, most, waiting_max
        self.inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def place(self, wait_s: float) -> AsyncIterator[None]:
        """A place for the length of the block; refuses `bulkhead_full` when none is free in `wait_s`."""
        if self.inside >= self._most or self._waiting:
            await self._wait(wait_s)
        else:
            self.inside += 1
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, wait_s: float) -> None:
        """Returns with the place of whoever left, handed over so that nobody can slip in between."""
        if len(self._waiting) >= self._waiting_max or wait_s <= 0:
            raise BulkheadFull
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await within(self._clock, wait_s, turn)
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave()  # it came at the very moment of giving up
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, DeadlinePassed):
                raise BulkheadFull from None
            raise

    def _leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.inside -= 1
