"""Health over HTTP, and what a caller hears while the database is away."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import httpx2
import pytest
from prometheus_client import CollectorRegistry

from cambista.gateway import GatewaySettings, create_app
from cambista.venues import VenueHealth, VenueState
from tests.e2e.clients import Caller, good, refused
from tests.e2e.conftest import doors_of
from tests.houses import PaperHouse

DIRECT = {"asset": "USDT", "fiat": "COP", "amount": "10", "price": "4000"}


class Watched:
    """Venues as readiness sees them."""

    state = VenueState.LIVE

    def health(self) -> list[VenueHealth]:
        return [VenueHealth("paper", self.state)]


@pytest.fixture
def venues() -> Watched:
    return Watched()


@pytest.fixture
def pending() -> list[int]:
    """How many migrations are pending, in a list so that a test can change it."""
    return [0]


@pytest.fixture
async def probe(paper: PaperHouse, venues: Watched, pending: list[int]) -> AsyncIterator[httpx2.AsyncClient]:
    async def count_pending() -> int:
        return pending[0]

    doors = replace(
        doors_of(paper.house, CollectorRegistry()),
        venues=venues,  # type: ignore[arg-type]
        pending_migrations=count_pending,
    )
    transport = httpx2.ASGITransport(create_app(doors, GatewaySettings(health_kept_s=0)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://house") as client:
        yield client


async def test_a_house_in_order_is_alive_started_and_ready(probe: httpx2.AsyncClient) -> None:
    for name, checks in (
        ("liveness", {"process"}),
        ("startup", {"database", "migrations"}),
        ("readiness", {"database", "migrations", "venues"}),
    ):
        found = good(await probe.get(f"/health/{name}"), 200)
        assert found["status"] == "ok"
        assert set(found["checks"]) == checks
        assert {check["status"] for check in found["checks"].values()} == {"ok"}
        head = await probe.head(f"/health/{name}")
        assert (head.status_code, head.content) == (200, b"")


async def test_without_a_fresh_venue_the_house_is_not_ready(probe: httpx2.AsyncClient, venues: Watched) -> None:
    venues.state = VenueState.SILENT
    response = await probe.get("/health/readiness")
    assert response.status_code == 503
    assert response.json()["checks"]["venues"] == {"status": "failing", "detail": "none of 1 is fresh"}
    good(await probe.get("/health/startup"), 200)
    good(await probe.get("/health/liveness"), 200)
    assert (await probe.head("/health/readiness")).status_code == 503


async def test_with_a_migration_pending_the_house_is_not_ready(probe: httpx2.AsyncClient, pending: list[int]) -> None:
    pending[0] = 2
    for name in ("startup", "readiness"):
        response = await probe.get(f"/health/{name}")
        assert response.status_code == 503
        assert response.json()["checks"]["migrations"]["detail"] == "2 pending"


async def test_without_its_database_the_house_says_so_and_nothing_more(
    probe: httpx2.AsyncClient, paper: PaperHouse, ana: Caller
) -> None:
    await paper.runtime.db.close()
    response = await probe.get("/health/readiness")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == {"status": "failing", "detail": "database_unavailable"}
    good(await probe.get("/health/liveness"), 200)
    for answer in (
        await ana.post("/trades", DIRECT),
        await ana.get("/accounts"),
        await ana.post("/quotes", {"pair": "USDT/COP", "side": "buy", "amount": "5", "amount_asset": "USDT"}),
    ):
        refused(answer, 503, "database_unavailable")
        assert answer.headers["retry-after"] == "2"
    await paper.runtime.db.open()
    good(await ana.post("/trades", DIRECT), 201)


async def test_connections_cut_as_by_a_restart_are_503_at_worst_and_soon_replaced(dsn: str, ana: Caller) -> None:
    good(await ana.get("/trades"))
    cutter = await asyncpg.connect(dsn)
    assert await cutter.fetchval(_CUT_ALL) >= 2
    await cutter.close()
    statuses = [(await ana.get("/trades")).status_code for _ in range(12)]
    assert set(statuses) <= {200, 503}
    assert statuses[-1] == 200
    good(await ana.post("/trades", DIRECT), 201)


_CUT_ALL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
