"""Orders asleep: which of them a new mark wakes, in time that does not grow with how many sleep on."""

import heapq
from collections.abc import Callable, Iterator

from cambista.trading.book.commands import Place


class Threshold:
    """Orders that wake at a price: `sign` +1 once the mark is at or above it, -1 at or below."""

    __slots__ = ("_heap", "_sign", "sleeping")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._heap: list[tuple[int, int, int]] = []
        self.sleeping: dict[int, tuple[int, Place]] = {}

    def add(self, number: int, order: Place, value: int) -> None:
        self.sleeping[order.id] = number, order
        heapq.heappush(self._heap, (value * self._sign, number, order.id))

    def pop(self, mark: int) -> Iterator[tuple[int, Place]]:
        heap, sleeping, reached = self._heap, self.sleeping, mark * self._sign
        while heap and (heap[0][0] <= reached or heap[0][2] not in sleeping):
            _, number, id = heapq.heappop(heap)
            found = sleeping.get(id)
            if found is not None and found[0] == number:
                del sleeping[id]
                yield found


def stop_by_ticks(best: int, trail: int) -> int:
    return best - trail


def stop_by_bps(best: int, trail: int) -> int:
    """Rounded away from the mark: a trail is never shorter than asked."""
    return (best * 10_000 - abs(best) * trail) // 10_000


class _Followers:
    """Trailing orders that share the best mark seen: a heap by trail, the shortest first."""

    __slots__ = ("best", "heap", "told")

    def __init__(self, best: int) -> None:
        self.best = best
        self.heap: list[tuple[int, int, int]] = []
        # The stop under which the group stands among the nearest.
        self.told: int | None = None


class Trail:
    """Orders that wake once the mark has turned back from its best by their trail.

    Marks are signed: as they are where a high mark is good (sells), negated where a low one is (buys). Those that have
    seen the same best mark are one group: a new best moves a group whole (the smaller into the larger), and of each
    group only the shortest trail is looked at.
    """

    __slots__ = ("_by_best", "_nearest", "_sign", "_stack", "_stop", "sleeping")

    def __init__(self, sign: int, stop: Callable[[int, int], int]) -> None:
        self._sign = sign
        self._stop = stop
        # Groups, the worst best last; by their best; and the stop of each, the nearest first.
        self._stack: list[_Followers] = []
        self._by_best: dict[int, _Followers] = {}
        self._nearest: list[tuple[int, int]] = []
        self.sleeping: dict[int, tuple[int, Place]] = {}

    def add(self, number: int, order: Place, trail: int, *, best: int) -> None:
        """An order that has seen `best`; no group may have a worse one, so a restored book adds the best first."""
        signed = best * self._sign
        assert not self._stack or self._stack[-1].best >= signed
        group = self._by_best.get(signed)
        if group is None:
            group = self._by_best[signed] = _Followers(signed)
            self._stack.append(group)
        self.sleeping[order.id] = number, order
        heapq.heappush(group.heap, (trail, number, order.id))
        self._tell(group)

    def follow(self, mark: int) -> None:
        """A new mark: every group whose best is not better moves there."""
        signed, stack = mark * self._sign, self._stack
        if not stack or stack[-1].best >= signed:
            return
        heap: list[tuple[int, int, int]] = []
        while stack and stack[-1].best <= signed:
            group = stack.pop()
            del self._by_best[group.best]
            heap = _merged(heap, group.heap)
        moved = self._by_best[signed] = _Followers(signed)
        moved.heap = heap
        stack.append(moved)
        self._tell(moved)

    def pop(self, mark: int) -> Iterator[tuple[int, Place]]:
        """Those whose stop the mark has reached."""
        signed, nearest = mark * self._sign, self._nearest
        while nearest and -nearest[0][0] >= signed:
            negated, best = heapq.heappop(nearest)
            group = self._by_best.get(best)
            if group is None or group.told != -negated:
                continue
            group.told = None
            yield from self._pop_reached(group, signed)
            self._tell(group)

    def bests(self) -> Iterator[tuple[int, int, Place]]:
        """Number, best mark and order of each that sleeps, the best mark first."""
        for group in self._stack:
            for _, number, id in sorted(group.heap, key=lambda entry: entry[1]):
                if self._sleeps(number, id):
                    yield number, group.best * self._sign, self.sleeping[id][1]

    def _pop_reached(self, group: _Followers, signed: int) -> Iterator[tuple[int, Place]]:
        heap = group.heap
        while heap:
            trail, number, id = heap[0]
            if not self._sleeps(number, id):
                heapq.heappop(heap)
            elif self._stop(group.best, trail) >= signed:
                heapq.heappop(heap)
                yield self.sleeping.pop(id)
            else:
                return

    def _tell(self, group: _Followers) -> None:
        if group.heap:
            stop = self._stop(group.best, group.heap[0][0])
            if group.told is None or stop > group.told:
                group.told = stop
                heapq.heappush(self._nearest, (-stop, group.best))

    def _sleeps(self, number: int, id: int) -> bool:
        found = self.sleeping.get(id)
        return found is not None and found[0] == number


def _merged(one: list[tuple[int, int, int]], other: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    small, large = (one, other) if len(one) < len(other) else (other, one)
    for entry in small:
        heapq.heappush(large, entry)
    return large
