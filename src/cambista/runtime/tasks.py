"""Background tasks that are owned: named, restarted after a failure with a pause, cancelled together."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from cambista.runtime.clock import Clock

_log = structlog.get_logger(__name__)
PAUSE_S = 0.2
PAUSE_MAX_S = 10.0


class Tasks:
    """Runs coroutines as long as the house runs. A task that raises is logged and started again, ever more slowly."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}

    def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` under `name` until it returns or the house stops; restart it when it raises."""
        assert name not in self._running or self._running[name].done()
        self._running[name] = asyncio.create_task(self._supervise(name, work), name=name)

    def every(self, name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Run `work` again and again with a pause of `seconds` between; a failure is logged and does not end it."""

        async def repeat() -> None:
            while True:
                await work()
                await self._clock.sleep(seconds)

        self.keep(name, repeat)

    def running(self) -> list[str]:
        return [name for name, task in self._running.items() if not task.done()]

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        pause = PAUSE_S
        while True:
            started = self._clock.monotonic()
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                _log.error("task_failed", task=name, error=repr(error), exc_info=True)
            else:
                return
            pause = PAUSE_S if self._clock.monotonic() - started > PAUSE_MAX_S else min(pause * 2, PAUSE_MAX_S)
            await self._clock.sleep(pause)

    async def stop(self, name: str | None = None) -> None:
        """Cancel one task, or all of them, and wait until they are gone."""
        chosen = list(self._running) if name is None else [name]
        tasks = [self._running.pop(each) for each in chosen if each in self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
