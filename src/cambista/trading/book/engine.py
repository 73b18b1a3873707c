"""The book of one pair: takes a command, says what happened. Pure and deterministic; price first, then time."""

import heapq
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from cambista.kernel.market import Side
from cambista.trading.book.commands import (
    Cancel,
    Command,
    Expire,
    Mark,
    Place,
    Reduce,
    SelfTrade,
    Terms,
    TimeInForce,
    Trigger,
)
from cambista.trading.book.events import (
    Asleep,
    Ended,
    Ending,
    Event,
    Reduced,
    Refreshed,
    Rejected,
    Rejection,
    Rested,
    Traded,
    Woken,
)
from cambista.trading.book.ladder import Ladder, Level, Resting
from cambista.trading.book.sleepers import Sleepers

# What fits PostgreSQL's bigint with room to multiply: no price, quantity or trail is larger.
WHOLE_MAX = 10**15
BPS_MAX = 9_999
# Members of an Enum are looked up slowly, and these are asked for with every order.
_BUY, _FOK, _IOC, _GTD = Side.BUY, TimeInForce.FOK, TimeInForce.IOC, TimeInForce.GTD
_NEWEST, _OLDEST = SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_OLDEST
_PLAIN = Terms()

Sleeper: TypeAlias = tuple[int, Place]


class Book:
    """Resting orders, sleeping orders, the mark. One command at a time; the same commands give the same book."""

    __slots__ = ("_expiries", "_handlers", "asks", "bids", "live", "mark", "numbers", "sleepers")

    def __init__(self) -> None:
        self.bids = Ladder(-1)
        self.asks = Ladder(1)
        # Every order in the book: resting, or asleep with its number.
        self.live: dict[int, Resting | Sleeper] = {}
        self.sleepers = Sleepers()
        self.mark: int | None = None
        self.numbers = 0
        self._expiries: list[tuple[int, int, int]] = []
        self._handlers: dict[type, Callable[[Any], list[Event]]] = {
            Place: self._place, Cancel: self._cancel, Reduce: self._reduce, Expire: self._expire, Mark: self._mark,
        }  # fmt: skip

    def apply(self, command: Command) -> list[Event]:
        """What the command did, in order."""
        return self._handlers[type(command)](command)

    def _place(self, order: Place) -> list[Event]:
        if order.id in self.live:
            return [Rejected(order.id, Rejection.DUPLICATE)]
        if not 0 < order.quantity <= WHOLE_MAX:
            return [Rejected(order.id, Rejection.QUANTITY)]
        if order.price is not None and not 0 < order.price <= WHOLE_MAX:
            return [Rejected(order.id, Rejection.PRICE)]
        self.numbers += 1
        if order.terms is None:
            said: list[Event] = []
            left, ending = self._match(order, _PLAIN, said)
            return self._conclude(order, _PLAIN, left, ending, said) if left else said
        wrong = self._wrong(order, order.terms)
        if wrong is not None:
            return [Rejected(order.id, wrong)]
        self.expect(order)
        if order.terms.sleep is None:
            return self._work(order, order.terms)
        return self._lay_down(order)

    def expect(self, order: Place) -> None:
        """Note when an order's time is over."""
        if order.terms is not None and order.terms.expires_at is not None:
            heapq.heappush(self._expiries, (order.terms.expires_at, self.numbers, order.id))

    def _wrong(self, order: Place, terms: Terms) -> Rejection | None:
        if terms.visible is not None and not 0 < terms.visible <= order.quantity:
            return Rejection.QUANTITY
        if _contradictory(order, terms):
            return Rejection.TERMS
        if terms.sleep is not None:
            return Rejection.NO_MARK if self.mark is None else None
        if terms.post_only and self._takes(order):
            return Rejection.WOULD_TAKE
        return None

    def _takes(self, order: Place) -> bool:
        best = (self.asks if order.side is _BUY else self.bids).best()
        return best is not None and _crosses(order, best.price)

    def _lay_down(self, order: Place) -> list[Event]:
        assert self.mark is not None
        self.live[order.id] = self.numbers, order
        self.sleepers.add(self.numbers, order, self.mark)
        return [Asleep(order.id), *self._wake(self.mark)]

    def _work(self, order: Place, terms: Terms) -> list[Event]:
        """An order that is awake meets the other side, and rests with what is left if it may."""
        said: list[Event] = []
        if terms.time_in_force is _FOK and not self._fillable(order, terms):
            return [Ended(order.id, order.quantity, Ending.NOT_FILLABLE)]
        if terms.post_only and self._takes(order):
            return [Ended(order.id, order.quantity, Ending.WOULD_TAKE)]
        left, ending = self._match(order, terms, said)
        return self._conclude(order, terms, left, ending, said) if left else said

    def _conclude(self, order: Place, terms: Terms, left: int, ending: Ending | None, said: list[Event]) -> list[Event]:
        """What becomes of the lots that found nobody."""
        price = order.price
        if ending is not None or price is None or terms.time_in_force is _IOC:
            ending = ending or (Ending.NO_LIQUIDITY if price is None else Ending.IMMEDIATE)
            said.append(Ended(order.id, left, ending))
            return said
        shown = left if terms.visible is None or terms.visible > left else terms.visible
        resting = self.live[order.id] = Resting(order, left, shown)
        (self.bids if order.side is _BUY else self.asks).add(resting, price)
        said.append(Rested(order.id, left))
        return said

    def _match(self, taker: Place, terms: Terms, said: list[Event]) -> tuple[int, Ending | None]:
        """Trade with the other side, best first; what is left, and why the taker must end if it must."""
        buys, limit, left = taker.side is _BUY, taker.price, taker.quantity
        ladder = self.asks if buys else self.bids
        while left:
            level = ladder.best()
            if level is None or (limit is not None and (level.price > limit if buys else level.price < limit)):
                break
            maker = level.first
            assert maker is not None
            if maker.order.owner == taker.owner:
                if terms.self_trade is not _NEWEST:
                    said.append(self._end(maker, Ending.SELF_TRADE))
                if terms.self_trade is not _OLDEST:
                    return left, Ending.SELF_TRADE
                continue
            quantity = maker.shown if maker.shown < left else left
            left -= quantity
            if quantity == maker.left:
                ladder.remove(maker)
                maker.left = 0
                del self.live[maker.order.id]
            else:
                level.take(maker, quantity)
            said.append(Traded(maker.order.id, taker.id, level.price, quantity, maker.left, left))
            if maker.left and not maker.shown:
                said.append(_refresh(level, maker))
        return left, None

    def _fillable(self, order: Place, terms: Terms) -> bool:
        """Whether all of it could trade at once. Meeting one's own order ends the newest, before hidden lots show."""
        wanted = order.quantity
        for level in self.asks if order.side is _BUY else self.bids:
            if not _crosses(order, level.price):
                return False
            shown = 0
            for resting in level:
                if resting.order.owner != order.owner:
                    shown += resting.shown
                elif terms.self_trade is not _OLDEST:
                    return wanted <= shown
            wanted -= level.total if terms.self_trade is not _OLDEST else level.of_others(order.owner)
            if wanted <= 0:
                return True
        return False

    def _cancel(self, command: Cancel) -> list[Event]:
        found = self.live.get(command.id)
        return [Rejected(command.id, Rejection.UNKNOWN) if found is None else self._end(found, Ending.ASKED)]

    def _end(self, found: Resting | Sleeper, ending: Ending) -> Event:
        if isinstance(found, Resting):
            order, left = found.order, found.left
            (self.bids if order.side is _BUY else self.asks).remove(found)
        else:
            order, left = found[1], found[1].quantity
            self.sleepers.remove(order)
        del self.live[order.id]
        return Ended(order.id, left, ending)

    def _reduce(self, command: Reduce) -> list[Event]:
        found = self.live.get(command.id)
        if not isinstance(found, Resting):
            return [Rejected(command.id, Rejection.UNKNOWN)]
        if not 0 < command.by < found.left:
            return [Rejected(command.id, Rejection.QUANTITY)]
        found.level.reduce(found, command.by)
        return [Reduced(command.id, found.left)]

    def _expire(self, command: Expire) -> list[Event]:
        said: list[Event] = []
        while self._expiries and self._expiries[0][0] <= command.now:
            expires_at, _, id = heapq.heappop(self._expiries)
            found = self.live.get(id)
            if found is not None and _expiry(found) == expires_at:
                said.append(self._end(found, Ending.EXPIRED))
        return said

    def _mark(self, command: Mark) -> list[Event]:
        if not 0 < command.price <= WHOLE_MAX:
            return [Rejected(0, Rejection.PRICE)]
        self.mark = command.price
        return self._wake(command.price)

    def _wake(self, mark: int) -> list[Event]:
        said: list[Event] = []
        for _, order in self.sleepers.wake(mark):
            assert order.terms is not None
            del self.live[order.id]
            said.append(Woken(order.id, mark))
            said += self._work(order, order.terms)
        return said

    def depth(self, levels: int) -> tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int]]]:
        """Price and shown lots of the best levels: bids, asks."""
        return _top(self.bids, levels), _top(self.asks, levels)


def _refresh(level: Level, maker: Resting) -> Event:
    """An iceberg whose shown part is gone shows the next one, last in the queue."""
    assert maker.order.terms is not None
    assert maker.order.terms.visible is not None
    level.remove(maker)
    maker.shown = min(maker.order.terms.visible, maker.left)
    level.append(maker)
    return Refreshed(maker.order.id, maker.shown)


def _top(ladder: Ladder, levels: int) -> list[tuple[int, int]]:
    best = heapq.nsmallest(levels, ladder.levels, key=lambda price: price * ladder.sign)
    return [(price, ladder.levels[price].shown) for price in best]


def _expiry(found: Resting | Sleeper) -> int | None:
    terms = (found.order if isinstance(found, Resting) else found[1]).terms
    return None if terms is None else terms.expires_at


def _crosses(order: Place, price: int) -> bool:
    limit = order.price
    return limit is None or (price <= limit if order.side is _BUY else price >= limit)


def _contradictory(order: Place, terms: Terms) -> bool:
    """Whether the terms cannot all hold."""
    may_rest = order.price is not None and terms.time_in_force not in (_IOC, _FOK)
    sleep = terms.sleep
    return (
        (terms.expires_at is not None) != (terms.time_in_force is _GTD)
        or (not may_rest and (terms.post_only or terms.visible is not None))
        or (sleep is not None and not 0 < sleep.value <= (BPS_MAX if sleep.trigger is Trigger.TRAIL_BPS else WHOLE_MAX))
    )
