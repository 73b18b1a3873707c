"""The same book, slow and obvious: lists sorted anew for each command. What the fast one is held against."""

from dataclasses import dataclass, replace

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

WHOLE_MAX = 10**15


@dataclass
class Entry:
    """One order in the book; `place` is its turn in the queue or in the order of waking."""

    order: Place
    left: int
    shown: int
    place: int
    asleep: bool
    best: int = 0

    @property
    def terms(self) -> Terms:
        return self.order.terms or Terms()


class ObviousBook:
    """Does what the fast book does, by looking at everything each time."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.mark: int | None = None
        self.turn = 0

    def apply(self, command: Command) -> list[Event]:
        if isinstance(command, Place):
            return self.place(command)
        if isinstance(command, Cancel):
            found = self.entries.pop(command.id, None)
            if found is None:
                return [Rejected(command.id, Rejection.UNKNOWN)]
            return [Ended(command.id, found.left, Ending.ASKED)]
        if isinstance(command, Reduce):
            return self.reduce(command)
        if isinstance(command, Expire):
            return self.expire(command)
        return self.set_mark(command)

    def place(self, order: Place) -> list[Event]:
        terms = order.terms or Terms()
        wrong = self.wrong(order, terms)
        if wrong is not None:
            return [Rejected(order.id, wrong)]
        if terms.sleep is None:
            return self.work(order)
        assert self.mark is not None
        self.turn += 1
        self.entries[order.id] = Entry(order, order.quantity, 0, self.turn, True, self.mark)
        return [Asleep(order.id), *self.wake()]

    def wrong(self, order: Place, terms: Terms) -> Rejection | None:
        """The first of these that is true."""
        rests = order.price is not None and terms.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
        no_rest = not rests and (terms.post_only or terms.visible is not None)
        untimed = (terms.time_in_force is TimeInForce.GTD) is (terms.expires_at is None)
        checks = (
            (Rejection.DUPLICATE, order.id in self.entries),
            (Rejection.QUANTITY, not 1 <= order.quantity <= WHOLE_MAX),
            (Rejection.PRICE, order.price is not None and not 1 <= order.price <= WHOLE_MAX),
            (Rejection.QUANTITY, terms.visible is not None and not 1 <= terms.visible <= order.quantity),
            (Rejection.TERMS, untimed or no_rest or not self.sleep_makes_sense(terms)),
            (Rejection.NO_MARK, terms.sleep is not None and self.mark is None),
            (Rejection.WOULD_TAKE, terms.sleep is None and terms.post_only and bool(self.next_maker(order))),
        )
        return next((reason for reason, true in checks if true), None)

    def sleep_makes_sense(self, terms: Terms) -> bool:
        if terms.sleep is None:
            return True
        return 1 <= terms.sleep.value <= (9_999 if terms.sleep.trigger is Trigger.TRAIL_BPS else WHOLE_MAX)

    def next_maker(self, taker: Place) -> Entry | None:
        """Who is first in line on the other side at a price the taker accepts."""
        awake = [each for each in self.entries.values() if not each.asleep and each.order.side is not taker.side]
        sign = 1 if taker.side is Side.BUY else -1
        awake.sort(key=lambda each: ((each.order.price or 0) * sign, each.place))
        if not awake:
            return None
        price = awake[0].order.price or 0
        if taker.price is not None and price * sign > taker.price * sign:
            return None
        return awake[0]

    def work(self, order: Place) -> list[Event]:
        terms = order.terms or Terms()
        if terms.time_in_force is TimeInForce.FOK and not self.would_fill(order):
            return [Ended(order.id, order.quantity, Ending.NOT_FILLABLE)]
        if terms.post_only and self.next_maker(order):
            return [Ended(order.id, order.quantity, Ending.WOULD_TAKE)]
        said: list[Event] = []
        left, ending = self.match(order, terms, said)
        if left == 0:
            return said
        if ending is None and order.price is None:
            ending = Ending.NO_LIQUIDITY
        if ending is None and terms.time_in_force is TimeInForce.IOC:
            ending = Ending.IMMEDIATE
        if ending is not None:
            return [*said, Ended(order.id, left, ending)]
        self.turn += 1
        self.entries[order.id] = Entry(order, left, min(terms.visible or left, left), self.turn, False)
        return [*said, Rested(order.id, left)]

    def match(self, taker: Place, terms: Terms, said: list[Event]) -> tuple[int, Ending | None]:
        left = taker.quantity
        while left and (maker := self.next_maker(taker)) is not None:
            if maker.order.owner == taker.owner:
                if terms.self_trade in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
                    del self.entries[maker.order.id]
                    said.append(Ended(maker.order.id, maker.left, Ending.SELF_TRADE))
                if terms.self_trade in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
                    return left, Ending.SELF_TRADE
                continue
            quantity = min(left, maker.shown)
            left -= quantity
            maker.left -= quantity
            maker.shown -= quantity
            said.append(Traded(maker.order.id, taker.id, maker.order.price or 0, quantity, maker.left, left))
            if maker.left == 0:
                del self.entries[maker.order.id]
            elif maker.shown == 0:
                self.turn += 1
                maker.place, maker.shown = self.turn, min(maker.terms.visible or 0, maker.left)
                said.append(Refreshed(maker.order.id, maker.shown))
        return left, None

    def would_fill(self, order: Place) -> bool:
        """Try it on a copy."""
        trial = ObviousBook()
        trial.entries = {id: replace(each) for id, each in self.entries.items()}
        trial.turn = self.turn
        left, _ = trial.match(order, order.terms or Terms(), [])
        return left == 0

    def reduce(self, command: Reduce) -> list[Event]:
        found = self.entries.get(command.id)
        if found is None or found.asleep:
            return [Rejected(command.id, Rejection.UNKNOWN)]
        if not 1 <= command.by < found.left:
            return [Rejected(command.id, Rejection.QUANTITY)]
        found.left -= command.by
        found.shown = min(found.shown, found.left)
        return [Reduced(command.id, found.left)]

    def expire(self, command: Expire) -> list[Event]:
        over = [each for each in self.entries.values() if (each.terms.expires_at or command.now + 1) <= command.now]
        for each in over:
            del self.entries[each.order.id]
        return [Ended(each.order.id, each.left, Ending.EXPIRED) for each in over]

    def set_mark(self, command: Mark) -> list[Event]:
        if not 1 <= command.price <= WHOLE_MAX:
            return [Rejected(0, Rejection.PRICE)]
        self.mark = command.price
        return self.wake()

    def wake(self) -> list[Event]:
        said: list[Event] = []
        sleepers = sorted((each for each in self.entries.values() if each.asleep), key=lambda each: each.place)
        woken = [each for each in sleepers if self.follow_and_reached(each)]
        for each in woken:
            del self.entries[each.order.id]
            said += [Woken(each.order.id, self.mark or 0), *self.work(each.order)]
        return said

    def follow_and_reached(self, entry: Entry) -> bool:
        assert self.mark is not None
        sleep = entry.terms.sleep
        assert sleep is not None
        sells = entry.order.side is Side.SELL
        entry.best = max(entry.best, self.mark) if sells else min(entry.best, self.mark)
        if sleep.trigger is Trigger.STOP_LOSS:
            return self.mark <= sleep.value if sells else self.mark >= sleep.value
        if sleep.trigger is Trigger.TAKE_PROFIT:
            return self.mark >= sleep.value if sells else self.mark <= sleep.value
        trail = sleep.value if sleep.trigger is Trigger.TRAIL_TICKS else None
        if sells:
            return self.mark <= (entry.best - trail if trail else entry.best * (10_000 - sleep.value) // 10_000)
        return self.mark >= (entry.best + trail if trail else -(-entry.best * (10_000 + sleep.value) // 10_000))
