"""What every price venue must pass, whatever stands behind it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest

from cambista.venues import CcxtExchange, Observation, PaperMarket, PriceVenue, Replay, paper_venues
from cambista.venues.rules import Rejection, admit
from tests.integration.venues.exchange import running_exchange, towards
from tests.unit.venues.worlds import BTC_USDT, SteppingClock

Make = Callable[[SteppingClock], PriceVenue]
REPEATABLE = ("paper_exchange", "paper_otc", "paper_p2p", "replay")
BATCHES = 5


@pytest.fixture(params=[*REPEATABLE, "ccxt:binance"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    name: str = request.param
    if name == "replay":
        folder: Path = request.getfixturevalue("shared_data")
        yield lambda clock: Replay(folder, clock=clock, speed=60)
    elif name == "ccxt:binance":
        async with running_exchange(request.getfixturevalue("shared_data")) as url:
            yield lambda clock: CcxtExchange("binance", [BTC_USDT], clock=clock, options=towards(url))
    else:
        yield lambda clock: next(each for each in paper_venues(PaperMarket(seed=4), clock=clock) if each.name == name)


async def _batches(venue: PriceVenue, count: int) -> list[Sequence[Observation]]:
    batches = []
    async with aclosing(cast(AsyncGenerator[Sequence[Observation], None], venue.observations())) as observations:
        async for batch in observations:
            batches.append(batch)
            if len(batches) == count:
                break
    return batches


async def test_it_has_a_lasting_name_and_pairs(make: Make) -> None:
    venue, again = make(SteppingClock()), make(SteppingClock())
    assert venue.name
    assert venue.name == again.name
    assert venue.pairs
    assert venue.pairs == again.pairs


async def test_it_says_only_what_is_sane_in_the_present_and_about_its_pairs(make: Make) -> None:
    clock = SteppingClock()
    venue = make(clock)
    for batch in await _batches(venue, BATCHES):
        assert batch
        for observation in batch:
            assert not isinstance(admit(observation, clock.now()), Rejection), observation
            assert observation.pair in venue.pairs
            assert observation.observed_at <= observation.received_at <= clock.now()
            assert observation.source


async def test_it_can_be_heard_twice_at_once(make: Make) -> None:
    venue = make(SteppingClock())
    one, two = await asyncio.gather(_batches(venue, 2), _batches(venue, 2))
    assert len(one) == len(two) == 2


async def test_it_lets_go_when_cancelled(make: Make) -> None:
    venue = make(SteppingClock())
    first = asyncio.Event()

    async def listen() -> None:
        async for _ in venue.observations():
            first.set()
            await asyncio.Event().wait()

    listening = asyncio.get_running_loop().create_task(listen())
    await asyncio.wait_for(first.wait(), 30)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening


@pytest.mark.parametrize("make", REPEATABLE, indirect=True)
async def test_it_says_the_same_again_where_it_claims_to(make: Make) -> None:
    assert await _batches(make(SteppingClock()), BATCHES) == await _batches(make(SteppingClock()), BATCHES)
