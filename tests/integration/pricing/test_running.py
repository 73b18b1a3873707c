"""Pricing at work in a house: watching venues, recording beside, keeping the rate book."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial

from cambista.kernel.market import Pair
from cambista.pricing import Pricing, PricingSettings, RateNotKnown, Rung, Signer
from cambista.runtime import Runtime
from cambista.venues import Observation, RateName, ReferenceRate, Venues
from tests.databases import ManualClock
from tests.unit.pricing.markets import BTC_USDT, USD_COP, USDT_COP, USDT_USD, market_of_the_day


class TownSquare:
    """A venue that says the market of the day once, and then nothing more."""

    name = "square"
    pairs: frozenset[Pair] = frozenset({USDT_COP, USDT_USD, BTC_USDT})

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    async def observations(self) -> AsyncIterator[Sequence[Observation]]:
        yield list(market_of_the_day(self._clock.now()))


class Gazette:
    """A publisher of one official rate."""

    name = "gazette"

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    async def rates(self) -> Sequence[ReferenceRate]:
        now = self._clock.now()
        return [ReferenceRate("gazette", RateName.OFFICIAL, USD_COP, Decimal("3368.96"), now.date(), now.date(), now)]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.005)


async def test_a_running_house_prices_records_and_files_published_rates_by_itself(runtime: Runtime) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    venues = Venues(runtime, [TownSquare(clock)], [Gazette(clock)])
    pricing = Pricing(runtime, PricingSettings(), Signer.generate())

    async def recorded() -> bool:
        clock.advance(1)
        end = clock.now() + timedelta(minutes=1)
        return bool(await pricing.history(USDT_COP, "1m", start=end - timedelta(hours=1), end=end))

    async def filed() -> bool:
        try:
            found = await pricing.rate(RateName.OFFICIAL, USD_COP, on=clock.now().date())
        except RateNotKnown:
            return False
        return found.rate.source == "gazette"

    await venues.start()
    runtime.tasks.keep("pricing", partial(pricing.run, venues))
    await until(recorded)
    await until(filed)
    assert (await pricing.rungs())[USDT_COP] is Rung.LIVE
    assert {"pricing.record", "pricing.rates", "pricing.roll_up"} <= set(runtime.tasks.running())
    await runtime.tasks.stop()
