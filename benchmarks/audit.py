"""The sealer: entries a second alone and beside trades, and what trades lose to it; in process, durable."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.houses import ADMIN
from cambista.app.build import House
from cambista.app.capital import fund_on_paper
from cambista.identity import Customer, CustomerRequest
from cambista.kernel.callers import Caller, Role
from cambista.kernel.ids import CustomerId, TransferId
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, PAIRS, USDT
from cambista.ledger import Posting, Transfer, customer_account, world_account
from cambista.runtime import Action
from cambista.trading import Acceptance, IssuedQuote, QuoteRequest, Trade
from cambista.venues import PaperMarket

PAIR = PAIRS["USDT/COP"].pair
BACKLOG = 50_000
MARKET = PaperMarket(seed=3)


async def prepare(house: House, customers: int) -> list[Caller]:
    """Customers with plenty of COP, full tills, and a market that has spoken."""
    await fund_on_paper(house.runtime, house.ledger)
    await house.pricing.load()
    asked = [CustomerRequest(ADMIN, f"audit{n}@example.com", f"Bench Customer {n}", "CO") for n in range(customers)]
    made = [each for each in await house.identity.create_customers(asked) if isinstance(each, Customer)]
    amount = Amount.of("1000000000.00", COP)
    async with house.runtime.db.transaction() as tx:
        await house.ledger.post(tx, [_gift(house, each.id, amount) for each in made])
    return [Caller(each.id, Role.CUSTOMER) for each in made]


def _gift(house: House, customer: CustomerId, amount: Amount) -> Transfer:
    posting = Posting(world_account("bench", COP), customer_account(customer, COP), amount)
    return Transfer(TransferId(house.runtime.new_id()), "bench", (posting,))


async def trades_per_second(house: House, callers: Sequence[Caller], seconds: float) -> float:
    """A quote and its trade, again and again, from all callers at once."""
    await see_market(house)
    ends = time.perf_counter() + seconds
    counts = await asyncio.gather(*(_trade_until(house, caller, ends) for caller in callers))
    return sum(counts) / seconds


async def see_market(house: House) -> None:
    house.pricing.observe(MARKET.books_at(house.runtime.now()))
    await house.pricing.tick()


async def _trade_until(house: House, caller: Caller, ends: float) -> int:
    count, customer = 0, CustomerId(caller.id)
    while time.perf_counter() < ends:
        asked = QuoteRequest(caller, customer, PAIR, Side.BUY, Amount.of("1", USDT))
        [quote] = await house.trading.request_quotes([asked])
        assert isinstance(quote, IssuedQuote), quote
        [trade] = await house.trading.accept_quotes([Acceptance(caller, customer, quote.quote.id)])
        assert isinstance(trade, Trade), trade
        count += 1
    return count


async def leave_backlog(house: House) -> None:
    """Entries nobody has sealed yet."""
    for start in range(0, BACKLOG, 5_000):
        async with house.runtime.db.transaction() as tx:
            tx.record(
                *(
                    Action(ADMIN, "trade.execute", f"trade:{house.runtime.new_id()}", facts={"quote": str(number)})
                    for number in range(start, start + 5_000)
                )
            )


async def sealed_per_second(house: House) -> float:
    """How fast all that waits is sealed."""
    began = time.perf_counter()
    count = await house.audit.sealer.seal()
    return count / (time.perf_counter() - began)


async def sealed_beside_trades(house: House, callers: Sequence[Caller], seconds: float) -> tuple[float, float]:
    """A backlog sealed while everybody trades: entries/s, and trades/s meanwhile."""
    await see_market(house)
    ends = time.perf_counter() + seconds
    trading = asyncio.gather(*(_trade_until(house, caller, ends) for caller in callers))
    sealed = await sealed_per_second(house)
    return sealed, sum(await trading) / seconds


async def verified_per_second(house: House) -> float:
    """How fast the whole record is recomputed."""
    began = time.perf_counter()
    verdict = await house.audit.verify()
    assert verdict.good, verdict.finding
    return verdict.entries / (time.perf_counter() - began)
