"""A whole house for tests: every room on a fresh database, paper prices at the moment of a clock moved by hand."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from cambista.app.build import House, build
from cambista.app.capital import fund_on_paper
from cambista.app.settings import Settings
from cambista.audit import AuditKey
from cambista.identity import Customer, CustomerRequest
from cambista.kernel.callers import Caller, Role
from cambista.kernel.ids import CustomerId, TransferId
from cambista.kernel.money import Amount
from cambista.ledger import AccountKind, Posted, Posting, Transfer, customer_account, world_account
from cambista.pricing import Signer
from cambista.runtime import Runtime
from cambista.venues import PaperMarket
from tests.databases import ManualClock

OPERATOR = Caller(UUID(int=0xA), Role.OPERATOR)
SIGNER_SEED = b"\x07" * 32


def settings(**given: object) -> Settings:
    """The default settings, whatever the environment of the tests says."""
    return Settings(_env_file=None, home=Path("unused"), **given)  # type: ignore[arg-type]


@dataclass(slots=True)
class PaperHouse:
    """A house and the market it sees."""

    house: House
    market: PaperMarket

    @property
    def runtime(self) -> Runtime:
        return self.house.runtime

    @property
    def clock(self) -> ManualClock:
        clock = self.house.runtime.clock
        assert isinstance(clock, ManualClock)
        return clock

    async def see_market(self) -> None:
        """Bring the market's books of this moment to pricing."""
        self.house.pricing.observe(self.market.books_at(self.runtime.now()))
        await self.house.pricing.tick()

    async def pass_time(self, seconds: float, *, silent: bool = False) -> None:
        """Let time pass; the market speaks at its end unless it is silent."""
        self.clock.advance(seconds)
        if not silent:
            await self.see_market()

    async def customer(self, number: int, *balances: Amount) -> Customer:
        """A customer who has that much."""
        request = CustomerRequest(OPERATOR, f"customer{number}@example.com", f"Customer Number {number}", "CO")
        [customer] = await self.house.identity.create_customers([request])
        assert isinstance(customer, Customer), customer
        await self.give(customer.id, balances)
        return customer

    async def give(self, customer: CustomerId, balances: Sequence[Amount]) -> None:
        transfers = [
            Transfer(
                TransferId(self.runtime.new_id()),
                "gift",
                (Posting(world_account("bank:test", each.asset), customer_account(customer, each.asset), each),),
            )
            for each in balances
        ]
        async with self.runtime.db.transaction() as tx:
            posted = await self.house.ledger.post(tx, transfers)
        assert all(isinstance(each, Posted) for each in posted), posted

    async def balances(self, customer: CustomerId) -> dict[str, str]:
        """What the customer has posted, by asset."""
        held = await self.house.ledger.balances_of(AccountKind.CUSTOMER, str(customer))
        return {each.account.asset: each.posted.text for each in held}


def caller_of(customer: Customer) -> Caller:
    return Caller(customer.id, Role.CUSTOMER)


@asynccontextmanager
async def paper_house(
    runtime: Runtime, given: Settings | None = None, *, fixed: dict[str, Decimal] | None = None
) -> AsyncIterator[PaperHouse]:
    """A house whose tills are full and whose market has spoken."""
    house = build(runtime, given or settings(), Signer.from_seed(SIGNER_SEED), AuditKey.from_seed(SIGNER_SEED))
    await fund_on_paper(runtime, house.ledger)
    await house.pricing.load()
    paper = PaperHouse(house, PaperMarket(seed=3, fixed=fixed or {}))
    await paper.see_market()
    yield paper
