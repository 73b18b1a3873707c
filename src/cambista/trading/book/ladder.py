"""One side of a book: queues by price, the best price at hand, cancelling in constant time."""

import heapq
from collections.abc import Iterator

from cambista.trading.book.commands import Place


class Resting:
    """An order in a queue: what it wants (`left`), how much of that others see (`shown`), and its neighbours."""

    __slots__ = ("ahead", "behind", "left", "level", "order", "shown")

    level: "Level"
    ahead: "Resting | None"
    behind: "Resting | None"

    def __init__(self, order: Place, left: int, shown: int) -> None:
        self.order = order
        self.left = left
        self.shown = shown


class Level:
    """The queue at one price, first come first; `total` is all its lots, hidden ones too."""

    __slots__ = ("first", "last", "price", "shown", "total")

    def __init__(self, price: int) -> None:
        self.price = price
        self.first: Resting | None = None
        self.last: Resting | None = None
        self.total = 0
        self.shown = 0

    def append(self, resting: Resting) -> None:
        resting.level = self
        last = resting.ahead = self.last
        resting.behind = None
        if last is None:
            self.first = resting
        else:
            last.behind = resting
        self.last = resting
        self.total += resting.left
        self.shown += resting.shown

    def remove(self, resting: Resting) -> None:
        ahead, behind = resting.ahead, resting.behind
        if ahead is None:
            self.first = behind
        else:
            ahead.behind = behind
        if behind is None:
            self.last = ahead
        else:
            behind.ahead = ahead
        self.total -= resting.left
        self.shown -= resting.shown

    def take(self, resting: Resting, quantity: int) -> None:
        """Part of what an order shows was traded."""
        resting.left -= quantity
        resting.shown -= quantity
        self.total -= quantity
        self.shown -= quantity

    def reduce(self, resting: Resting, by: int) -> None:
        """The order wants less; what others do not see goes first."""
        resting.left -= by
        self.total -= by
        seen = max(0, resting.shown - resting.left)
        resting.shown -= seen
        self.shown -= seen

    def of_others(self, owner: int) -> int:
        """All lots here but the owner's."""
        return sum(resting.left for resting in self if resting.order.owner != owner)

    def __iter__(self) -> Iterator[Resting]:
        resting = self.first
        while resting is not None:
            yield resting
            resting = resting.behind


class Ladder:
    """The levels of one side. `sign` is -1 where the highest price is the best (bids), +1 where the lowest is."""

    __slots__ = ("_heap", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, Level] = {}
        # Prices that have or had a level; those without one are dropped when they come to the top.
        self._heap: list[int] = []

    def best(self) -> Level | None:
        heap, levels, sign = self._heap, self.levels, self.sign
        while heap:
            level = levels.get(heap[0] * sign)
            if level is not None:
                return level
            heapq.heappop(heap)
        return None

    def add(self, resting: Resting, price: int) -> None:
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(price)
            heapq.heappush(self._heap, price * self.sign)
        level.append(resting)

    def remove(self, resting: Resting) -> None:
        level = resting.level
        level.remove(resting)
        if level.first is None:
            del self.levels[level.price]
            if len(self._heap) > 64 and len(self._heap) > 4 * len(self.levels):
                self._rebuild()

    def _rebuild(self) -> None:
        self._heap = [price * self.sign for price in self.levels]
        heapq.heapify(self._heap)

    def __iter__(self) -> Iterator[Level]:
        """Best first."""
        for price in sorted(self.levels, key=lambda price: price * self.sign):
            yield self.levels[price]
