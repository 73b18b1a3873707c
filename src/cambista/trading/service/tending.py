"""What time does to orders: marks wake them, expiries end them, parents send slices; in the writer's turn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from cambista.kernel.errors import Refusal
from cambista.kernel.ids import OrderId
from cambista.kernel.market import Side
from cambista.kernel.registry import PAIRS
from cambista.pricing import NoPrice, Pricing
from cambista.runtime import Runtime, Tx
from cambista.trading.book.commands import Expire, Mark, Terms, TimeInForce
from cambista.trading.book.engine import Book
from cambista.trading.orders import slicing
from cambista.trading.rules import orders as rules
from cambista.trading.service.books import Books
from cambista.trading.service.settling import Deed, Settler
from cambista.trading.settings import TradingSettings
from cambista.trading.store import orders as store
from cambista.trading.store import schedules
from cambista.trading.store.schedules import Schedule
from cambista.trading.types import Order, OrderStatus, OrderType

PARENTS_MAX = 500
CURVE_DAYS = 7
CURVE_PARTS = 24
NOBODY = UUID(int=0)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What is due on one pair: a new mark in ticks, its expiries, orders that must go, parents to slice."""

    pair: str
    mark: int | None = None
    expire: bool = False
    blocked: tuple[OrderId, ...] = ()
    parents: tuple[OrderId, ...] = ()


class Tending:
    """Looks what is due and brings it to the books. Two processes may do so: what is done is no longer due."""

    def __init__(
        self, runtime: Runtime, settings: TradingSettings, books: Books, settler: Settler, pricing: Pricing
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._books = books
        self._settler = settler
        self._pricing = pricing
        self._after = NOBODY

    async def run_once(self) -> None:
        """One round; a pair whose turn fails is logged, and has another in the next round."""
        turns = await self._due()
        for turn, verdict in zip(turns, await self._runtime.writer.submit(self._tend, turns), strict=True):
            if isinstance(verdict, Refusal):
                _log.warning("orders_not_tended", pair=turn.pair, reason=verdict.code)

    async def plan(self, tx: Tx, order: Order, fair: int) -> None:
        """Draw a parent's seed and keep all that its slices follow from."""
        assert order.expires_at is not None
        duration = order.expires_at - order.created_at
        curve = await self._curve(tx, order, duration) if order.type is OrderType.VWAP else []
        seed = self._runtime.rng.getrandbits(62)
        schedule = Schedule(order.id, seed, order.created_at, int(duration.total_seconds()), fair, curve)
        await schedules.insert_schedule(tx, schedule)

    async def _curve(self, tx: Tx, order: Order, duration: timedelta) -> list[int]:
        """The volume of the hours ahead, as it was in the last days; an hour without any counts a little."""
        since = order.created_at - timedelta(days=CURVE_DAYS)
        volume = await schedules.volume_by_hour(tx, order.pair, since)
        moments = [order.created_at + duration * part / CURVE_PARTS for part in range(CURVE_PARTS)]
        return [max(1, volume.get(moment.hour, 0)) for moment in moments]

    async def _due(self) -> list[_Turn]:
        now = self._runtime.now()
        async with self._runtime.db.read() as reader:
            asleep = await store.list_pairs_asleep(reader)
            expiring = await store.list_pairs_due(reader, now)
            parents = await schedules.list_open_parents(reader, self._after, PARENTS_MAX)
            blocked = await store.find_orders(reader, list(self._settler.blocked)) if self._settler.blocked else {}
        self._settler.blocked.clear()
        self._after = parents[-1][0] if len(parents) == PARENTS_MAX else NOBODY
        marks = {pair: await self._mark(pair) for pair in asleep}
        pairs = {*marks, *expiring, *(pair for _, pair in parents), *(order.pair for order in blocked.values())}
        return [
            _Turn(
                pair,
                marks.get(pair),
                pair in expiring,
                tuple(order.id for order in blocked.values() if order.pair == pair),
                tuple(id for id, of in parents if of == pair),
            )
            for pair in sorted(pairs)
        ]

    async def _mark(self, pair: str) -> int | None:
        try:
            [price] = await self._pricing.current([PAIRS[pair].pair])
        except NoPrice:
            return None
        return rules.nearest_tick(price.mid, PAIRS[pair])

    async def _tend(self, tx: Tx, turns: Sequence[_Turn]) -> list[Refusal | None]:
        deed = Deed(await self._books.open(tx, [turn.pair for turn in turns]))
        session = deed.session
        for turn in turns:
            await self._take_out(tx, turn, deed)
            if turn.mark is not None and session.book(turn.pair).mark != turn.mark:
                session.tell(turn.pair, Mark(turn.mark))
            if turn.expire:
                session.tell(turn.pair, Expire(rules.microseconds(tx.now)))
        await self._slice(tx, [id for turn in turns for id in turn.parents], deed)
        await self._settler.settle(tx, deed)
        return [None] * len(turns)

    async def _take_out(self, tx: Tx, turn: _Turn, deed: Deed) -> None:
        """Orders that could not be settled, as where an account is frozen."""
        found = await store.find_orders(tx, turn.blocked) if turn.blocked else {}
        for order in found.values():
            if not order.status.ended and order.parent_id is None:
                deed.end(order, OrderStatus.CANCELLED, "blocked")

    async def _slice(self, tx: Tx, ids: Sequence[OrderId], deed: Deed) -> None:
        if not ids:
            return
        parents = await store.find_orders(tx, ids)
        plans = await schedules.find_schedules(tx, ids)
        sent = await schedules.last_children(tx, ids)
        for parent in parents.values():
            if parent.status.ended:
                continue
            deed.parents.setdefault(parent.id, parent)
            lots = self._lots_now(parent, plans[parent.id], sent.get(parent.id), deed.session.book(parent.pair), tx.now)
            if lots:
                self._send_child(parent, lots, deed, tx.now)
            assert parent.expires_at is not None
            if parent.expires_at <= tx.now:
                deed.end(parent, OrderStatus.EXPIRED, "expired")

    def _lots_now(self, parent: Order, plan: Schedule, sent: datetime | None, book: Book, now: datetime) -> int:
        """One child a slice; one more, for what is missing, when the time is over."""
        slices = slicing.schedule(parent.lots, plan.duration_s, plan.seed, plan.curve)
        elapsed = (now - plan.started_at) // timedelta(microseconds=1)
        begun = max((each.after_us for each in slices if each.after_us <= elapsed), default=None)
        over = parent.expires_at is not None and parent.expires_at <= now
        if begun is None:
            return 0
        if sent is not None and sent >= plan.started_at + timedelta(microseconds=begun) and not over:
            return 0
        shown = _shown_within(book, parent)
        due = slicing.due_lots(slices, elapsed)
        return slicing.next_slice(due, parent.lots - parent.left, shown, self._settings.participation_bps)

    def _send_child(self, parent: Order, lots: int, deed: Deed, now: datetime) -> None:
        child = replace(
            parent, id=OrderId(self._runtime.new_id()), parent_id=parent.id, lots=lots, left=lots,
            type=OrderType.LIMIT, status=OrderStatus.NEW, created_at=now, client_order_id=None, price=parent.limit,
            expires_at=None, quote_units=0, fee_units=0,
        )  # fmt: skip
        deed.place(child, Terms(TimeInForce.IOC))


def _shown_within(book: Book, order: Order) -> int:
    """The lots the other side shows at prices the order may trade at."""
    bids, asks = book.depth(1000)
    if order.side is Side.BUY:
        return sum(lots for price, lots in asks if price <= order.limit)
    return sum(lots for price, lots in bids if price >= order.limit)
