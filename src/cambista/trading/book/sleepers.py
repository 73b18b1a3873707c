"""All sleeping orders of a book: each under the trigger it waits for."""

from collections.abc import Iterator

from cambista.kernel.market import Side
from cambista.trading.book.commands import Place, Sleep, Trigger
from cambista.trading.book.triggers import Threshold, Trail, stop_by_bps, stop_by_ticks


class Sleepers:
    """Who sleeps, and whom a mark wakes."""

    __slots__ = ("_falling", "_rising", "_trails")

    def __init__(self) -> None:
        self._rising = Threshold(1)
        self._falling = Threshold(-1)
        self._trails = {
            (side, trigger): Trail(1 if side is Side.SELL else -1, stop)
            for side in Side
            for trigger, stop in ((Trigger.TRAIL_TICKS, stop_by_ticks), (Trigger.TRAIL_BPS, stop_by_bps))
        }

    def add(self, number: int, order: Place, best: int) -> None:
        """`best` is the best mark the order has seen: the mark of now for a new one."""
        sleep = sleep_of(order)
        place = self._place(order, sleep)
        if isinstance(place, Trail):
            place.add(number, order, sleep.value, best=best)
        else:
            place.add(number, order, sleep.value)

    def remove(self, order: Place) -> None:
        del self._place(order, sleep_of(order)).sleeping[order.id]

    def wake(self, mark: int) -> list[tuple[int, Place]]:
        """Those the mark wakes, in the order in which they came."""
        woken = [*self._rising.pop(mark), *self._falling.pop(mark)]
        for trail in self._trails.values():
            trail.follow(mark)
            woken += trail.pop(mark)
        return sorted(woken, key=lambda each: each[0])

    def __iter__(self) -> Iterator[tuple[int, int | None, Place]]:
        """Number, best mark seen (of trailing ones) and order; fit to be added again in this order."""
        for threshold in (self._rising, self._falling):
            for number, order in threshold.sleeping.values():
                yield number, None, order
        for trail in self._trails.values():
            yield from trail.bests()

    def _place(self, order: Place, sleep: Sleep) -> Threshold | Trail:
        if sleep.trigger in (Trigger.TRAIL_TICKS, Trigger.TRAIL_BPS):
            return self._trails[order.side, sleep.trigger]
        against = sleep.trigger is Trigger.STOP_LOSS
        return self._rising if against == (order.side is Side.BUY) else self._falling


def sleep_of(order: Place) -> Sleep:
    """What a sleeping order waits for."""
    assert order.terms is not None
    assert order.terms.sleep is not None
    return order.terms.sleep
