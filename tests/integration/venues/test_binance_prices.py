"""Live books of a local Binance: sequenced, never gapped, never crossed, back after every interruption."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from cambista.venues import BinancePrices, Observation
from tests.databases import ManualClock
from tests.unit.venues.worlds import BTC_USDT
from tests.venue_servers.binance import BinanceServer, Fault, running_binance

DEPTH = "/api/v3/depth"


@dataclass
class Feed:
    """One listener, and what it heard."""

    server: BinanceServer
    venue: BinancePrices
    clock: ManualClock
    said: Any
    listening: Any = None

    async def next(self) -> Observation:
        """The next book; time passes while nothing comes."""
        while (found := await self.soon(400)) is None:
            pass
        return found

    async def soon(self, turns: int = 20) -> Observation | None:
        """A book, if one comes within some turns."""
        self.listening = self.listening or asyncio.get_running_loop().create_task(anext(self.said))
        for _ in range(turns):
            if self.listening.done():
                [found] = await self.listening
                self.listening = None
                return found  # type: ignore[no-any-return]
            self.clock.advance(0.2)
            await asyncio.sleep(0.005)
        return None

    async def change(self, bids: Sequence[tuple[str, str]] = (), asks: Sequence[tuple[str, str]] = ()) -> None:
        await self.server.say_depth(self.server.exchange.change(bids, asks, self.server.now_ms()))

    def holds(self, found: Observation) -> bool:
        """Whether the book is the venue's own."""
        exchange = self.server.exchange
        bids = [(price, exchange.bids[price]) for price in sorted(exchange.bids, reverse=True)]
        asks = [(price, exchange.asks[price]) for price in sorted(exchange.asks)]
        return [(each.price, each.quantity) for each in found.bids] == bids[:20] and [
            (each.price, each.quantity) for each in found.asks
        ] == asks[:20]


@asynccontextmanager
async def _listening() -> AsyncIterator[Feed]:
    clock = ManualClock()
    async with running_binance(clock.now) as server:
        venue = BinancePrices(server.access(), [BTC_USDT], clock=clock, rng=random.Random(2))
        said: Any = venue.observations()
        async with aclosing(said):
            feed = Feed(server, venue, clock, said)
            await feed.soon(2)
            await server.listening.wait()
            yield feed
            if feed.listening is not None:
                feed.listening.cancel()
                await asyncio.gather(feed.listening, return_exceptions=True)


@pytest.fixture
async def feed() -> AsyncIterator[Feed]:
    async with _listening() as feed:
        yield feed


async def test_the_book_is_the_snapshot_and_every_difference_after_it(feed: Feed) -> None:
    for number in range(1, 6):
        await feed.change(bids=[(f"4999{number}", "2")], asks=[(f"5000{number}", "3" if number > 1 else "0")])
        assert feed.holds(await feed.next())
    assert feed.server.asked("GET", DEPTH) == 1


async def test_a_gap_silences_the_book_until_a_new_snapshot_makes_it_whole(feed: Feed) -> None:
    await feed.change(bids=[("49995", "1")])
    assert feed.holds(await feed.next())
    feed.server.exchange.change([("49996", "9")], [], 0)  # never told
    feed.server.fault("GET", DEPTH, Fault.ERROR_500)
    await feed.change(bids=[("49997", "1")])
    await feed.server.listening.wait()
    await feed.change(bids=[("49994", "1")])
    found = await feed.soon(400)
    while found is None:
        await feed.change(bids=[("49994", "1")])
        found = await feed.soon()
    assert feed.holds(found)
    assert any(level.quantity == 9 for level in found.bids)


async def test_what_comes_out_of_order_or_again_changes_nothing(feed: Feed) -> None:
    exchange = feed.server.exchange
    await feed.change(bids=[("49995", "1")])
    await feed.next()
    first = exchange.change([("49995", "5")], [], feed.server.now_ms())
    second = exchange.change([("49995", "7")], [], feed.server.now_ms())
    await feed.server.say_depth(second)  # ahead of the first: a gap
    found = await feed.next()
    assert feed.holds(found)
    await feed.server.say_depth(first)  # late: already within the snapshot
    await feed.server.say_depth(second)
    await feed.change(asks=[("50003", "4")])
    assert feed.holds(await _until(feed, lambda each: any(level.price == 50_003 for level in each.asks)))


async def _until(feed: Feed, fine: Any) -> Observation:
    while not fine(found := await feed.next()):
        assert found.bids[0].price < found.asks[0].price
    return found


async def test_a_snapshot_older_than_the_stream_is_asked_for_again(feed: Feed) -> None:
    exchange = feed.server.exchange
    honest, stale = exchange.depth, exchange.depth() | {"lastUpdateId": exchange.update_id - 10}
    exchange.depth = lambda: stale  # type: ignore[method-assign]
    await feed.change(bids=[("49995", "1")])
    assert await feed.soon() is None
    exchange.depth = honest  # type: ignore[method-assign]
    await feed.change(bids=[("49996", "1")])
    assert feed.holds(await feed.next())


async def test_a_crossed_book_is_never_told(feed: Feed) -> None:
    await feed.change(bids=[("49995", "1")])
    await feed.next()
    lie = feed.server.exchange.change([], [], 0) | {"b": [["60000", "1"]], "U": feed.server.exchange.update_id + 1}
    await feed.server.say_depth(lie | {"u": feed.server.exchange.update_id + 1})
    assert await feed.soon() is None
    feed.server.exchange.update_id += 1
    await feed.change(bids=[("49994", "2")])
    found = await feed.next()
    assert feed.holds(found)
    assert found.bids[0].price < found.asks[0].price


async def test_a_dropped_stream_comes_back_with_a_new_snapshot(feed: Feed) -> None:
    await feed.change(bids=[("49995", "1")])
    await feed.next()
    await feed.server.drop_streams()
    feed.server.exchange.change([("49993", "8")], [], 0)
    assert await feed.soon() is None
    await feed.server.listening.wait()
    await feed.change(asks=[("50005", "1")])
    found = await feed.next()
    assert feed.holds(found)
    assert (feed.venue.connections, feed.server.asked("GET", DEPTH)) == (2, 2)


@pytest.mark.parametrize("rubbish", [{"b": [["x", "1"]]}, {"b": [["NaN", "1"]]}, {"U": "one"}, {"a": 5}])
async def test_rubbish_ends_in_a_whole_book_too(feed: Feed, rubbish: dict[str, Any]) -> None:
    await feed.change(bids=[("49995", "1")])
    await feed.next()
    await feed.server.say_depth(feed.server.exchange.change([("49996", "1")], [], 0) | rubbish)
    for _ in range(100):
        await feed.change(bids=[("49992", "1")])
        found = await feed.soon()
        if found is not None:
            break
    assert found is not None
    assert feed.holds(found)
    assert found.bids[0].quantity == Decimal(1)


async def test_random_mischief_never_shows_a_book_that_is_not_the_venues(feed: Feed) -> None:
    rng, exchange = random.Random(11), feed.server.exchange
    shown, true = 0, [_top(exchange.bids)]
    for _ in range(150):
        price = rng.randrange(49_900, 49_999)
        difference = exchange.change([(str(price), str(rng.randrange(3)))], [], feed.server.now_ms())
        true.append(_top(exchange.bids))
        kind = rng.randrange(10)
        if kind == 0:
            continue  # lost
        await feed.server.say_depth(difference)
        if kind == 1:
            await feed.server.say_depth(difference)
        found = await feed.soon()
        if found is not None:
            shown += 1
            assert [(each.price, each.quantity) for each in found.bids] in true
    assert shown > 50


def _top(bids: dict[Decimal, Decimal]) -> list[tuple[Decimal, Decimal]]:
    return [(price, bids[price]) for price in sorted(bids, reverse=True)][:20]
