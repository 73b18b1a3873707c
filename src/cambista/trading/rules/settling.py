"""What a book's events mean for orders and money, pure: new states, fills, and the transfers that settle them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from cambista.kernel.ids import OrderId, TransferId
from cambista.kernel.market import Side
from cambista.kernel.money import Amount, Rounding
from cambista.ledger import AccountKind, Draw, Posting, Transfer, customer_account, house_account
from cambista.trading.book.events import Asleep, Ended, Ending, Event, Rejected, Rested, Traded, Woken
from cambista.trading.rules.orders import amount_of, price_at, quote_units, status_after
from cambista.trading.types import Fill, Order, OrderStatus


@dataclass(slots=True)
class Tally:
    """The orders of one book as its events change them, by number; parents by id; and what follows."""

    orders: dict[int, Order]
    parents: dict[OrderId, Order]
    ids: Iterator[UUID]
    now: datetime
    fills: list[Fill] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    woken: list[int] = field(default_factory=list)

    def take(self, events: Sequence[Event]) -> None:
        """Follow the events in order."""
        for event in events:
            if isinstance(event, Traded):
                self._trade(event)
            elif isinstance(event, Ended):
                self._end(event)
            elif isinstance(event, Rejected):
                self._set(event.id, status=OrderStatus.REJECTED, reason=event.reason.value)
            elif isinstance(event, Rested):
                self._set(event.id, status=status_after(self.orders[event.id]))
            elif isinstance(event, Woken):
                self.woken.append(event.id)
                self._set(event.id, status=OrderStatus.WORKING)
            elif isinstance(event, Asleep):
                assert self.orders[event.id].status is OrderStatus.NEW

    def _set(self, number: int, *, status: OrderStatus, reason: str = "") -> None:
        order = self.orders[number]
        assert not order.status.ended, "an order that has ended stays as it is"
        self.orders[number] = replace(order, status=status, reason=reason)

    def _end(self, event: Ended) -> None:
        assert self.orders[event.id].left == event.left, "book and rows count alike"
        status = OrderStatus.EXPIRED if event.reason is Ending.EXPIRED else OrderStatus.CANCELLED
        self._set(event.id, status=status, reason=event.reason.value)

    def _trade(self, event: Traded) -> None:
        maker, taker = self.orders[event.maker], self.orders[event.taker]
        buyer, seller = (maker, taker) if maker.side is Side.BUY else (taker, maker)
        id, spec = TransferId(next(self.ids)), maker.spec
        gross = quote_units(spec, event.price, event.quantity, fee_bps=0, rounding=Rounding.DOWN)
        paid = quote_units(
            spec, event.price, event.quantity, fee_bps=fee_bps(buyer, maker), rounding=Rounding.UP
        )  # fmt: skip
        got = quote_units(
            spec, event.price, event.quantity, fee_bps=-fee_bps(seller, maker), rounding=Rounding.DOWN
        )  # fmt: skip
        self.transfers.append(_settlement(id, buyer, seller, event.quantity, (paid, got)))
        moved = ((buyer, paid, paid - gross), (seller, got, gross - got))
        for order, units, fee in moved:
            filled = self._fill(order, event.quantity, units, fee)
            self.fills.append(_fill_of(id, filled, event, (units, fee), self.now))
        assert (self.orders[event.maker].left, self.orders[event.taker].left) == (event.maker_left, event.taker_left)

    def _fill(self, order: Order, lots: int, units: int, fee: int) -> Order:
        assert order.number is not None
        filled = self.orders[order.number] = _filled(order, lots, units, fee)
        if order.parent_id is not None:
            self.parents[order.parent_id] = _filled(self.parents[order.parent_id], lots, units, fee)
        return filled

    def with_shown(self, shown: Mapping[int, int]) -> list[Order]:
        """The orders as they stand now, each with what of it the book shows."""
        return [replace(order, shown=shown.get(number, 0)) for number, order in self.orders.items()]


def _filled(order: Order, lots: int, units: int, fee: int) -> Order:
    after = replace(
        order, left=order.left - lots, quote_units=order.quote_units + units, fee_units=order.fee_units + fee
    )
    assert after.left >= 0
    return replace(after, status=status_after(after))


def fee_bps(order: Order, maker: Order) -> int:
    """What the order's side of a fill pays: as maker or as taker, by the fees it was taken on with."""
    return order.maker_bps if order is maker else order.taker_bps


def _settlement(id: TransferId, buyer: Order, seller: Order, lots: int, units: tuple[int, int]) -> Transfer:
    """Held money changes hands: base to the buyer, quote to the seller, the difference to fees. What a better price
    than the buyer's limit leaves of its hold is free again."""
    paid, got = units
    base, quote = buyer.spec.pair.base, buyer.spec.pair.quote
    payer, payee = customer_account(buyer.customer_id, quote), customer_account(seller.customer_id, quote)
    amount = amount_of(lots, buyer.spec)
    legs = [
        (payer, payee, Amount(got, quote)),
        (payer, house_account(AccountKind.FEES, quote), Amount(paid - got, quote)),
        (customer_account(seller.customer_id, base), customer_account(buyer.customer_id, base), amount),
    ]
    draws = (
        Draw(buyer.hold_id, Amount(lots * buyer.lot_cost, quote)),
        Draw(seller.hold_id, Amount(lots * seller.lot_cost, base)),
    )
    return Transfer(id, "fill", tuple(Posting(*leg) for leg in legs if leg[2].units > 0), draws=draws)


def _fill_of(id: TransferId, order: Order, event: Traded, units: tuple[int, int], now: datetime) -> Fill:
    spec, quote = order.spec, order.spec.pair.quote
    return Fill(
        id=id,
        order_id=order.id,
        customer_id=order.customer_id,
        maker=order.number == event.maker,
        side=order.side,
        price=price_at(event.price, spec),
        base=amount_of(event.quantity, spec),
        quote=Amount(units[0], quote),
        fee=Amount(units[1], quote),
        left=amount_of(order.left, spec),
        executed_at=now,
    )


def touched(events: Sequence[Event]) -> set[int]:
    """The numbers of all orders the events speak of."""
    numbers: set[int] = set()
    for event in events:
        if isinstance(event, Traded):
            numbers |= {event.maker, event.taker}
        else:
            numbers.add(event.id)
    return numbers
