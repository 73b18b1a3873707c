"""A WebSocket to Binance that comes back by itself, ever more slowly, and never writes what it carries to a log."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from cambista.runtime import Clock

T = TypeVar("T")
PAUSE_S = 0.5
PAUSE_MAX_S = 60.0
SILENT_MAX_S = 60.0
MESSAGE_MAX = 2**21
QUEUE_MAX = 1_024
# At DEBUG the library writes every frame, and the first one of a user stream carries the house's key.
_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)
FAILURES = (OSError, WebSocketException, TimeoutError)


class Pauses:
    """How long to wait before the next try: doubling, with chance, until something good was heard."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._rng, self._next_s = clock, rng, PAUSE_S

    async def wait(self) -> None:
        seconds, self._next_s = self._next_s, min(self._next_s * 2, PAUSE_MAX_S)
        await self._clock.sleep(seconds * (0.5 + self._rng.random() / 2))

    def reset(self) -> None:
        self._next_s = PAUSE_S


def opened(url: str) -> connect:
    """A connection to be entered with `async with`."""
    return connect(url, max_size=MESSAGE_MAX, max_queue=QUEUE_MAX, logger=_log, compression=None, proxy=None)


async def messages(socket: ClientConnection) -> AsyncGenerator[bytes, None]:
    """What comes, until it ends or nothing has come for a minute (TimeoutError)."""
    while True:
        async with asyncio.timeout(SILENT_MAX_S):
            body = await socket.recv(decode=False)
        yield body


async def kept_open(
    pauses: Pauses, session: Callable[[], AsyncGenerator[T, None]], failures: tuple[type[Exception], ...]
) -> AsyncGenerator[T, None]:
    """What one session after another says; a session that fails or ends is followed by a pause and the next."""
    while True:
        async with aclosing(_until_failure(session, failures)) as said:
            async for each in said:
                pauses.reset()
                yield each
        await pauses.wait()


async def _until_failure(
    session: Callable[[], AsyncGenerator[T, None]], failures: tuple[type[Exception], ...]
) -> AsyncGenerator[T, None]:
    try:
        async with aclosing(session()) as said:
            async for each in said:
                yield each
    except failures as error:
        _log.info("venue_stream_failed: %s", type(error).__name__)
