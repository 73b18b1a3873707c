"""The whole house behind its API: real PostgreSQL, paper prices, a clock moved by hand, clients over ASGI."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from cambista.app.build import House
from cambista.gateway import Doors, GatewaySettings, create_app
from cambista.gateway.settings import Tier
from cambista.runtime import Runtime
from tests.databases import open_runtime
from tests.e2e.clients import Caller, good
from tests.e2e.walking import Walk, walk_of
from tests.houses import PaperHouse, paper_house

# These tests stop the clock and ask a lot; the limits have tests of their own (`test_rest_limits.py`).
_ROOMY = Tier(units=1_000_000, trades=100_000)
ROOMY = GatewaySettings(
    tiers={"standard": _ROOMY, "partner": _ROOMY, "staff": _ROOMY},
    open_units_per_minute=1_000_000,
    failures_per_minute=100_000,
)
MakeCustomer = Callable[..., Awaitable[Caller]]


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    """A house with full tills; a USDT costs some 3,370 COP."""
    async with paper_house(runtime) as made:
        yield made


async def _none_pending() -> int:
    return 0


@pytest.fixture
def app(paper: PaperHouse) -> FastAPI:
    return app_of(paper.house)


@pytest.fixture
def second_house(dsn: str, paper: PaperHouse) -> Callable[[], AbstractAsyncContextManager[FastAPI]]:
    """Another process's house on the same database, as far as one process can be two: nothing in memory is shared."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[FastAPI]:
        async with open_runtime(dsn, clock=paper.clock, seed=8) as runtime, paper_house(runtime) as twin:
            yield app_of(twin.house)

    return opened


def app_of(house: House, settings: GatewaySettings = ROOMY) -> FastAPI:
    return create_app(doors_of(house, CollectorRegistry()), settings)


def doors_of(house: House, metrics: CollectorRegistry) -> Doors:
    return Doors(
        runtime=house.runtime,
        identity=house.identity,
        ledger=house.ledger,
        venues=house.venues,
        pricing=house.pricing,
        trading=house.trading,
        funding=house.funding,
        audit=house.audit,
        solvency=house.solvency,
        sagas=house.sagas,
        metrics=metrics,
        pending_migrations=_none_pending,
    )


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key. A bug in the app is an answer 500 here too, as it is for the world."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://house", timeout=60) as client:
        yield client


@pytest.fixture
async def admin(paper: PaperHouse, http: httpx2.AsyncClient, tmp_path: Path) -> Caller:
    """The first admin, with the key the house wrote to `admin.key`."""
    path = await paper.house.identity.bootstrap(tmp_path)
    assert path is not None
    return Caller(http, path.read_text().strip())


async def staff(admin: Caller, role: str) -> Caller:
    """A new principal of that role with a key."""
    made = good(await admin.post("/principals", {"role": role, "name": f"The {role}"}), 201)
    key = good(await admin.post("/api-keys", {"owner_id": made["id"], "name": "Test"}), 201)
    return Caller(admin.http, key["key"], made["id"])


@pytest.fixture
async def operator(admin: Caller) -> Caller:
    return await staff(admin, "operator")


@pytest.fixture
async def treasurer(admin: Caller) -> Caller:
    return await staff(admin, "treasurer")


@pytest.fixture
async def auditor(admin: Caller) -> Caller:
    return await staff(admin, "auditor")


@pytest.fixture
def make_customer(admin: Caller, operator: Caller) -> MakeCustomer:
    """Registers a customer, gives it a key and deposits what is named: `make_customer("ana", COP="1000000")`."""

    async def make(name: str, **deposits: str) -> Caller:
        full_name = f"{name.title()} Prueba"
        body = {"email": f"{name}@example.com", "full_name": full_name, "country": "CO"}
        customer = good(await operator.post("/customers", body), 201)
        key = good(await admin.post("/api-keys", {"owner_id": customer["id"], "name": "Test"}), 201)
        for asset, amount in deposits.items():
            deposit = {
                "customer_id": customer["id"], "asset": asset, "amount": amount, "reference": f"{name}-{asset}",
                "rail": "tron" if asset == "USDT" else "pse", "payer": {"name": full_name},
            }  # fmt: skip
            made = good(await operator.post("/deposits", deposit), 201)
            assert made["status"] == "credited", made
        return Caller(admin.http, key["key"], customer["id"])

    return make


@pytest.fixture
async def ana(make_customer: MakeCustomer) -> Caller:
    """A customer with COP 10,000,000 and USDT 1,000."""
    return await make_customer("ana", COP="10000000", USDT="1000")


@pytest.fixture
async def eva(make_customer: MakeCustomer) -> Caller:
    """Another customer, with COP 1,000,000."""
    return await make_customer("eva", COP="1000000")


@pytest.fixture
async def walk(paper: PaperHouse, app: FastAPI, http: httpx2.AsyncClient, ana: Caller) -> Walk:
    """Everybody who may stand at the door, and a thing of each kind that a customer owns."""
    return await walk_of(paper, app, http, ana)
