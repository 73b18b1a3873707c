"""Own orders' news from Binance: the user data stream, by signed subscription or by the older listen key."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection

from cambista.kernel.errors import Unavailable
from cambista.runtime import Clock
from cambista.venues.binance import wire
from cambista.venues.binance.rest import BinanceAccess, BinanceRest, BinanceSays, Call
from cambista.venues.binance.sockets import FAILURES, Pauses, kept_open, opened

KEEP_ALIVE_S = 1_800.0
LOOK_EVERY_S = 30.0
ANSWER_WITHIN_S = 10.0
ACCEPTED = 200
_PATH = "/api/v3/userDataStream"


class _ListenKey(msgspec.Struct, rename="camel"):
    listen_key: str


class _Nothing(msgspec.Struct):
    pass


class _Answer(msgspec.Struct):
    status: int


class Ended(Exception):
    """The venue ended the stream, or it did not begin."""


class UserStream:
    """The stream's `executionReport`s; None stands for "from here on nothing is missed", after each (re)connection.

    Binance retired listen keys for spot on 2026-02-20; they are kept for exchanges that still speak the older form.
    """

    def __init__(
        self, access: BinanceAccess, rest: BinanceRest, clock: Clock, rng: random.Random, *, listen_key: bool
    ) -> None:
        self._access, self._rest, self._clock = access, rest, clock
        self._pauses = Pauses(clock, rng)
        self._listen_key = listen_key
        self.connections = 0

    def executions(self) -> AsyncGenerator[wire.Execution | None, None]:
        return kept_open(self._pauses, self._session, (*FAILURES, Ended, Unavailable, BinanceSays))

    async def _session(self) -> AsyncGenerator[wire.Execution | None, None]:
        async with AsyncExitStack() as stack:
            socket, key = await self._connected(stack)
            self.connections += 1
            renew_at = self._clock.monotonic() + KEEP_ALIVE_S
            yield None
            while True:
                said = await _next(socket)
                if said is not None:
                    yield said
                if key and self._clock.monotonic() >= renew_at:
                    await self._rest.ask(Call("PUT", _PATH, {"listenKey": key}, 2, keyed=True), _Nothing)
                    renew_at = self._clock.monotonic() + KEEP_ALIVE_S

    async def _connected(self, stack: AsyncExitStack) -> tuple[ClientConnection, str]:
        if not self._listen_key:
            socket = await stack.enter_async_context(opened(self._access.socket_api_url))
            await self._subscribe(socket)
            return socket, ""
        made = await self._rest.ask(Call("POST", _PATH, {}, 2, keyed=True), _ListenKey)
        url = f"{self._access.stream_url}/ws/{made.listen_key}"
        return await stack.enter_async_context(opened(url)), made.listen_key

    async def _subscribe(self, socket: ClientConnection) -> None:
        parameters = {"apiKey": self._access.key.get_secret_value(), "timestamp": self._rest.stamp()}
        signed = parameters | {"signature": self._rest.signature(urlencode(parameters))}
        request = {"id": "1", "method": "userDataStream.subscribe.signature", "params": signed}
        await socket.send(msgspec.json.encode(request).decode())
        async with asyncio.timeout(ANSWER_WITHIN_S):
            body = await socket.recv(decode=False)
        try:
            status = msgspec.json.decode(body, type=_Answer).status
        except msgspec.DecodeError as error:
            raise Ended from error
        if status != ACCEPTED:
            await self._rest.learn_time()  # a skewed clock is the usual reason
            raise Ended


async def _next(socket: ClientConnection) -> wire.Execution | None:
    """The next execution, or None after half a minute or another kind of message."""
    try:
        async with asyncio.timeout(LOOK_EVERY_S):
            body = await socket.recv(decode=False)
    except TimeoutError:
        return None
    try:
        kind, inner = wire.event_of(body)
        if kind in ("eventStreamTerminated", "listenKeyExpired"):
            raise Ended
        return msgspec.json.decode(inner, type=wire.Execution) if kind == "executionReport" else None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Ended from error
