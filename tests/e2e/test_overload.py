"""Three times what the house can do: the most urgent is served, the rest is refused at once, and all is well after."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from cambista.gateway import GatewaySettings, create_app
from cambista.runtime import Replay
from tests.unit.gateway.stand_ins import Scripted, stand_in_doors

ROOM, LINE = 8, 4
QUOTE = {"quote_id": "0199a3c1-0a11-7f00-9b1c-2d3e4f5a6b7c"}
KEYED = {"x-api-key": "k", "idempotency-key": "1"}
BUSY = {name: {"units": 10**6, "trades": 10**5} for name in ("standard", "partner", "staff")}


class Slow(Scripted):
    """Trades that end when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.go_on = asyncio.Event()
        self.answer = self._trade

    async def _trade(self, *_: object) -> Any:
        self.begun += 1
        await self.go_on.wait()
        return Replay(201, b"{}")


@pytest.fixture
def trading() -> Slow:
    return Slow()


@pytest.fixture
def app(trading: Slow) -> FastAPI:
    work = {"first": ROOM, "least": ROOM, "most": ROOM, "waiting_max": LINE, "money_wait_s": 10, "wait_s": 10}
    settings = GatewaySettings.model_validate({"work": work, "tiers": BUSY})
    return create_app(stand_in_doors(trading), settings)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://house") as client:
        yield client


def ask(http: httpx2.AsyncClient, method: str, path: str) -> "asyncio.Task[httpx2.Response]":
    what: dict[str, Any] = {"json": QUOTE} if method == "POST" else {}
    return asyncio.create_task(http.request(method, f"/api/v1{path}", headers=KEYED, **what))


async def settled() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def test_what_is_too_much_is_refused_while_the_rest_is_still_worked_on(
    http: httpx2.AsyncClient, trading: Slow
) -> None:
    asked = [ask(http, "POST", "/trades") for _ in range(3 * ROOM)]
    await settled()
    assert trading.begun == ROOM
    refused = [each.result() for each in asked if each.done()]
    assert len(refused) == 3 * ROOM - ROOM - LINE
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (503, "overloaded")
        assert response.headers["retry-after"] == "1"
    trading.go_on.set()
    statuses = Counter(each.status_code for each in await asyncio.gather(*asked))
    assert statuses == {201: ROOM + LINE, 503: len(refused)}
    assert trading.begun == ROOM + LINE


async def test_refused_requests_are_counted_and_not_logged_one_by_one(http: httpx2.AsyncClient, trading: Slow) -> None:
    with capture_logs() as logs:
        asked = [ask(http, "POST", "/trades") for _ in range(3 * ROOM)]
        await settled()
        counted = (await http.get("/metrics")).text
        trading.go_on.set()
        await asyncio.gather(*asked)
    assert f"requests_shed_total {3 * ROOM - ROOM - LINE}.0" in counted
    assert f"requests_in_work {ROOM}.0" in counted
    assert not [line for line in logs if line["event"] == "request"]


async def test_who_has_no_hope_is_refused_at_the_gate_with_all_a_refusal_has(
    app: FastAPI, http: httpx2.AsyncClient, trading: Slow
) -> None:
    assert (await http.get("/health/liveness")).status_code == 200
    frame: Any = app.middleware_stack
    frame._gate.pace.rate = 0.001
    asked = [ask(http, "POST", "/trades") for _ in range(ROOM + 2)]
    await settled()
    traced = {**KEYED, "x-request-id": "my-own-trace"}
    response = await http.post("/api/v1/trades", json=QUOTE, headers=traced)
    problem = response.json()
    assert (response.status_code, problem["code"], problem["trace_id"]) == (503, "overloaded", "my-own-trace")
    assert response.headers["x-request-id"] == "my-own-trace"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    trading.go_on.set()
    await asyncio.gather(*asked)


async def test_as_soon_as_there_is_room_again_nobody_is_refused(http: httpx2.AsyncClient, trading: Slow) -> None:
    asked = [ask(http, "POST", "/trades") for _ in range(3 * ROOM)]
    await settled()
    trading.go_on.set()
    await asyncio.gather(*asked)
    for _ in range(3 * ROOM):
        assert (await ask(http, "POST", "/trades")).status_code == 201


async def test_a_trade_takes_the_place_of_somebody_who_only_asks(http: httpx2.AsyncClient, trading: Slow) -> None:
    working = [ask(http, "POST", "/trades") for _ in range(ROOM)]
    await settled()
    readers = [ask(http, "GET", "/assets") for _ in range(LINE)]
    await settled()
    assert not any(each.done() for each in readers)
    trader = ask(http, "POST", "/trades")
    await settled()
    assert readers[-1].result().status_code == 503
    trading.go_on.set()
    assert (await trader).status_code == 201
    assert {each.status_code for each in await asyncio.gather(*working)} == {201}
    assert {(await each).status_code for each in readers[:-1]} == {200}


async def test_health_is_answered_however_busy_the_house_is(http: httpx2.AsyncClient, trading: Slow) -> None:
    asked = [ask(http, "POST", "/trades") for _ in range(3 * ROOM)]
    await settled()
    assert (await http.get("/health/liveness")).status_code == 200
    trading.go_on.set()
    await asyncio.gather(*asked)


async def test_a_refused_request_has_taken_nothing_of_its_callers_minute(
    http: httpx2.AsyncClient, trading: Slow
) -> None:
    asked = [ask(http, "POST", "/trades") for _ in range(ROOM + LINE)]
    await settled()
    assert (await ask(http, "POST", "/trades")).status_code == 503
    trading.go_on.set()
    await asyncio.gather(*asked)
    response = await ask(http, "POST", "/trades")
    assert f'"trades";r={10**5 - ROOM - LINE - 1};' in response.headers["ratelimit"]
