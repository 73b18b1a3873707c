"""Binance spot's local order book: snapshot, numbered differences and best-price ticker, by its documented rules."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from cambista.kernel.market import Level
from cambista.venues.rules import NUMBER_LENGTH_MAX, positive

DEPTH_MAX = 5_000
BUFFER_MAX = 1_000
_ZERO = Decimal(0)

Row = tuple[str, str]


class Snapshot(msgspec.Struct):
    """REST `depth`: the whole book up to and including update `lastUpdateId`."""

    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[Row]
    asks: list[Row]


class Difference(msgspec.Struct):
    """Socket `depthUpdate`: updates U to u, absolute quantities, zero = the level is gone."""

    s: str
    U: int
    u: int
    b: list[Row]
    a: list[Row]


class Ticker(msgspec.Struct):
    """Socket `bookTicker`: the best prices after update u."""

    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class _Side:
    """One side's levels: quantities by price, and the prices in order."""

    def __init__(self) -> None:
        self.prices: list[Decimal] = []
        self.quantities: dict[Decimal, Decimal] = {}

    def set(self, price: Decimal, quantity: Decimal) -> None:
        known = price in self.quantities
        if quantity:
            if not known:
                insort(self.prices, price)
            self.quantities[price] = quantity
        elif known:
            del self.quantities[price]
            del self.prices[bisect_left(self.prices, price)]


class Book:
    """The book of one symbol.

    It speaks only while the chain of updates is whole; after a gap it waits for a new snapshot.
    """

    def __init__(self) -> None:
        self._bids, self._asks = _Side(), _Side()
        self._waiting: list[Difference] = []
        self._ticker: Ticker | None = None
        self.last_id: int | None = None
        self.gaps = 0

    def snapshot(self, snapshot: Snapshot) -> bool:
        """Begin anew from `snapshot` and what waited for it; False when it is malformed or older than what waited."""
        bids, asks = _Side(), _Side()
        for side, rows in ((bids, snapshot.bids), (asks, snapshot.asks)):
            if not _apply(side, rows):
                return False
        waiting = [each for each in self._waiting if each.u > snapshot.last_update_id]
        if waiting and snapshot.last_update_id + 1 < waiting[0].U:
            return False
        self._bids, self._asks, self._waiting = bids, asks, []
        self.last_id = snapshot.last_update_id
        for each in waiting:
            self.difference(each)
        return self.last_id is not None

    def difference(self, difference: Difference) -> bool:
        """Apply the next difference; False when it changes nothing: old, or kept until a snapshot arrives."""
        if self.last_id is not None and difference.u <= self.last_id:
            return False
        if self.last_id is not None and self.last_id + 1 < difference.U:
            self.gaps += 1
            self.last_id = None
        if self.last_id is None:
            self._waiting.append(difference)
            del self._waiting[:-BUFFER_MAX]
            return False
        if not (_apply(self._bids, difference.b) and _apply(self._asks, difference.a)):
            self.gaps += 1
            self.last_id = None
            return False
        self.last_id = difference.u
        # The near end of each side is kept: bids from the top, asks from the bottom.
        _forget(self._bids, slice(0, max(0, len(self._bids.prices) - DEPTH_MAX)))
        _forget(self._asks, slice(DEPTH_MAX, None))
        return True

    def ticker(self, ticker: Ticker) -> bool:
        """Note newer best prices; False when the book already knows better, or when there is no book yet."""
        if self.last_id is None or ticker.u <= self.last_id:
            return False
        before, self._ticker = self._ticker, ticker
        return before is None or (before.b, before.a) != (ticker.b, ticker.a)

    def top(self, count: int) -> tuple[Sequence[Level], Sequence[Level]]:
        """The best `count` bids and asks, with the ticker's best where it is newer than the last difference."""
        ticker = self._ticker
        if ticker is None or self.last_id is None or ticker.u <= self.last_id:
            return self._bids_below(None, count), self._asks_above(None, count)
        bid, ask = _level(ticker.b, ticker.B), _level(ticker.a, ticker.A)
        return self._bids_below(bid, count), self._asks_above(ask, count)

    def _bids_below(self, best: Level | None, count: int) -> list[Level]:
        prices, quantities = self._bids.prices, self._bids.quantities
        end = len(prices) if best is None else bisect_left(prices, best.price)
        found = [Level(price, quantities[price]) for price in reversed(prices[max(0, end - count) : end])]
        return found if best is None else [best, *found][:count]

    def _asks_above(self, best: Level | None, count: int) -> list[Level]:
        prices, quantities = self._asks.prices, self._asks.quantities
        start = 0 if best is None else bisect_right(prices, best.price)
        found = [Level(price, quantities[price]) for price in prices[start : start + count]]
        return found if best is None else [best, *found][:count]


def _level(price: str, quantity: str) -> Level | None:
    known_price, known_quantity = positive(price), positive(quantity)
    return None if known_price is None or known_quantity is None else Level(known_price, known_quantity)


def _apply(side: _Side, rows: Sequence[Row]) -> bool:
    for price_text, quantity_text in rows:
        price, quantity = positive(price_text), positive(quantity_text)
        if quantity is None and len(quantity_text) <= NUMBER_LENGTH_MAX and not quantity_text.strip("0."):
            quantity = _ZERO
        if price is None or quantity is None:
            return False
        side.set(price, quantity)
    return True


def _forget(side: _Side, beyond: slice) -> None:
    for price in side.prices[beyond]:
        del side.quantities[price]
    del side.prices[beyond]
