"""The demo's customers at the counter of a house that is slow, absent or out of order."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from cambista.app.demo.client import Api
from cambista.app.demo.customers import AT_ONCE_MAX, Crowd
from cambista.app.demo.people import people
from cambista.app.demo.plan import Act, Look, Patience, Step, TakeQuote, TradeDirectly, Wish
from cambista.app.demo.staff import Customer, Staff

WISH = Wish("USDT/COP", "buy", "100.000000", "USDT", tops_up=False)
TRADE = {"pair": "USDT/COP", "base_amount": "100.000000", "quote_amount": "400000.00"}
QUOTE = {
    "id": "q", "side": "buy", "rung": "live", "price": "4000.00", "created_at": "2026-11-24T19:00:00.000000Z",
    "expires_at": "2026-11-24T19:00:15.000000Z",
}  # fmt: skip

Handler = Callable[[httpx2.Request], Coroutine[None, None, httpx2.Response]]


@asynccontextmanager
async def crowd(handler: Handler) -> AsyncIterator[tuple[Crowd, Api]]:
    """Two customers before whatever answers for the house."""
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler), base_url="http://house") as http:
        api = Api(http, asyncio.get_running_loop().time, "test")
        customers = [Customer(number, f"c{number}", "key", person) for number, person in enumerate(people(1, 2))]
        yield Crowd(api, Staff(api, "admin", "operator", ("one", "other")), customers), api


def plan(*acts: Act) -> list[Step]:
    return [Step(0.0, number % 2, act) for number, act in enumerate(acts)]


def endless() -> Iterator[Step]:
    while True:
        yield Step(0.0, 0, Look(WISH))


async def answering(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(201, json=QUOTE if request.url.path.endswith("/quotes") else TRADE)


async def test_customers_ask_and_trade_and_what_they_saw_is_counted() -> None:
    async with crowd(answering) as (some, api):
        await some.follow(iter(plan(TradeDirectly(WISH, 10), Look(WISH))))
    assert (api.tally.quotes, api.tally.trades, api.tally.refused) == (2, 1, 0)
    assert api.tally.rungs == {"live": 2}


async def test_who_still_thinks_at_closing_time_leaves_without_a_trade() -> None:
    async with crowd(answering) as (some, api):
        await some.follow(iter(plan(TakeQuote(WISH, Patience.PROMPT, 3600.0), TakeQuote(WISH, Patience.LATE, 0.0))))
    assert (api.tally.quotes, api.tally.trades) == (2, 0)


async def test_nobody_is_served_who_comes_after_closing_time() -> None:
    opened, served = asyncio.Event(), itertools.count(1)
    busy = asyncio.Event()

    async def slow(request: httpx2.Request) -> httpx2.Response:
        if next(served) == AT_ONCE_MAX:
            busy.set()
        await opened.wait()
        return httpx2.Response(201, json=QUOTE)

    async with crowd(slow) as (some, api):
        following = asyncio.create_task(some.follow(endless()))
        await asyncio.wait_for(busy.wait(), 10)
        some.close()
        opened.set()
        await asyncio.wait_for(following, 10)
    assert api.tally.quotes == AT_ONCE_MAX


async def test_a_refusal_is_counted_by_its_code_and_ends_nothing() -> None:
    async def refusing(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(503, json={"code": "no_price"})

    async with crowd(refusing) as (some, api):
        await some.follow(iter(plan(Look(WISH), TradeDirectly(WISH, 10), TakeQuote(WISH, Patience.PROMPT, 0.0))))
    assert dict(api.tally.refusals) == {"no_price": 3}


async def test_a_house_that_does_not_answer_is_counted_and_ends_nothing() -> None:
    async def away(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    async with crowd(away) as (some, api):
        await some.follow(iter(plan(Look(WISH), Look(WISH))))
    assert dict(api.tally.refusals) == {"no_answer": 2}


async def test_a_bug_in_a_step_ends_the_demo_instead_of_being_swallowed() -> None:
    async def wrong(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(201, json={"no": "rung"})

    async with crowd(wrong) as (some, _):
        with pytest.raises(KeyError, match="rung"):
            await some.follow(iter(plan(Look(WISH))))


async def test_a_repeated_answer_is_no_second_trade() -> None:
    traded_twice = asyncio.Event()
    headers = iter(({}, {"idempotent-replayed": "true"}))

    async def remembering(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/quotes"):
            return httpx2.Response(201, json=QUOTE)
        of_this = next(headers)
        if of_this:
            traded_twice.set()
        return httpx2.Response(201, json=TRADE, headers=of_this)

    async with crowd(remembering) as (some, api):
        twice = Step(0.0, 0, TakeQuote(WISH, Patience.PROMPT, 0.0, clicks=2))
        following = asyncio.create_task(some.follow(iter([twice, Step(3600.0, 0, Look(WISH))])))
        await asyncio.wait_for(traded_twice.wait(), 10)
        some.close()
        await asyncio.wait_for(following, 10)
    assert (api.tally.trades, api.tally.repeats) == (1, 1)
