"""Many venues at once: each heard, none able to harm another, nothing kept without bound."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal

from cambista.kernel.market import Pair
from cambista.kernel.registry import BTC, COP, USD
from cambista.venues import (
    Observation,
    PriceVenue,
    RateName,
    RateSource,
    RatesUnavailable,
    ReferenceRate,
    Venues,
    VenueState,
)
from cambista.venues.service import BACKLOG_MAX
from tests.unit.venues.worlds import (
    START,
    USDT_COP,
    USDT_VES,
    ScriptedRates,
    ScriptedVenue,
    SteppingClock,
    levels,
    observation,
    runtime_with,
)


@asynccontextmanager
async def _listening(*venues: PriceVenue, clock: SteppingClock | None = None) -> AsyncIterator[Venues]:
    service = Venues(runtime_with(clock or SteppingClock()), venues, [])
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def _turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def _states(service: Venues) -> dict[str, VenueState]:
    return {health.name: health.state for health in service.health()}


async def test_every_watcher_gets_what_every_venue_says() -> None:
    one, two = observation(source="one"), observation(source="two", pair=USDT_VES)
    async with _listening(ScriptedVenue("a", [[one]]), ScriptedVenue("b", [[two]])) as service:
        seen: list[set[str]] = []
        for _ in range(2):
            heard: set[str] = set()
            async for batch in service.watch():
                heard |= {each.source for each in batch}
                if len(heard) == 2:
                    break
            seen.append(heard)
        assert seen == [{"one", "two"}, {"one", "two"}]
        assert service.pairs == {USDT_COP, USDT_VES}
        assert sorted(each.source for each in service.latest()) == ["one", "two"]


async def test_a_late_watcher_begins_with_what_is_known() -> None:
    async with _listening(ScriptedVenue("a", [[observation()]])) as service:
        await _turns()
        async for batch in service.watch():
            assert [each.source for each in batch] == ["test"]
            break


async def test_a_slow_watcher_gets_the_newest_of_each_source_and_never_more_than_the_bound() -> None:
    count = BACKLOG_MAX + 500
    batches: list[Sequence[Observation]] = [
        [
            observation(source=f"s{number % 2}", asks=levels((str(5000 + number), "1")))
            for number in range(start, start + 100)
        ]
        for start in range(0, count, 100)
    ]
    async with _listening(ScriptedVenue("a", batches)) as service:
        watcher = service.watch()
        first = await anext(watcher)
        await _turns(100)
        rest = await anext(watcher)
        assert len(first) == 100
        assert len(rest) <= BACKLOG_MAX
        newest = {each.source: each.ask for each in rest}
        assert newest == {"s0": Decimal(5000 + count - 2), "s1": Decimal(5000 + count - 1)}


async def test_a_venue_that_raises_is_noted_and_restarted_and_the_others_go_on() -> None:
    def fail() -> None:
        raise ConnectionError("away")

    clock = SteppingClock()
    broken = ScriptedVenue("broken", [[observation(source="broken")]], fail)
    async with _listening(broken, ScriptedVenue("sound", [[observation(source="sound")]]), clock=clock) as service:
        await _turns(60)
        health = {each.name: each for each in service.health()}
        assert health["broken"].errors > 1
        assert "away" in health["broken"].last_error
        assert health["broken"].observations > 1
        assert {each.source for each in service.latest()} == {"broken", "sound"}


async def test_what_is_not_sane_is_dropped_counted_and_never_seen() -> None:
    crossed = observation(source="crossed", bids=levels(("10", "1")), asks=levels(("9", "1")))
    zero = observation(source="zero", bids=levels(("0", "1")), asks=())
    async with _listening(ScriptedVenue("a", [[crossed, zero, observation()]])) as service:
        await _turns()
        (health,) = service.health()
        assert health.dropped == {"crossed": 1, "price": 1}
        assert health.observations == 1
        assert [each.source for each in service.latest()] == ["test"]


async def test_health_tells_waiting_live_silent_ended_and_stopped_apart() -> None:
    clock = SteppingClock()
    mute = ScriptedVenue("mute", [])
    over = ScriptedVenue("over", [[observation()]], stays=False)
    talker = ScriptedVenue("talker", [[observation()]])
    async with _listening(mute, over, talker, clock=clock) as service:
        await _turns()
        assert _states(service) == {"mute": VenueState.WAITING, "over": VenueState.ENDED, "talker": VenueState.LIVE}
        await clock.sleep(61)
        assert _states(service)["talker"] is VenueState.SILENT
        last = {each.name: each.last_observation_at for each in service.health()}
        assert last == {"mute": None, "over": START, "talker": START}
    assert set(_states(service).values()) == {VenueState.STOPPED}


async def test_stopping_lets_every_adapter_close() -> None:
    venue = ScriptedVenue("a", [[observation()]])
    async with _listening(venue):
        await _turns()
        assert not venue.closed
    assert venue.closed


async def test_a_house_can_start_listening_again() -> None:
    service = Venues(runtime_with(SteppingClock()), [ScriptedVenue("a", [[observation()]])], [])
    for _ in range(2):
        await service.start()
        await _turns()
        assert _states(service) == {"a": VenueState.LIVE}
        await service.stop()


def _rate(pair: Pair, value: str, source: str = "p") -> ReferenceRate:
    day = date(2026, 9, 29)
    return ReferenceRate(source, RateName.OFFICIAL, pair, Decimal(value), day, day + timedelta(days=1), START)


async def test_rates_of_a_failing_publisher_are_left_out_and_absurd_ones_never_come_through() -> None:
    sound, absurd = _rate(Pair(USD, COP), "3968.5"), _rate(Pair(BTC, USD), "0.0257")
    sources: list[RateSource] = [
        ScriptedRates("broken", RatesUnavailable("away")),
        ScriptedRates("sound", [sound, absurd]),
    ]
    service = Venues(runtime_with(SteppingClock()), [], sources)
    assert await service.rates() == [sound]
    health = {each.name: each for each in service.health()}
    assert health["broken"].state is VenueState.FAILING
    assert health["broken"].errors == 1
    assert health["sound"].state is VenueState.LIVE
    assert health["sound"].dropped == {"absurd": 1}
