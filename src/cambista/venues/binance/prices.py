"""Live books of Binance spot: the stream of differences from a snapshot on; after a gap silence until the next one."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing
from functools import partial

import msgspec

from cambista.kernel.errors import Unavailable
from cambista.kernel.market import Pair
from cambista.runtime import Clock
from cambista.venues.binance import wire
from cambista.venues.binance.rest import BinanceAccess, BinanceRest, BinanceSays, Call
from cambista.venues.binance.sockets import FAILURES, Pauses, kept_open, messages, opened
from cambista.venues.binance_spot import Book, Difference, Snapshot
from cambista.venues.types import Observation, RateName, SourceKind

NAME = "binance_spot"
LEVELS = 20
DEPTH = 1_000
_DEPTH_WEIGHT = 50


class _Dated(Difference):
    E: int = 0


class _Message(msgspec.Struct):
    stream: str = ""
    body: msgspec.Raw = msgspec.field(name="data", default=msgspec.Raw(b""))


class _Kept:
    """The book of one pair on one connection."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.book = Book()

    def crossed(self) -> bool:
        bids, asks = self.book.top(1)
        return bool(bids and asks and bids[0].price >= asks[0].price)


class BinancePrices:
    """The books of `pairs`, each as often as the venue says a difference (ten times a second). Needs no key.

    A book is told only while its chain of updates is whole and bid stands below ask.
    """

    def __init__(self, access: BinanceAccess, pairs: Collection[Pair], *, clock: Clock, rng: random.Random) -> None:
        self._access = access
        self._pairs = {wire.symbol_of(pair): pair for pair in pairs}
        self._clock = clock
        self._rng = rng
        self.connections = 0
        self.snapshots = 0

    @property
    def name(self) -> str:
        return NAME

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset(self._pairs.values())

    async def observations(self) -> AsyncIterator[Sequence[Observation]]:
        rest = BinanceRest(self._access, self._clock)
        pauses = Pauses(self._clock, self._rng)
        failures = (*FAILURES, Unavailable, BinanceSays, msgspec.DecodeError, UnicodeDecodeError)
        try:
            async with aclosing(kept_open(pauses, partial(self._session, rest), failures)) as said:
                async for each in said:
                    yield each
        finally:
            await rest.close()

    async def _session(self, rest: BinanceRest) -> AsyncGenerator[Sequence[Observation], None]:
        await rest.open()
        books = {symbol: _Kept(pair) for symbol, pair in self._pairs.items()}
        streams = "/".join(f"{symbol.lower()}@depth@100ms" for symbol in sorted(self._pairs))
        async with (
            opened(f"{self._access.stream_url}/stream?streams={streams}") as socket,
            aclosing(messages(socket)) as bodies,
        ):
            self.connections += 1
            async for body in bodies:
                found = await self._told(rest, books, body)
                if found is not None:
                    yield (found,)

    async def _told(self, rest: BinanceRest, books: dict[str, _Kept], body: bytes) -> Observation | None:
        message = msgspec.json.decode(body, type=_Message)
        if "@depth" not in message.stream:
            return None
        difference = msgspec.json.decode(message.body, type=_Dated)
        kept = books.get(difference.s)
        if kept is None:
            return None
        news = kept.book.difference(difference)
        if kept.book.last_id is None:
            news = await self._begin(rest, kept, difference.s)
        if not news:
            return None
        if kept.crossed():
            books[difference.s] = _Kept(kept.pair)
            return None
        return self._observation(kept, difference.E)

    async def _begin(self, rest: BinanceRest, kept: _Kept, symbol: str) -> bool:
        """Ask for the whole book; what the stream says meanwhile waits in the socket and follows on."""
        self.snapshots += 1
        call = Call("GET", "/api/v3/depth", {"symbol": symbol, "limit": str(DEPTH)}, _DEPTH_WEIGHT)
        return kept.book.snapshot(await rest.ask(call, Snapshot))

    def _observation(self, kept: _Kept, said_ms: int) -> Observation | None:
        bids, asks = kept.book.top(LEVELS)
        if not (bids or asks):
            return None
        received = self._clock.now()
        try:
            observed = min(wire.moment(said_ms), received) if said_ms else received
        except wire.Unreadable:
            observed = received
        return Observation(NAME, SourceKind.FIRM_BOOK, RateName.MARKET, kept.pair, bids, asks, observed, received)
