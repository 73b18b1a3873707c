"""A paper exchange: takes orders and fills them against the paper market's books, with fees and play balances."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from cambista.kernel.market import Level, Pair, Side
from cambista.kernel.registry import PAIRS
from cambista.runtime import Clock
from cambista.venues.errors import VenueOrderUnknown, VenuePairUnknown
from cambista.venues.paper.market import PaperMarket
from cambista.venues.trading_port import (
    TimeInForce,
    VenueBalance,
    VenueCapabilities,
    VenueFill,
    VenueOrder,
    VenueOrderState,
    VenuePairRules,
    VenueReport,
)

NAME = "paper"
ORDERS_MAX = 100_000
_ZERO = Decimal(0)
_BPS = Decimal(10_000)
_REASON_FUNDS = "insufficient_balance"
_WORKING = (VenueOrderState.WORKING, VenueOrderState.PARTIALLY_FILLED)

Sides = tuple[Sequence[Level], Sequence[Level]]


@dataclass(frozen=True, slots=True)
class PaperFees:
    """What the paper exchange takes of what is received, in basis points."""

    maker_bps: Decimal = Decimal(8)
    taker_bps: Decimal = Decimal(10)


@dataclass(slots=True)
class _Order:
    asked: VenueOrder
    report: VenueReport

    @property
    def left(self) -> Decimal:
        return self.asked.quantity - self.report.filled


class PaperExchange:
    """Fills at the prices of `book(pair, moment)`: the same orders at the same moments fill the same.

    A resting order is looked at again by `look` (a kept task of the house calls it) and fills at its own limit. Each
    look takes a level's whole quantity anew: the paper market does not remember what was taken from it.
    """

    def __init__(
        self,
        book: Callable[[Pair, datetime], Sides],
        balances: Mapping[str, Decimal],
        *,
        clock: Clock,
        pairs: Sequence[Pair] | None = None,
        fees: PaperFees = PaperFees(),
    ) -> None:
        self._book = book
        self._clock = clock
        self._fees = fees
        self._pairs = frozenset(pairs if pairs is not None else (spec.pair for spec in PAIRS.values() if spec.enabled))
        self._free = dict(balances)
        self._locked: dict[str, Decimal] = {}
        self._orders: OrderedDict[UUID, _Order] = OrderedDict()
        self._fills = 0
        self._listeners: list[_Listener] = []

    @property
    def name(self) -> str:
        return NAME

    @property
    def pairs(self) -> frozenset[Pair]:
        return self._pairs

    @property
    def capabilities(self) -> VenueCapabilities:
        return VenueCapabilities(post_only=True)

    @property
    def connections(self) -> int:
        return 0

    async def open(self) -> None:
        """Nothing to learn."""

    async def close(self) -> None:
        """Nothing to let go."""

    def rules_of(self, pair: Pair) -> VenuePairRules:
        if pair not in self._pairs:
            raise VenuePairUnknown(venue=NAME, pair=str(pair))
        spec, scale = PAIRS[str(pair)], min(6, pair.base.scale)
        lot = Decimal(1).scaleb(-scale)
        return VenuePairRules(spec.tick, lot, lot, _ZERO, self._fees.maker_bps, self._fees.taker_bps)

    async def place(self, order: VenueOrder) -> VenueReport:
        known = self._orders.get(order.client_id)
        if known is not None:
            return known.report
        fault = self.rules_of(order.pair).fault(order) or self._unfit(order)
        if fault:
            return VenueReport(order.client_id, order.pair, VenueOrderState.REJECTED, reason=fault)
        placed = _Order(order, VenueReport(order.client_id, order.pair, VenueOrderState.WORKING))
        self._orders[order.client_id] = placed
        self._move_to_locked(order, self._need(order))
        self._take(placed)
        if placed.report.state in _WORKING and (order.limit is None or order.time_in_force is not TimeInForce.GTC):
            self._end(placed, VenueOrderState.EXPIRED)
        self._tell(placed.report)
        self._forget()
        return placed.report

    async def cancel(self, client_id: UUID, pair: Pair) -> VenueReport:
        placed = self._orders.get(client_id)
        if placed is None or placed.asked.pair != pair:
            raise VenueOrderUnknown(venue=NAME, client_id=str(client_id))
        if not placed.report.state.ended:
            self._end(placed, VenueOrderState.CANCELLED)
            self._tell(placed.report)
        return placed.report

    async def find(self, client_id: UUID, pair: Pair) -> VenueReport | None:
        placed = self._orders.get(client_id)
        return placed.report if placed is not None and placed.asked.pair == pair else None

    async def working(self, pair: Pair) -> Sequence[VenueReport]:
        return [
            each.report for each in self._orders.values() if each.asked.pair == pair and not each.report.state.ended
        ]

    async def balances(self) -> Mapping[str, VenueBalance]:
        assets = self._free.keys() | self._locked.keys()
        found = {
            asset: VenueBalance(self._free.get(asset, _ZERO), self._locked.get(asset, _ZERO))
            for asset in sorted(assets)
        }
        return {asset: balance for asset, balance in found.items() if balance.total}

    async def reports(self) -> AsyncIterator[VenueReport]:
        listener = _Listener()
        self._listeners.append(listener)
        try:
            for each in list(self._orders.values()):
                if not each.report.state.ended:
                    yield each.report
            while True:
                yield await listener.next()
        finally:
            self._listeners.remove(listener)

    async def look(self) -> None:
        """Fill the resting orders that the market has come to."""
        for placed in list(self._orders.values()):
            if not placed.report.state.ended and self._take(placed, resting=True):
                self._tell(placed.report)

    def _unfit(self, order: VenueOrder) -> str:
        reachable = sum((level.quantity for level in self._reachable(order)), _ZERO)
        if order.post_only and reachable:
            return "would_take"
        if self._free.get(_paid(order), _ZERO) < self._need(order):
            return _REASON_FUNDS
        return ""

    def _reachable(self, order: VenueOrder) -> Sequence[Level]:
        bids, asks = self._book(order.pair, self._clock.now())
        if order.side is Side.BUY:
            return [level for level in asks if order.limit is None or level.price <= order.limit]
        return [level for level in bids if order.limit is None or level.price >= order.limit]

    def _need(self, order: VenueOrder) -> Decimal:
        if order.side is Side.SELL:
            return order.quantity
        if order.limit is not None:
            return order.quantity * order.limit
        return sum((level.price * part for level, part in _walk(self._reachable(order), order.quantity)), _ZERO)

    def _take(self, placed: _Order, *, resting: bool = False) -> bool:
        order, walked = placed.asked, _walk(self._reachable(placed.asked), placed.left)
        whole = sum((part for _, part in walked), _ZERO) == placed.left
        if not walked or (order.time_in_force is TimeInForce.FOK and not whole):
            return False
        for level, quantity in walked:
            limit = order.limit if resting else None
            self._fill(placed, limit if limit is not None else level.price, quantity, maker=resting)
        return True

    def _fill(self, placed: _Order, price: Decimal, quantity: Decimal, *, maker: bool) -> None:
        order, report = placed.asked, placed.report
        buys = order.side is Side.BUY
        amount = price * quantity
        received, asset = (quantity, order.pair.base.code) if buys else (amount, order.pair.quote.code)
        fee = received * (self._fees.maker_bps if maker else self._fees.taker_bps) / _BPS
        self._release(order, (order.limit or price) * quantity if buys else quantity)
        self._free[_paid(order)] -= amount if buys else quantity
        self._free[asset] = self._free.get(asset, _ZERO) + received - fee
        self._fills += 1
        fill = VenueFill(f"paper-{self._fills}", price, quantity, fee, asset, self._clock.now())
        filled = report.filled + quantity
        state = VenueOrderState.FILLED if filled == order.quantity else VenueOrderState.PARTIALLY_FILLED
        placed.report = replace(
            report, state=state, filled=filled, spent=report.spent + amount, fills=(*report.fills, fill)
        )

    def _move_to_locked(self, order: VenueOrder, amount: Decimal) -> None:
        asset = _paid(order)
        self._free[asset] = self._free.get(asset, _ZERO) - amount
        self._locked[asset] = self._locked.get(asset, _ZERO) + amount

    def _release(self, order: VenueOrder, amount: Decimal) -> None:
        self._move_to_locked(order, -min(amount, self._locked.get(_paid(order), _ZERO)))

    def _end(self, placed: _Order, state: VenueOrderState) -> None:
        order = placed.asked
        if order.limit is not None or order.side is Side.SELL:
            self._release(order, placed.left * (order.limit or _ZERO) if order.side is Side.BUY else placed.left)
        placed.report = replace(placed.report, state=state)

    def _tell(self, report: VenueReport) -> None:
        for listener in self._listeners:
            listener.put(report)

    def _forget(self) -> None:
        while len(self._orders) > ORDERS_MAX:
            oldest = next((key for key, each in self._orders.items() if each.report.state.ended), None)
            if oldest is None:
                return
            del self._orders[oldest]


class _Listener:
    """What one listener has not heard yet: the newest report of each order."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[UUID, VenueReport] = OrderedDict()
        self._arrived = asyncio.Event()

    def put(self, report: VenueReport) -> None:
        self._waiting[report.client_id] = report
        self._arrived.set()

    async def next(self) -> VenueReport:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popitem(last=False)[1]


def _paid(order: VenueOrder) -> str:
    return order.pair.quote.code if order.side is Side.BUY else order.pair.base.code


def _walk(levels: Sequence[Level], quantity: Decimal) -> list[tuple[Level, Decimal]]:
    taken, left = [], quantity
    for level in levels:
        part = min(level.quantity, left)
        if part <= 0:
            break
        taken.append((level, part))
        left -= part
    return taken


def paper_book(market: PaperMarket) -> Callable[[Pair, datetime], Sides]:
    """The books of the paper market's exchange, for a `PaperExchange`."""

    def book(pair: Pair, moment: datetime) -> Sides:
        for each in market.books_at(moment, sources=("paper_exchange",)):
            if each.pair == pair:
                return each.bids, each.asks
        return (), ()

    return book
