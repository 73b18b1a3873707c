"""Orders on the own book in process: held, matched, settled and on disk; resting ones, and ones that meet."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.audit import see_market
from cambista.app.build import House
from cambista.kernel.callers import Caller
from cambista.kernel.ids import CustomerId, TransferId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import PAIRS, USDT
from cambista.ledger import Posting, Transfer, customer_account, world_account
from cambista.trading import Order, OrderRequest, OrderType

SPEC = PAIRS["USDT/COP"]
ONE = Amount.of("1", USDT)
PRICE = Price.parse("3300.00", SPEC.pair)


async def give_base(house: House, callers: Sequence[Caller]) -> None:
    """Plenty of USDT for everybody, so that all may sell."""
    amount = Amount.of("1000000", USDT)
    gifts = [
        Transfer(
            TransferId(house.runtime.new_id()),
            "bench",
            (Posting(world_account("bench", USDT), customer_account(each.id, USDT), amount),),
        )
        for each in callers
    ]
    async with house.runtime.db.transaction() as tx:
        await house.ledger.post(tx, gifts)


async def orders_per_second(house: House, callers: Sequence[Caller], seconds: float) -> tuple[float, float]:
    """Half buy, half sell, all at one price: orders a second, and fills a second among them."""
    await see_market(house)
    before = await _fills(house)
    ends = time.perf_counter() + seconds
    told = await asyncio.gather(
        *(_order_until(house, caller, Side.BUY if n % 2 else Side.SELL, ends) for n, caller in enumerate(callers))
    )
    return sum(told) / seconds, (await _fills(house) - before) / seconds


async def _fills(house: House) -> int:
    async with house.runtime.db.read() as reader:
        return int(await reader.value("SELECT count(*) FROM trading.fill WHERE NOT maker"))


async def _order_until(house: House, caller: Caller, side: Side, ends: float) -> int:
    count = 0
    while time.perf_counter() < ends:
        asked = OrderRequest(caller, CustomerId(caller.id), SPEC, side, OrderType.LIMIT, ONE, PRICE)
        [order] = await house.trading.orders.place_orders([asked])
        count += isinstance(order, Order)
    return count
