"""Writes what a transaction's commands came to: money, orders, fills, journal of the books, and the news of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import OrderId
from cambista.ledger import Ledger, Transfer
from cambista.runtime import Action, Runtime, Tx
from cambista.trading.book.commands import Cancel, Place, Terms
from cambista.trading.book.events import Traded
from cambista.trading.errors import CounterpartyBlocked
from cambista.trading.events import OrderAccepted, OrderCancelled, OrderFilled
from cambista.trading.rules.orders import amount_of, price_at
from cambista.trading.rules.settling import Tally, touched
from cambista.trading.service.books import Session
from cambista.trading.store import orders as store
from cambista.trading.types import Fill, Order, OrderStatus

_OWNER_BITS = 2**62 - 1
THE_HOUSE = Caller(UUID(int=0), Role.OPERATOR, credential=Credential.HOUSE)


@dataclass(slots=True)
class Deed:
    """What a transaction does to orders: those it places (by pair and number), the parents it touches and ends, those
    it takes on, which ends were asked for, and the trace of each request."""

    session: Session
    placed: dict[str, dict[int, Order]] = field(default_factory=dict)
    parents: dict[OrderId, Order] = field(default_factory=dict)
    ending: dict[OrderId, tuple[OrderStatus, str]] = field(default_factory=dict)
    new_parents: dict[OrderId, Order] = field(default_factory=dict)
    traces: dict[OrderId, str] = field(default_factory=dict)
    asked: set[OrderId] = field(default_factory=set)

    def place(self, order: Order, terms: Terms) -> None:
        """Number an order and let its book have it."""
        number = self.session.next_number(order.pair)
        self.placed.setdefault(order.pair, {})[number] = replace(order, number=number)
        # Owners are told apart by the random part of their ids, which fits a book's numbers.
        owner = order.customer_id.int & _OWNER_BITS
        self.session.tell(order.pair, Place(number, owner, order.side, order.lots, order.limit, terms))

    def end(self, order: Order, status: OrderStatus, reason: str) -> None:
        """Take an open order out of its book; a parent, which stands in none, ends by itself once all is told."""
        if order.number is None:
            self.parents.setdefault(order.id, order)
            self.ending[order.id] = status, reason
        else:
            self.session.tell(order.pair, Cancel(order.number))

    def end_parents(self) -> None:
        for id, (status, reason) in self.ending.items():
            if not self.parents[id].status.ended:
                self.parents[id] = replace(self.parents[id], status=status, reason=reason)


@dataclass(slots=True)
class _Outcome:
    new: list[Order] = field(default_factory=list)
    changed: list[Order] = field(default_factory=list)
    fills: dict[str, list[Fill]] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)
    woken: list[Order] = field(default_factory=list)


class Settler:
    """Settles deeds. An order that could not be settled is remembered in `blocked`, to be taken out."""

    def __init__(self, runtime: Runtime, ledger: Ledger) -> None:
        self._runtime = runtime
        self._ledger = ledger
        self.blocked: set[OrderId] = set()

    async def settle(self, tx: Tx, deed: Deed) -> dict[OrderId, Order]:
        """Everything the deed comes to, in this transaction or not at all; the orders it touched, as they stand now.

        Raises `counterparty_blocked` where the ledger refuses a fill, and with it the whole transaction.
        """
        before = dict(deed.parents)
        outcome = _Outcome()
        for pair in deed.session.said:
            await self._tally(tx, deed, pair, outcome)
        deed.end_parents()
        changed_parents = [order for id, order in deed.parents.items() if order != before[id]]
        new = [*outcome.new, *deed.new_parents.values()]
        changed = [*outcome.changed, *changed_parents]
        await self._pay(tx, outcome)
        await self._release(tx, [*new, *changed])
        await store.insert_orders(tx, new)
        await store.update_orders(tx, changed)
        for pair, fills in outcome.fills.items():
            await store.insert_fills(tx, fills, pair)
        await deed.session.write(tx)
        _announce(tx, deed, new, changed, outcome)
        return {order.id: order for order in (*new, *changed)}

    async def _tally(self, tx: Tx, deed: Deed, pair: str, outcome: _Outcome) -> None:
        events, new = deed.session.said[pair], deed.placed.get(pair, {})
        numbers = touched(events)
        stored = await store.find_numbered(tx, pair, sorted(numbers - new.keys())) if numbers - new.keys() else {}
        ids = self._ids(sum(isinstance(event, Traded) for event in events))
        tally = Tally({**stored, **new}, deed.parents, ids, tx.now)
        tally.take(events)
        for order in tally.with_shown(deed.session.shown(pair, {*stored, *new})):
            (outcome.new if order.number in new else outcome.changed).append(order)
        outcome.fills[pair] = tally.fills
        outcome.transfers += tally.transfers
        outcome.woken += [tally.orders[number] for number in tally.woken]

    def _ids(self, count: int) -> Iterator[UUID]:
        return iter(self._runtime.new_ids(count) if count else ())

    async def _pay(self, tx: Tx, outcome: _Outcome) -> None:
        posted = await self._ledger.post(tx, outcome.transfers)
        refused = {
            each.id for each, verdict in zip(outcome.transfers, posted, strict=True) if isinstance(verdict, Refusal)
        }
        if refused:
            fills = [fill for each in outcome.fills.values() for fill in each if fill.id in refused]
            self.blocked |= {fill.order_id for fill in fills}
            raise CounterpartyBlocked

    async def _release(self, tx: Tx, orders: Sequence[Order]) -> None:
        """What is left of those that have ended is free again; a child's is its parent's still."""
        ended = [order.hold_id for order in orders if order.status.ended and order.left and order.parent_id is None]
        for verdict in await self._ledger.release(tx, ended):
            assert not isinstance(verdict, Refusal), verdict


def _announce(tx: Tx, deed: Deed, new: Sequence[Order], changed: Sequence[Order], outcome: _Outcome) -> None:
    traces = deed.traces
    for order in new:
        if order.status is not OrderStatus.REJECTED:
            tx.emit(_accepted(order), trace_id=traces.get(order.id, ""))
    for fills in outcome.fills.values():
        for fill in fills:
            tx.emit(_filled(fill), trace_id=traces.get(fill.order_id, ""))
    for order in (*new, *changed):
        if order.status.ended and order.left:
            tx.emit(_cancelled(order, tx), trace_id=traces.get(order.id, ""))
    for order in outcome.woken:
        tx.record(Action(THE_HOUSE, "order.wake", f"order:{order.id}"))
    for order in changed:
        if order.status.ended and order.left and order.id not in deed.asked:
            tx.record(Action(THE_HOUSE, "order.end", f"order:{order.id}", facts={"reason": order.reason}))


def _accepted(order: Order) -> OrderAccepted:
    pair = order.spec.pair
    return OrderAccepted(
        order.id, order.customer_id, order.parent_id, order.pair, order.side.value, order.type.value, pair.base.code,
        amount_of(order.lots, order.spec).decimal, pair.quote.code, price_at(order.limit, order.spec).value,
        order.time_in_force.value, order.created_at,
    )  # fmt: skip


def _filled(fill: Fill) -> OrderFilled:
    base, quote = fill.base.asset.code, fill.quote.asset.code
    return OrderFilled(
        fill.id, fill.order_id, fill.customer_id, str(fill.price.pair), fill.side.value, fill.maker, fill.price.value,
        base, fill.base.decimal, quote, fill.quote.decimal, fill.fee.decimal, fill.left.decimal, fill.executed_at,
    )  # fmt: skip


def _cancelled(order: Order, tx: Tx) -> OrderCancelled:
    return OrderCancelled(
        order.id, order.customer_id, order.pair, order.status.value, order.reason, order.spec.pair.base.code,
        amount_of(order.left, order.spec).decimal, tx.now,
    )  # fmt: skip
