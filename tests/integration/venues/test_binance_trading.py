"""Binance misbehaves in every way we know of, one by one: no order doubled, no fill lost, the truth told."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pydantic import SecretStr

from cambista.kernel.ids import uuid7
from cambista.kernel.market import Side
from cambista.venues import (
    BinanceAccess,
    BinanceTrading,
    CcxtTrading,
    OutcomeUnknown,
    VenueAccessDenied,
    VenueOrder,
    VenueOrderState,
    VenueReport,
    VenueThrottled,
    VenueUnavailable,
)
from cambista.venues.binance import wire
from cambista.venues.binance.rest import BinanceRest
from tests.databases import ManualClock
from tests.unit.venues.worlds import BTC_USDT
from tests.venue_servers.binance import KEY, SECRET, BinanceServer, Fault, ccxt_access, running_binance

ORDER = "/api/v3/order"
LOSSES = (Fault.LOST_ANSWER, Fault.HANGS, Fault.ERROR_500, Fault.GARBAGE)


@dataclass
class World:
    server: BinanceServer
    venue: BinanceTrading
    clock: ManualClock
    rng: random.Random

    def order(self, quantity: str = "0.5", limit: str | None = None, side: Side = Side.BUY) -> VenueOrder:
        self.clock.advance(0.01)
        made = uuid7(self.clock.now(), self.rng)
        return VenueOrder(made, BTC_USDT, side, Decimal(quantity), Decimal(limit) if limit else None)

    def another_process(self, **access: Any) -> BinanceTrading:
        return BinanceTrading(self.server.access(**access), [BTC_USDT], clock=self.clock, rng=random.Random(9))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = ManualClock()
    async with running_binance(clock.now) as server:
        venue = BinanceTrading(server.access(timeout_s=1.0), [BTC_USDT], clock=clock, rng=random.Random(3))
        await venue.open()
        try:
            yield World(server, venue, clock, random.Random(4))
        finally:
            await venue.close()


# ------------------------------------------------------------------------------------------ lost and doubled
@pytest.mark.parametrize("fault", LOSSES)
@pytest.mark.parametrize("limit", [None, "40000"])
async def test_after_a_lost_answer_nobody_knows_and_asking_tells(world: World, fault: Fault, limit: str | None) -> None:
    order = world.order(limit=limit)
    world.server.fault("POST", ORDER, fault)
    with pytest.raises(OutcomeUnknown):
        await world.venue.place(order)
    found = await world.venue.find(order.client_id, BTC_USDT)
    assert found is not None
    assert found.state is (VenueOrderState.WORKING if limit else VenueOrderState.FILLED)
    assert await world.venue.place(order) == found
    assert world.server.exchange.placed == 1


async def test_a_lost_request_may_still_arrive_so_it_is_not_said_that_it_never_will(world: World) -> None:
    order = world.order()
    world.server.fault("POST", ORDER, Fault.LATE)
    with pytest.raises(OutcomeUnknown):
        await world.venue.place(order)
    with pytest.raises(OutcomeUnknown) as refused:
        await world.venue.find(order.client_id, BTC_USDT)
    assert refused.value.facts["ask_after_s"] == 5
    with pytest.raises(OutcomeUnknown):
        await world.venue.place(order)
    assert await world.server.deliver_late() == [0]
    found = await world.venue.place(order)
    assert found.state is VenueOrderState.FILLED
    assert world.server.exchange.placed == 1


async def test_once_its_time_is_over_a_lost_request_is_dead_and_the_order_may_be_placed_again(world: World) -> None:
    order = world.order()
    world.server.fault("POST", ORDER, Fault.LATE)
    with pytest.raises(OutcomeUnknown):
        await world.venue.place(order)
    world.clock.advance(5.1)
    assert await world.venue.find(order.client_id, BTC_USDT) is None
    assert await world.server.deliver_late() == [-1021]
    assert (await world.venue.place(order)).state is VenueOrderState.FILLED
    assert world.server.exchange.placed == 1


async def test_a_new_process_asks_before_it_places_what_an_old_one_may_have_sent(world: World) -> None:
    order = world.order()
    world.server.fault("POST", ORDER, Fault.LATE)
    with pytest.raises(OutcomeUnknown):
        await world.venue.place(order)
    after_a_crash = world.another_process()
    await after_a_crash.open()
    try:
        with pytest.raises(OutcomeUnknown):
            await after_a_crash.place(order)
        assert await world.server.deliver_late() == [0]
        assert (await after_a_crash.place(order)).state is VenueOrderState.FILLED
    finally:
        await after_a_crash.close()
    assert world.server.exchange.placed == 1


async def test_a_cancelled_wait_leaves_the_order_in_doubt(world: World) -> None:
    order = world.order()
    world.server.fault("POST", ORDER, Fault.HANGS)
    placing = asyncio.get_running_loop().create_task(world.venue.place(order))
    while not world.server.exchange.placed:
        await asyncio.sleep(0.01)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    assert (await world.venue.place(order)).state is VenueOrderState.FILLED
    assert world.server.exchange.placed == 1


async def test_a_repeated_request_of_a_resting_order_is_one_order(world: World) -> None:
    world.server.fault("POST", ORDER, Fault.SENT_TWICE)
    report = await world.venue.place(world.order(limit="40000"))
    assert report.state is VenueOrderState.WORKING
    assert world.server.exchange.placed == 1


async def test_a_duplicate_the_venue_refuses_is_the_order_that_is_there(world: World) -> None:
    other = world.another_process()
    await other.open()
    order = world.order(limit="40000")
    await other.place(order)
    await other.close()
    assert (await world.venue.place(order)).state is VenueOrderState.WORKING
    assert world.server.exchange.placed == 1


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.ERROR_500])
async def test_a_lost_answer_to_a_cancellation_is_asked_for(world: World, fault: Fault) -> None:
    order = world.order(limit="40000")
    await world.venue.place(order)
    world.server.fault("DELETE", ORDER, fault)
    with pytest.raises(OutcomeUnknown):
        await world.venue.cancel(order.client_id, BTC_USDT)
    found = await world.venue.cancel(order.client_id, BTC_USDT)
    assert found.state is VenueOrderState.CANCELLED


async def test_a_lost_question_is_only_a_question(world: World) -> None:
    order = world.order()
    await world.venue.place(order)
    world.server.fault("GET", ORDER, Fault.LOST_ANSWER, Fault.ERROR_500)
    for _ in range(2):
        with pytest.raises(VenueUnavailable):
            await world.venue.find(order.client_id, BTC_USDT)
    assert await world.venue.find(order.client_id, BTC_USDT) is not None


async def test_a_venue_that_is_not_there_was_not_asked() -> None:
    clock = ManualClock()
    async with running_binance(clock.now) as server:
        access = server.access()
        venue = BinanceTrading(access, [BTC_USDT], clock=clock, rng=random.Random(1))
        await venue.open()
    clock.advance(1)
    order = VenueOrder(uuid7(clock.now(), random.Random(2)), BTC_USDT, Side.BUY, Decimal(1))
    with pytest.raises((VenueUnavailable, OutcomeUnknown)):
        await venue.place(order)  # the old connection may have carried it
    clock.advance(6)
    with pytest.raises(VenueUnavailable):
        await venue.place(order)
    await venue.close()


# ------------------------------------------------------------------------------------------ limits and clocks
@pytest.mark.parametrize("fault", [Fault.BUSY_429, Fault.BANNED_418])
async def test_a_venue_that_says_wait_is_left_alone_for_that_long(world: World, fault: Fault) -> None:
    order = world.order()
    world.server.fault("POST", ORDER, fault)
    with pytest.raises(VenueThrottled) as refused:
        await world.venue.place(order)
    assert refused.value.facts["retry_after_s"] == 7
    asked = len(world.server.requests)
    with pytest.raises(VenueThrottled):
        await world.venue.place(order)
    assert len(world.server.requests) == asked
    world.clock.advance(7.1)
    assert (await world.venue.place(order)).state is VenueOrderState.FILLED
    assert world.server.exchange.placed == 1


async def test_questions_stop_before_the_venues_budget_is_used_and_leave_room_for_orders(world: World) -> None:
    world.server.used_weight = 4_799
    await world.venue.balances()
    asked = len(world.server.requests)
    with pytest.raises(VenueThrottled):
        await world.venue.balances()
    assert len(world.server.requests) == asked
    assert (await world.venue.place(world.order())).state is VenueOrderState.FILLED
    world.clock.advance(61)
    world.server.used_weight = 0
    assert await world.venue.balances()


@pytest.mark.parametrize("skew_s", [-30, 30])
async def test_a_skewed_clock_is_learned_and_the_order_placed_once(world: World, skew_s: int) -> None:
    world.server.skew_ms = skew_s * 1000
    assert (await world.venue.place(world.order())).state is VenueOrderState.FILLED
    assert world.server.exchange.placed == 1
    assert world.server.asked("GET", "/api/v3/time") == 2


@pytest.mark.parametrize(("key", "secret"), [("wrong", SECRET), (KEY, "wrong")])
async def test_a_key_that_is_not_accepted_is_said_without_the_key(world: World, key: str, secret: str) -> None:
    refused = world.another_process(key=SecretStr(key), secret=SecretStr(secret))
    with pytest.raises(VenueAccessDenied) as error:
        await refused.open()
    await refused.close()
    assert key not in f"{error.value} {error.value.facts}"


async def test_neither_key_nor_secret_is_ever_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await world.venue.place(world.order())
        news: Any = world.venue.reports()
        async with aclosing(news):
            order = world.order(limit="40000")
            await world.venue.place(order)
            await anext(news)
        venue = CcxtTrading(ccxt_access(world.server), [BTC_USDT], clock=world.clock)
        await venue.open()
        await venue.balances()
        await venue.close()
    assert KEY not in caplog.text
    assert SECRET not in caplog.text
    assert KEY not in repr(world.server.access())


async def test_the_venues_own_filters_have_the_last_word(world: World) -> None:
    world.server.exchange.LEAST_NOTIONAL = Decimal(100_000)
    report = await world.venue.place(world.order(limit="40000"))
    assert (report.state, report.reason) == (VenueOrderState.REJECTED, "Filter failure: NOTIONAL")
    assert await world.venue.find(report.client_id, BTC_USDT) is None


# ------------------------------------------------------------------------------------------ streams
async def _heard(news: Any, clock: ManualClock) -> VenueReport:
    listening = asyncio.get_running_loop().create_task(anext(news))
    while not listening.done():
        clock.advance(0.2)
        await asyncio.sleep(0.005)
    report: VenueReport = await listening
    return report


async def _until(news: Any, clock: ManualClock, filled: str) -> VenueReport:
    while (report := await _heard(news, clock)).filled < Decimal(filled):
        assert sum((fill.quantity for fill in report.fills), Decimal(0)) == report.filled
    return report


@pytest.mark.parametrize("listen_key", [False, True])
async def test_slow_fills_come_one_by_one(world: World, listen_key: bool) -> None:
    venue = BinanceTrading(
        world.server.access(), [BTC_USDT], clock=world.clock, rng=random.Random(1), listen_key=listen_key
    )
    await venue.open()
    order = world.order("1", "40000")
    await venue.place(order)
    news: Any = venue.reports()
    async with aclosing(news):
        assert (await _heard(news, world.clock)).state is VenueOrderState.WORKING
        await world.server.listening.wait()
        for filled in ("0.3", "0.6", "1"):
            before = world.server.exchange.find(str(order.client_id)).filled
            await world.server.fill(str(order.client_id), str(Decimal(filled) - before), "40000")
            report = await _until(news, world.clock, filled)
            assert report.filled == Decimal(filled)
    assert (report.state, len(report.fills)) == (VenueOrderState.FILLED, 3)
    await venue.close()


async def test_what_is_told_twice_counts_once(world: World) -> None:
    order = world.order("1", "40000")
    await world.venue.place(order)
    world.server.tell_twice = True
    news: Any = world.venue.reports()
    async with aclosing(news):
        await _heard(news, world.clock)
        await world.server.listening.wait()
        await world.server.fill(str(order.client_id), "0.4", "40000")
        await world.server.fill(str(order.client_id), "0.6", "40000")
        report = await _until(news, world.clock, "1")
        again = await _heard(news, world.clock)
    assert (report.filled, len(report.fills)) == (Decimal(1), 2)
    assert again == report


async def test_fills_missed_while_the_stream_was_down_are_told_after_it_is_back(world: World) -> None:
    order = world.order("1", "40000")
    await world.venue.place(order)
    news: Any = world.venue.reports()
    async with aclosing(news):
        await _heard(news, world.clock)
        await world.server.listening.wait()
        await world.server.drop_streams()
        await world.server.fill(str(order.client_id), "0.7", "40000")
        report = await _until(news, world.clock, "0.7")
        await world.server.listening.wait()
        await world.server.fill(str(order.client_id), "0.3", "40000")
        done = await _until(news, world.clock, "1")
    assert report.filled == Decimal("0.7")
    assert (done.state, len(done.fills)) == (VenueOrderState.FILLED, 2)
    assert world.venue.stream.connections == 2


async def test_a_fill_the_stream_left_out_is_asked_for(world: World) -> None:
    order = world.order("1", "40000")
    await world.venue.place(order)
    news: Any = world.venue.reports()
    async with aclosing(news):
        await _heard(news, world.clock)
        await world.server.listening.wait()
        world.server.mute = True
        await world.server.fill(str(order.client_id), "0.2", "40000")
        world.server.mute = False
        await world.server.fill(str(order.client_id), "0.3", "39999")
        report = await _until(news, world.clock, "0.5")
    assert [fill.quantity for fill in report.fills] == [Decimal("0.2"), Decimal("0.3")]


async def test_a_listen_key_is_kept_alive(world: World) -> None:
    venue = BinanceTrading(world.server.access(), [BTC_USDT], clock=world.clock, rng=random.Random(1), listen_key=True)
    await venue.open()
    order = world.order("1", "40000")
    await venue.place(order)
    news: Any = venue.reports()
    async with aclosing(news):
        await _heard(news, world.clock)
        await world.server.listening.wait()
        world.clock.advance(1_801)
        await world.server.fill(str(order.client_id), "0.5", "40000")
        await _until(news, world.clock, "0.5")
        await world.server.fill(str(order.client_id), "0.5", "40000")
        await _until(news, world.clock, "1")
    assert world.server.renewals == 1
    await venue.close()


async def test_a_stream_refused_for_a_skewed_clock_sets_the_clock_and_comes_back(world: World) -> None:
    order = world.order("1", "40000")
    await world.venue.place(order)
    world.server.skew_ms = 60_000
    news: Any = world.venue.reports()
    async with aclosing(news):
        assert (await _heard(news, world.clock)).state is VenueOrderState.WORKING


# ------------------------------------------------------------------------------------------ ccxt
async def test_through_ccxt_too_a_lost_answer_is_doubt_and_no_second_order(world: World) -> None:
    venue = CcxtTrading(ccxt_access(world.server), [BTC_USDT], clock=world.clock)
    await venue.open()
    try:
        for fault in (Fault.LOST_ANSWER, Fault.ERROR_500, Fault.GARBAGE):
            placed = world.server.exchange.placed
            order = world.order("0.1")
            world.server.fault("POST", ORDER, fault)
            with pytest.raises(OutcomeUnknown):
                await venue.place(order)
            assert (await venue.place(order)).state is VenueOrderState.FILLED
            assert world.server.exchange.placed == placed + 1
        order = world.order("0.1")
        world.server.fault("POST", ORDER, Fault.LATE)
        for ask in (venue.place(order), venue.find(order.client_id, BTC_USDT), venue.place(order)):
            with pytest.raises(OutcomeUnknown):
                await ask
        world.server.fault("POST", ORDER, Fault.BUSY_429)
        with pytest.raises(VenueThrottled):
            await venue.place(world.order("0.1"))
    finally:
        await venue.close()


# ------------------------------------------------------------------------------------------ fidelity
async def test_the_local_venue_speaks_as_the_recorded_one(world: World, shared_data: Path) -> None:
    samples = shared_data / "market" / "crypto" / "binance_api_samples"
    exchange = world.server.exchange
    order = world.order("0.5")
    await world.venue.place(order)
    placed = exchange.find(str(order.client_id))
    pairs = (
        ("rest/new_order_full_response__docs.json", placed.answered()),
        ("rest/order_response__docs.json", placed.told()),
        ("rest/account_response__docs.json", exchange.account()),
        ("rest/account_trades_response__docs.json", exchange.trades[:1]),
        ("rest/depth_response__docs.json", exchange.depth()),
        ("ws/execution_report_trade__docs.json", exchange.executions[-1]),
    )
    for name, ours in pairs:
        assert _shape(ours) == _shape(json.loads((samples / name).read_bytes())), name


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return type(value).__name__


def test_recorded_executions_are_read(shared_data: Path) -> None:
    folder = shared_data / "market" / "crypto" / "binance_api_samples" / "ws"
    seen = set()
    for path in sorted(folder.glob("*execution_report*.json")):
        kind, inner = wire.event_of(path.read_bytes())
        assert kind == "executionReport"
        said = msgspec.json.decode(inner, type=wire.Execution)
        seen.add(wire.state(said.X))
        wire.joined(None, said, UUID(int=1), BTC_USDT)
    assert seen == set(VenueOrderState)


def test_the_documented_example_of_a_signature() -> None:
    access = BinanceAccess(
        SecretStr("k"), SecretStr("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")
    )

    text = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    signed = BinanceRest(access, ManualClock()).signature(text)
    assert signed == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
