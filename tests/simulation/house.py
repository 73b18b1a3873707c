"""The house under simulation, on one database with a clock, chance and faults of our own; it dies and stands up."""

import asyncio
import random
from collections.abc import Awaitable
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar
from uuid import UUID, uuid5

from pydantic import SecretStr

from cambista.app.build import House, build
from cambista.app.capital import fund_tills
from cambista.app.settings import Settings
from cambista.audit import AuditKey
from cambista.funding import FundingSettings
from cambista.identity import CustomerRequest, PrincipalRequest
from cambista.kernel.callers import Caller, Role
from cambista.kernel.ids import TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS
from cambista.pricing import Signer
from cambista.risk import RiskSettings
from cambista.runtime import Database, GroupCommit, Runtime, Sealing, Tasks
from cambista.trading import TradingSettings
from cambista.venues.paper.market import SOURCES, PaperMarket, pairs_of
from tests.databases import ManualClock
from tests.simulation.faults import Crash, FaultPlan
from tests.simulation.funding_model import DAILY_COUNT, WITHDRAWAL_TTL
from tests.simulation.model import OPEN_QUOTES_MAX, QUOTE_TTL

T = TypeVar("T")
NAMES = UUID("5b0f6f0a-6f3b-4c1e-9d53-8e3a0b7f4d11")
ADMIN = Caller(UUID(int=1), Role.ADMIN)
CAPITAL = {"USDT": "400000", "COP": "900000000", "VES": "60000000", "BTC": "0.4"}
PAIRS_HEARD = frozenset({"USDT/COP", "USDT/VES", "BTC/USDT", "USDT/USD"})
TARGETS = {"USDT": Decimal(300_000), "BTC": Decimal("0.3")}


class SimulatedHouse:
    """One process of the house at a time; `crash` throws it away with all its memory, `stand_up` makes the next."""

    def __init__(self, dsn: str, clock: ManualClock, plan: FaultPlan, *, seed: int, pool_max: int = 4) -> None:
        self._dsn = dsn
        self._seed = seed
        self._pool_max = pool_max
        self._lives = 0
        self._died: asyncio.Event = asyncio.Event()
        self.clock = clock
        self.plan = plan
        self.market = _market(seed)
        self.house: House

    async def stand_up(self) -> None:
        """A new process on the same database: it recovers what it needs, as after a real crash."""
        self._lives += 1
        rng = random.Random(f"{self._seed}/{self._lives}")
        db = Database(self._dsn, self.clock, rng, pool_max=self._pool_max)
        await db.open()
        sealing = Sealing.in_memory(self.clock, draw=random.Random(f"{self._seed}/{self._lives}/seals").randbytes)
        await sealing.open(db)
        db.fault = self._fault
        runtime = Runtime(self.clock, rng, db, GroupCommit(db, sealing), Tasks(self.clock), sealing)
        seed = self._seed.to_bytes(32, "big")
        self.house = build(runtime, _settings(self._dsn), Signer.from_seed(seed), AuditKey.from_seed(seed))
        self.plan.recovered()
        self._died.clear()
        await self.house.pricing.load()

    async def survive(self, work: Awaitable[T]) -> T:
        """The work's result; raises Crash when the process dies meanwhile, whatever the work was waiting for."""
        if self._died.is_set():
            asyncio.ensure_future(work).cancel()
            raise Crash
        task = asyncio.ensure_future(work)
        died = asyncio.ensure_future(self._died.wait())
        try:
            await asyncio.wait({task, died}, return_when=asyncio.FIRST_COMPLETED)
            if self._died.is_set():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception, Crash):
                    await task
                raise Crash
            return task.result()
        finally:
            died.cancel()

    async def crash(self) -> None:
        """Throw the process away: services, memories, queue and connections."""
        await self.house.runtime.db.close()

    async def close(self) -> None:
        await self.house.runtime.writer.stop()
        await self.house.runtime.db.close()

    def _fault(self, point: str) -> None:
        try:
            self.plan(point)
        except Crash:
            self._died.set()
            raise

    def hear_market(self, sources: list[str]) -> None:
        """Those sources of the paper market say what they see now."""
        self.house.pricing.observe(self.market.books_at(self.clock.now(), sources=sources))

    async def found(self, customers: int, staff: int) -> tuple[list[UUID], list[UUID]]:
        """Open the house: capital in the tills, customers, and staff who decide; their ids."""
        capital = [
            (TransferId(uuid5(NAMES, f"capital/{code}")), Amount.of(text, ASSETS[code]))
            for code, text in CAPITAL.items()
        ]
        await fund_tills(self.house.runtime, self.house.ledger, capital, caller=ADMIN)
        people = await self.house.identity.create_customers(
            [CustomerRequest(ADMIN, f"c{n}@example.com", f"Customer {_letters(n)}", "CO") for n in range(customers)]
        )
        workers = await self.house.identity.create_principals(
            [PrincipalRequest(ADMIN, Role.TREASURER.value, f"Worker {n}") for n in range(staff)]
        )
        return [_id(each) for each in people], [_id(each) for each in workers]


def _market(seed: int) -> PaperMarket:
    """The paper market, cut down to the pairs that are traded here and what values them in USD."""
    market = PaperMarket(seed=seed)
    for source in SOURCES.values():
        for pair in pairs_of(source):
            if str(pair) not in PAIRS_HEARD:
                market.silence(source.name, str(pair))
    return market


def _id(made: object) -> UUID:
    id = getattr(made, "id", None)
    assert isinstance(id, UUID), made
    return id


def _letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number)).capitalize() * 2


def customer_name(number: int) -> str:
    """The full name the house knows customer `number` by."""
    return f"Customer {_letters(number)}"


def _settings(dsn: str) -> Settings:
    return Settings(
        _env_file=None,
        database_url=SecretStr(dsn),
        trading=TradingSettings(
            quote_ttl_s=int(QUOTE_TTL.total_seconds()), open_quotes_max=OPEN_QUOTES_MAX, till_targets=TARGETS
        ),
        risk=RiskSettings(trade_max=50_000, day_max=200_000),
        funding=FundingSettings(
            withdrawal_ttl_s=int(WITHDRAWAL_TTL.total_seconds()), daily_count=DAILY_COUNT, review_missing_payer=True
        ),
    )
