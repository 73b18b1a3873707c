"""Orders on the house's own book: place, cancel, look. Requests decided together commit together."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cambista.identity import Identity
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, OrderId
from cambista.kernel.market import Pair
from cambista.kernel.registry import PairSpec
from cambista.ledger import Ledger
from cambista.pricing import Pricing
from cambista.runtime import Action, Once, Replay, Runtime, Tx
from cambista.trading.book.commands import Mark
from cambista.trading.errors import ClientOrderIdTaken, OrderEnded, OrderUnknown, TooManyOpenOrders
from cambista.trading.orders import KINDS, Working
from cambista.trading.rules import orders as rules
from cambista.trading.service.books import Books
from cambista.trading.service.refusing import record_refusal, refuse_keys
from cambista.trading.service.settling import Deed, Settler
from cambista.trading.service.tending import Tending
from cambista.trading.settings import TradingSettings
from cambista.trading.store import books as book_store
from cambista.trading.store import orders as store
from cambista.trading.store import schedules
from cambista.trading.types import Cancellation, Depth, Fill, Order, OrderRequest, OrderStatus, Quality

LIST_MAX = 200
FILLS_MAX = 1000


@dataclass(frozen=True, slots=True)
class _Drafted:
    """A request as an order, or why it is none; `fair` in ticks where the kind goes by it."""

    request: OrderRequest
    order: Order | Refusal
    work: Working | None = None
    fair: int | None = None


class Orders:
    """Customers' orders. Every door takes a batch and gives one verdict each."""

    def __init__(
        self, runtime: Runtime, settings: TradingSettings, *, identity: Identity, ledger: Ledger, pricing: Pricing
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._identity = identity
        self._ledger = ledger
        self._pricing = pricing
        self._books = Books(runtime, settings.book_snapshot_every)
        self._settler = Settler(runtime, ledger)
        self._tending = Tending(runtime, settings, self._books, self._settler, pricing)

    async def place_orders(
        self, requests: Sequence[OrderRequest], onces: Sequence[Once | None] = ()
    ) -> list[Order | Refusal | Replay]:
        """Hold each order's money and bring it to its book; what it met there is in the answer.

        Refuses `price_off_tick`, `quantity_off_lot`, `price_out_of_range`, `order_terms_invalid`, `amount_too_small`,
        `amount_too_large`, `amount_out_of_range`, `no_price`, `client_order_id_invalid`, `client_order_id_taken`,
        `open_orders_exceeded`, `insufficient_funds`, `account_frozen`, `counterparty_blocked`.
        """
        drafted = [await self._draft(request) for request in requests]
        return await self._runtime.writer.submit(self._place, drafted, onces)

    async def cancel_orders(
        self, cancellations: Sequence[Cancellation], onces: Sequence[Once | None] = ()
    ) -> list[Order | Refusal | Replay]:
        """Take orders out and free what is held for them. Refuses `order_not_found`, `order_ended`."""
        return await self._runtime.writer.submit(self._cancel, cancellations, onces)

    async def order(self, id: OrderId, owner: CustomerId | None) -> tuple[Order, list[Fill]]:
        """The order and its newest 1,000 fills; `owner` None sees all. Another's is `order_not_found`."""
        async with self._runtime.db.read_for(owner) as reader:
            found = (await store.find_orders(reader, [id])).get(id)
            if found is None or owner not in (None, found.customer_id):
                raise OrderUnknown(order=str(id))
            return found, await store.list_fills(reader, id, FILLS_MAX)

    async def orders(
        self, owner: CustomerId | None, *, before: OrderId | None = None, limit: int = 50, open_only: bool = False
    ) -> list[Order]:
        """Orders, newest first, from below `before`; at most 200."""
        async with self._runtime.db.read_for(owner) as reader:
            return await store.list_orders(reader, owner, before, min(limit, LIST_MAX), open_only=open_only)

    async def depth(self, spec: PairSpec, levels: int) -> Depth:
        """What others may see of a pair's book: the best levels of each side."""
        async with self._runtime.db.snapshot() as reader:
            bids = await book_store.list_levels(reader, spec, "buy", levels)
            asks = await book_store.list_levels(reader, spec, "sell", levels)
        return Depth(spec.pair, bids, asks)

    async def tend(self) -> None:
        """What time does to orders: marks wake stops, expiries end, parents send their next slices. Repeatable."""
        await self._tending.run_once()

    async def quality(self, order: Order) -> Quality | None:
        """How well a parent was executed so far; None for other orders, and before the first fill."""
        if not KINDS[order.type].parent or order.left == order.lots:
            return None
        async with self._runtime.db.read() as reader:
            found = await schedules.find_schedules(reader, [order.id])
        return rules.quality(order, found[order.id].arrival)

    async def _draft(self, request: OrderRequest) -> _Drafted:
        try:
            by_fair = KINDS[request.type].by_fair
            fair = await self._fair(request.spec.pair, request.spec) if by_fair else None
            id = OrderId(self._runtime.new_id())
            order, work = rules.draft(request, id, fair, self._runtime.now(), self._settings)
        except Refusal as refusal:
            return _Drafted(request, refusal)
        return _Drafted(request, order, work, fair)

    async def _fair(self, pair: Pair, spec: PairSpec) -> int:
        [price] = await self._pricing.current([pair])
        return rules.nearest_tick(price.mid, spec)

    async def _place(self, tx: Tx, drafted: Sequence[_Drafted]) -> list[Order | Refusal]:
        verdicts: list[Order | Refusal | None] = [
            each.order if isinstance(each.order, Refusal) else None for each in drafted
        ]
        await refuse_keys(self._identity, tx, [each.request.caller for each in drafted], verdicts)
        await self._refuse_names(tx, drafted, verdicts)
        await self._refuse_over_cap(tx, drafted, verdicts)
        # The books before the accounts, here as everywhere, so that two processes never wait for each other.
        pairs = {str(each.request.spec.pair) for each in _left(drafted, verdicts).values()}
        session = await self._books.open(tx, pairs)
        await self._hold(tx, drafted, verdicts)
        deed = Deed(session)
        for each in _left(drafted, verdicts).values():
            await self._bring(tx, each, deed)
        done = await self._settler.settle(tx, deed)
        for index, each in enumerate(drafted):
            if verdicts[index] is None:
                assert isinstance(each.order, Order)
                verdicts[index] = done[each.order.id]
            _record_placing(tx, each, verdicts[index])
        return [verdict for verdict in verdicts if verdict is not None]

    async def _bring(self, tx: Tx, drafted: _Drafted, deed: Deed) -> None:
        """An order to its book; a parent to its schedule."""
        order, work, session = drafted.order, drafted.work, deed.session
        assert isinstance(order, Order)
        assert work is not None
        deed.traces[order.id] = drafted.request.caller.trace_id
        if KINDS[order.type].parent:
            deed.new_parents[order.id] = order
            assert drafted.fair is not None
            await self._tending.plan(tx, order, drafted.fair)
            return
        if work.terms.sleep is not None and session.book(order.pair).mark != drafted.fair:
            assert drafted.fair is not None
            session.tell(order.pair, Mark(drafted.fair))
        deed.place(order, work.terms)

    async def _hold(self, tx: Tx, drafted: Sequence[_Drafted], verdicts: "list[Order | Refusal | None]") -> None:
        waiting = _left(drafted, verdicts)
        holds = [rules.hold_for(each.order) for each in waiting.values() if isinstance(each.order, Order)]
        for index, held in zip(waiting, await self._ledger.hold(tx, holds), strict=True):
            if isinstance(held, Refusal):
                verdicts[index] = held

    async def _refuse_names(
        self, tx: Tx, drafted: Sequence[_Drafted], verdicts: "list[Order | Refusal | None]"
    ) -> None:
        """A customer names an order once."""
        waiting = _left(drafted, verdicts).items()
        named = [(index, each.request, each.request.client_order_id) for index, each in waiting]
        names = {index: (request.customer_id, name) for index, request, name in named if name is not None}
        if not names:
            return
        taken = await store.known_names(tx, list(names.values()))
        for index, each in names.items():
            if each in taken:
                verdicts[index] = ClientOrderIdTaken(client_order_id=each[1])
            taken.add(each)

    async def _refuse_over_cap(
        self, tx: Tx, drafted: Sequence[_Drafted], verdicts: "list[Order | Refusal | None]"
    ) -> None:
        waiting = _left(drafted, verdicts)
        if not waiting:
            return
        count = await store.count_open(tx, list({each.request.customer_id for each in waiting.values()}))
        for index, each in waiting.items():
            owner: UUID = each.request.customer_id
            open_now = count[owner] = count.get(owner, 0) + 1
            if open_now > self._settings.open_orders_max:
                verdicts[index] = TooManyOpenOrders(allowed=self._settings.open_orders_max)

    async def _cancel(self, tx: Tx, cancellations: Sequence[Cancellation]) -> list[Order | Refusal]:
        verdicts: list[Order | Refusal | None] = [None] * len(cancellations)
        await refuse_keys(self._identity, tx, [each.caller for each in cancellations], verdicts)
        ids = [each.order_id for each in cancellations]
        known = await store.find_orders(tx, ids)
        session = await self._books.open(tx, {order.pair for order in known.values()})
        # Again, now that nobody else can move them.
        known = await store.find_orders(tx, ids)
        deed = Deed(session)
        for index, each in enumerate(cancellations):
            if verdicts[index] is None:
                verdicts[index] = _take_out(deed, known, each)
        done = await self._settler.settle(tx, deed)
        for index, each in enumerate(cancellations):
            verdicts[index] = verdicts[index] or done[each.order_id]
            if isinstance(verdicts[index], Refusal):
                record_refusal(tx, each.caller, "order.cancel", f"order:{each.order_id}", verdicts[index])
            else:
                tx.record(Action(each.caller, "order.cancel", f"order:{each.order_id}"))
        return [verdict for verdict in verdicts if verdict is not None]


def _left(drafted: Sequence[_Drafted], verdicts: "Sequence[Order | Refusal | None]") -> dict[int, _Drafted]:
    return {index: drafted[index] for index, verdict in enumerate(verdicts) if verdict is None}


def _take_out(deed: Deed, known: "dict[OrderId, Order]", asked: Cancellation) -> Refusal | None:
    order = known.get(asked.order_id)
    if order is None or order.customer_id != asked.customer_id:
        return OrderUnknown(order=str(asked.order_id))
    if order.status.ended or order.id in deed.asked:
        return OrderEnded(order=str(order.id), status=order.status.value)
    if order.parent_id is not None:
        return OrderEnded("A child ends with its parent.", order=str(order.id))
    deed.asked.add(order.id)
    deed.end(order, OrderStatus.CANCELLED, "asked")
    return None


def _record_placing(tx: Tx, drafted: _Drafted, verdict: Order | Refusal | None) -> None:
    caller = drafted.request.caller
    if isinstance(verdict, Order):
        facts = {"pair": verdict.pair, "status": verdict.status.value}
        tx.record(Action(caller, "order.place", f"order:{verdict.id}", facts=facts))
    else:
        record_refusal(tx, caller, "order.place", f"customer:{drafted.request.customer_id}", verdict)
