"""Time-outs on the house's own clock: a coroutine gets so many seconds, and is cancelled when they are over."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from cambista.kernel.errors import Unavailable
from cambista.runtime.clock import Clock

T = TypeVar("T")


class NotSent(Unavailable):
    """The request was certainly not sent, so nothing has happened by it and it may be made again."""

    code = "not_sent"
    sentence = "The other side was not asked now; try again shortly."


class DeadlinePassed(Unavailable):
    """No answer in time. What was asked for may have happened."""

    code = "deadline_passed"
    sentence = "The other side did not answer in time."


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """What `work` gives; refuses `deadline_passed` after `seconds`, once it is cancelled and gone.

    The asyncio time-outs ask the event loop's clock, which a test cannot move.
    """
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
    finally:
        await put_away(working, waiting)
    if working.done() and not working.cancelled() and working.exception() is None:
        return working.result()  # it came while it was being cancelled
    raise DeadlinePassed


async def put_away(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel what still runs and wait until it is gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
