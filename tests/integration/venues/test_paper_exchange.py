"""The paper exchange across restarts: its money and resting orders are where they were, and nothing differs."""

from decimal import Decimal

from cambista.kernel.market import Side
from cambista.runtime import Runtime
from cambista.venues import (
    PaperExchange,
    PaperMarket,
    VenueAccounts,
    VenueOrder,
    VenueOrderState,
    open_paper,
    paper_book,
    paper_pairs,
)
from tests.unit.venues.worlds import BTC_USDT


async def _opened(runtime: Runtime) -> VenueAccounts:
    exchange = PaperExchange(paper_book(PaperMarket(seed=3)), {}, clock=runtime.clock, pairs=paper_pairs())
    accounts = VenueAccounts(runtime, exchange)
    await open_paper(runtime, accounts, exchange)
    return accounts


async def test_it_goes_on_where_it_was_left(runtime: Runtime) -> None:
    before = await _opened(runtime)
    limit = Decimal("1000.00")
    resting = VenueOrder(runtime.new_id(), BTC_USDT, Side.BUY, Decimal("0.5"), limit)
    taking = VenueOrder(runtime.new_id(), BTC_USDT, Side.SELL, Decimal("0.25"))
    assert (await before.place(resting)).state is VenueOrderState.WORKING
    assert (await before.place(taking)).state is VenueOrderState.FILLED
    assert await before.reconcile() == []
    held = await before.balances()

    after = await _opened(runtime)
    assert await after.reconcile() == []
    assert await after.balances() == held
    assert (await after.place(taking)).state is VenueOrderState.FILLED
    assert (await after.cancel(resting.client_id, BTC_USDT)).state is VenueOrderState.CANCELLED
    assert await after.reconcile() == []
    assert (await after.balances())["USDT"].locked == 0
