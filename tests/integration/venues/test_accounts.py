"""Our books of a venue: written before anything is sent, each fill once, held against its word, mended by nobody."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from cambista.kernel.callers import Caller, Role
from cambista.kernel.market import Side
from cambista.runtime import Runtime
from cambista.venues import (
    BinanceTrading,
    Difference,
    DifferenceKind,
    OutcomeUnknown,
    VenueAccounts,
    VenueOrder,
    VenueOrderState,
)
from tests.databases import ManualClock
from tests.unit.venues.worlds import BTC_USDT
from tests.venue_servers.binance import BinanceServer, Fault, running_binance

ORDER = "/api/v3/order"


@dataclass
class World:
    runtime: Runtime
    server: BinanceServer
    accounts: VenueAccounts
    clock: ManualClock

    def order(self, quantity: str = "0.5", limit: str | None = None, side: Side = Side.BUY) -> VenueOrder:
        self.clock.advance(0.01)
        made = self.runtime.new_id()
        return VenueOrder(made, BTC_USDT, side, Decimal(quantity), Decimal(limit) if limit else None)

    def fresh(self) -> VenueAccounts:
        """What a new process has: no memory but the database."""
        venue = BinanceTrading(self.server.access(), [BTC_USDT], clock=self.clock, rng=random.Random(1))
        return VenueAccounts(self.runtime, venue)

    async def count(self, table: str) -> int:
        async with self.runtime.db.read() as reader:
            return int(await reader.value(f"SELECT count(*) FROM {table}"))

    async def settle(self) -> None:
        """Take the venue's word for everything so far: its opening balances."""
        async with self.runtime.db.transaction() as tx:
            standing = [each.id for each in await self.accounts.differences()]
            await self.accounts.accept(tx, standing, _treasurer(self.runtime))

    async def in_step(self) -> None:
        """Nothing differs, and what we expect is what the venue has."""
        assert await self.accounts.reconcile() == []
        told = await self.accounts.balances()
        assert await self.accounts.expected() == {asset: balance.total for asset, balance in told.items()}


def _treasurer(runtime: Runtime) -> Caller:
    return Caller(runtime.new_id(), Role.TREASURER)


@pytest.fixture
async def world(runtime: Runtime) -> AsyncIterator[World]:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    async with running_binance(clock.now) as server:
        venue = BinanceTrading(server.access(), [BTC_USDT], clock=clock, rng=random.Random(3))
        world = World(runtime, server, VenueAccounts(runtime, venue), clock)
        await world.accounts.open()
        await world.accounts.reconcile()
        await world.settle()
        try:
            yield world
        finally:
            await world.accounts.close()


def _told(differences: Any) -> list[tuple[DifferenceKind, str, Decimal | None]]:
    return [(each.finding.kind, each.finding.about, each.finding.amount) for each in differences]


async def test_the_first_word_of_a_venue_is_a_difference_too(world: World) -> None:
    async with world.runtime.db.read() as reader:
        events = await reader.all("SELECT data FROM runtime.outbox WHERE name = 'VenueDifferenceFound'")
        journal = await reader.all(
            "SELECT outcome, count(*) FROM runtime.journal WHERE name = 'venue.difference' GROUP BY 1"
        )
    assert len(events) == 2
    assert {row["outcome"]: row["count"] for row in journal} == {"found": 2, "accepted": 2}
    await world.in_step()


async def test_fills_and_fees_move_what_we_expect_to_what_the_venue_has(world: World) -> None:
    await world.accounts.place(world.order("1.5"))
    await world.accounts.place(world.order("0.7", side=Side.SELL))
    resting = world.order("1", "40000")
    await world.accounts.place(resting)
    await world.server.fill(str(resting.client_id), "0.4", "40000")
    await world.in_step()
    await world.accounts.cancel(resting.client_id, BTC_USDT)
    await world.in_step()
    assert await world.count("venues.fill") == len(world.server.exchange.trades)


async def test_an_order_is_written_down_before_it_is_sent(world: World) -> None:
    order = world.order()
    world.server.fault("POST", ORDER, Fault.LOST_ANSWER)
    with pytest.raises(OutcomeUnknown):
        await world.accounts.place(order)
    assert await world.count("venues.sent_order WHERE state = 'sent'") == 1
    assert await world.count("venues.fill") == 0
    await world.in_step()
    assert await world.count("venues.sent_order WHERE state = 'filled'") == 1
    assert (await world.accounts.place(order)).state is VenueOrderState.FILLED
    assert world.server.exchange.placed == 1


async def test_after_a_crash_another_process_places_nothing_twice_and_learns_what_filled(world: World) -> None:
    market, resting, dead = world.order("0.2"), world.order("1", "40000"), world.order("0.3")
    await world.accounts.place(resting)
    for order, fault in ((market, Fault.LOST_ANSWER), (dead, Fault.LOST_REQUEST)):
        world.server.fault("POST", ORDER, fault)
        with pytest.raises(OutcomeUnknown):
            await world.accounts.place(order)
    await world.server.fill(str(resting.client_id), "1", "40000")
    fresh = world.fresh()
    await fresh.open()
    with pytest.raises(OutcomeUnknown):
        await fresh.place(dead)
    assert await fresh.reconcile() == []
    assert await world.count("venues.sent_order WHERE state = 'sent'") == 1
    world.clock.advance(6)
    assert await fresh.reconcile() == []
    assert await world.count("venues.sent_order WHERE state = 'lost'") == 1
    for order in (market, resting, dead):
        assert (await fresh.place(order)).state is VenueOrderState.FILLED
    assert world.server.exchange.placed == 3
    assert await fresh.reconcile() == []
    await fresh.close()
    await world.in_step()


async def test_a_fill_told_twice_moves_money_once(world: World) -> None:
    order = world.order("1", "40000")
    await world.accounts.place(order)
    await world.server.fill(str(order.client_id), "0.4", "40000")
    first = await world.accounts.find(order.client_id, BTC_USDT)
    await asyncio.gather(*(world.accounts.find(order.client_id, BTC_USDT) for _ in range(5)))
    await world.server.fill(str(order.client_id), "0.6", "40000")
    await asyncio.gather(*(world.accounts.find(order.client_id, BTC_USDT) for _ in range(5)))
    assert first is not None
    await world.accounts._noted(first)  # an old word, late
    await world.in_step()


async def test_news_that_come_by_themselves_are_noted(world: World) -> None:
    order = world.order("1", "40000")
    await world.accounts.place(order)
    news: Any = world.accounts.reports()
    async with aclosing(news):
        await anext(news)
        await world.server.listening.wait()
        await world.server.fill(str(order.client_id), "1", "40000")
        while not (await anext(news)).state.ended:
            pass
    assert await world.count("venues.fill") == 1
    await world.in_step()


async def test_money_that_went_without_our_doing_is_found_once_and_offered_to_suspense(world: World) -> None:
    world.server.exchange.free["USDT"] -= 250
    for _ in range(3):
        found = await world.accounts.reconcile()
        assert _told(found) == [(DifferenceKind.BALANCE, "USDT", Decimal(-250))]
    assert await _announced(world) == 3  # two at the beginning, and this one once
    [offered] = await world.accounts.proposals()
    assert (offered.venue, offered.asset, offered.amount) == ("binance", "USDT", Decimal(-250))
    assert (await world.accounts.expected())["USDT"] == Decimal(1_000_000)  # nothing mended by itself


async def _announced(world: World) -> int:
    return await world.count("runtime.outbox WHERE name = 'VenueDifferenceFound'")


async def test_a_difference_that_grows_is_told_again_and_one_that_ends_is_journaled(world: World) -> None:
    exchange = world.server.exchange
    exchange.free["USDT"] -= 250
    [first] = await world.accounts.reconcile()
    exchange.free["USDT"] -= 50
    [second] = await world.accounts.reconcile()
    assert (second.id, second.finding.amount) == (first.id, Decimal(-300))
    assert await _announced(world) == 4
    exchange.free["USDT"] += 300
    assert await world.accounts.reconcile() == []
    assert await world.count("runtime.journal WHERE name = 'venue.difference' AND outcome = 'vanished'") == 1


async def test_an_accepted_difference_is_booked_once(world: World) -> None:
    world.server.exchange.free["BTC"] += 1
    [found] = await world.accounts.reconcile()
    booked = []
    for _ in range(2):
        async with world.runtime.db.transaction() as tx:
            booked += await world.accounts.accept(tx, [found.id], _treasurer(world.runtime))
    assert [each.amount for each in booked] == [Decimal(1)]
    await world.in_step()


async def test_an_accept_that_fails_to_book_changes_nothing(world: World) -> None:
    world.server.exchange.free["BTC"] += 1
    [found] = await world.accounts.reconcile()
    with pytest.raises(RuntimeError):
        await _accept_and_fail(world, found)
    assert await world.accounts.differences() == [found]


async def _accept_and_fail(world: World, found: Difference) -> None:
    async with world.runtime.db.transaction() as tx:
        await world.accounts.accept(tx, [found.id], _treasurer(world.runtime))
        raise RuntimeError("the ledger refused")


async def test_our_own_transfer_to_a_venue_is_no_difference(world: World) -> None:
    world.server.exchange.free["USDT"] += 5_000
    async with world.runtime.db.transaction() as tx:
        await world.accounts.note_transfer(tx, "USDT", Decimal(5_000))
    await world.in_step()


async def test_an_order_the_venue_forgot_or_took_back_is_a_difference(world: World) -> None:
    gone, shrunk = world.order("1", "40000"), world.order("1", "40000")
    for order in (gone, shrunk):
        await world.accounts.place(order)
    await world.server.fill(str(shrunk.client_id), "0.5", "40000")
    await world.accounts.find(shrunk.client_id, BTC_USDT)
    exchange = world.server.exchange
    exchange.orders.remove(exchange.find(str(gone.client_id)))
    taken_back = exchange.find(str(shrunk.client_id))
    taken_back.filled, taken_back.spent, taken_back.status = Decimal(0), Decimal(0), "NEW"
    found = await world.accounts.reconcile()
    told = {each.finding.about: each.finding for each in found}
    assert set(told) == {str(gone.client_id), str(shrunk.client_id)}
    assert told[str(gone.client_id)].told == "unknown"
    assert all(each.kind is DifferenceKind.ORDER for each in told.values())


async def test_an_order_of_our_form_that_we_never_sent_is_a_stranger(world: World) -> None:
    foreign = world.order("1", "40000")
    other = BinanceTrading(world.server.access(), [BTC_USDT], clock=world.clock, rng=random.Random(1))
    await other.open()
    world.clock.advance(6)
    await other.place(foreign)
    await other.close()
    found = await world.accounts.reconcile()
    assert _told(found) == [(DifferenceKind.STRANGER, str(foreign.client_id), None)]
    assert await world.accounts.proposals() == []


async def test_a_venue_out_of_reach_says_nothing_about_our_books(world: World) -> None:
    world.server.fault("GET", "/api/v3/account", Fault.ERROR_500)
    asked = world.server.asked("GET", "/api/v3/account")
    keeping = asyncio.get_running_loop().create_task(world.accounts.keep_reconciled())
    while world.server.asked("GET", "/api/v3/account") == asked:
        await asyncio.sleep(0.005)
    assert await world.accounts.differences() == []
    world.server.exchange.free["USDT"] -= 1
    world.clock.advance(301)
    while not await world.accounts.differences():
        world.clock.advance(1)
        await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_after_each_reconnection_the_books_are_compared(world: World) -> None:
    news: Any = world.accounts.reports()
    order = world.order("1", "40000")
    await world.accounts.place(order)
    async with aclosing(news):
        await anext(news)
        keeping = asyncio.get_running_loop().create_task(world.accounts.keep_reconciled())
        await world.server.listening.wait()
        asked = world.server.asked("GET", "/api/v3/account")
        while world.server.asked("GET", "/api/v3/account") == asked:
            await asyncio.sleep(0.005)
        world.server.exchange.free["BTC"] -= 1
        await world.server.drop_streams()
        listening = asyncio.get_running_loop().create_task(anext(news))
        for _ in range(400):
            if await world.accounts.differences():
                break
            world.clock.advance(0.2)
            await asyncio.sleep(0.005)
        assert _told(await world.accounts.differences()) == [(DifferenceKind.BALANCE, "BTC", Decimal(-1))]
        for task in (keeping, listening):
            task.cancel()
        await asyncio.gather(keeping, listening, return_exceptions=True)


async def test_trades_during_a_comparison_make_no_difference(world: World) -> None:
    async def trade() -> None:
        for number in range(8):
            await world.accounts.place(world.order("0.01", side=Side.BUY if number % 2 else Side.SELL))

    async def compare() -> None:
        for _ in range(4):
            assert await world.accounts.reconcile() == []

    await asyncio.gather(trade(), compare(), trade())
    await world.in_step()
