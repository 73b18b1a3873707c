"""A house with customers who place orders, and what must hold of their orders at any moment."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cambista.identity import Customer
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, PAIRS, USDT
from cambista.ledger import AccountKind
from cambista.runtime import Replay
from cambista.trading import Cancellation, Fill, Order, OrderRequest, OrderType
from tests.houses import PaperHouse, caller_of

SPEC = PAIRS["USDT/COP"]
BUY, SELL = Side.BUY, Side.SELL


@dataclass(slots=True)
class Exchange:
    """Customers on the own book of USDT/COP, each with COP 10,000,000 and USDT 2,000."""

    paper: PaperHouse
    people: list[Customer] = field(default_factory=list)

    async def join(self, count: int) -> None:
        for number in range(count):
            self.people.append(
                await self.paper.customer(number + 1, Amount.of("10000000.00", COP), Amount.of("2000", USDT))
            )

    def request(self, who: int, side: Side, quantity: str, price: str | None = None, **more: Any) -> OrderRequest:
        customer = self.people[who]
        kind = more.pop("type", OrderType.LIMIT if price is not None else OrderType.MARKET)
        limit = None if price is None else Price.parse(price, SPEC.pair)
        return OrderRequest(
            caller_of(customer), customer.id, SPEC, side, kind, Amount.of(quantity, USDT), limit, **more
        )  # fmt: skip

    async def ask(self, *requests: OrderRequest) -> list[Order | Refusal | Replay]:
        return await self.paper.house.trading.orders.place_orders(requests)

    async def place(self, who: int, side: Side, quantity: str, price: str | None = None, **more: Any) -> Order:
        [order] = await self.ask(self.request(who, side, quantity, price, **more))
        assert isinstance(order, Order), order
        return order

    async def refused(self, who: int, side: Side, quantity: str, price: str | None = None, **more: Any) -> str:
        [verdict] = await self.ask(self.request(who, side, quantity, price, **more))
        assert isinstance(verdict, Refusal), verdict
        return verdict.code

    async def cancel(self, who: int, order: Order) -> Order | Refusal | Replay:
        customer = self.people[who]
        [verdict] = await self.paper.house.trading.orders.cancel_orders(
            [Cancellation(caller_of(customer), customer.id, order.id)]
        )
        return verdict

    async def look(self, order: Order) -> Order:
        found, _ = await self.paper.house.trading.orders.order(order.id, None)
        return found

    async def fills(self, order: Order) -> list[Fill]:
        _, fills = await self.paper.house.trading.orders.order(order.id, None)
        return fills

    async def all_orders(self) -> list[Order]:
        return await self.paper.house.trading.orders.orders(None, limit=200)

    async def depth(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        found = await self.paper.house.trading.orders.depth(SPEC, 50)
        bids, asks = (
            [(price.text, f"{amount.decimal.normalize():f}") for price, amount in side]
            for side in (found.bids, found.asks)
        )
        return bids, asks

    async def money(self, who: int) -> dict[str, tuple[Decimal, Decimal]]:
        """Posted and held, by asset."""
        return await self._money(self.people[who].id)

    async def _money(self, id: CustomerId) -> dict[str, tuple[Decimal, Decimal]]:
        found = await self.paper.house.ledger.balances_of(AccountKind.CUSTOMER, str(id))
        return {each.account.asset: (each.posted.decimal, each.held.decimal) for each in found}

    async def check(self) -> None:
        """What is held is what is left of open orders, hold by hold; the books balance; the book is not crossed."""
        async with self.paper.runtime.db.read() as reader:
            rows = await reader.all(
                """
                SELECT o.id, o.left_lots * o.lot_cost AS needed, h.units - h.drawn_units AS held, h.status,
                       o.status IN ('new', 'working', 'partially_filled') AS open
                FROM trading.book_order o LEFT JOIN ledger.hold h ON h.id = o.id WHERE o.parent_id IS NULL
                """
            )
            total = await reader.value("SELECT sum(units - drawn_units)::text FROM ledger.hold WHERE status = 'open'")
            wanted = await reader.value(
                """
                SELECT sum(left_lots * lot_cost)::text FROM trading.book_order
                WHERE parent_id IS NULL AND status IN ('new', 'working', 'partially_filled')
                """
            )
        for row in rows:
            if row["open"]:
                assert (row["held"], row["status"]) == (row["needed"], "open"), dict(row)
            else:
                assert row["status"] in ("captured", "released"), dict(row)
        assert (total or "0") == (wanted or "0")
        assert await self.paper.house.ledger.check() == []
        bids, asks = await self.depth()
        assert not bids or not asks or Decimal(bids[0][0]) < Decimal(asks[0][0])
