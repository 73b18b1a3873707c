"""The line of requests that wait to be worked on: first the more urgent, among equals the first come. Pure."""

from collections import deque
from typing import Generic, TypeVar

from cambista.gateway.terms import Priority

T = TypeVar("T")


class Line(Generic[T]):
    """At most `length_max` wait; when it is full, one more urgent takes the place of the last of the least urgent."""

    def __init__(self, length_max: int) -> None:
        self._length_max = length_max
        self._waiting: tuple[deque[T], ...] = tuple(deque() for _ in Priority)

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def ahead_of(self, priority: Priority) -> int:
        """How many would go before one that joins now."""
        return sum(map(len, self._waiting[: priority + 1]))

    def join(self, priority: Priority, each: T) -> tuple[bool, T | None]:
        """Whether it may wait, and who has to go for it."""
        displaced: T | None = None
        if len(self) >= self._length_max:
            later = next((line for line in reversed(self._waiting[priority + 1 :]) if line), None)
            if later is None:
                return False, None
            displaced = later.pop()
        self._waiting[priority].append(each)
        return True, displaced

    def next(self) -> T | None:
        """Who goes next, if anybody waits."""
        line = next((line for line in self._waiting if line), None)
        return line.popleft() if line else None

    def leave(self, priority: Priority, each: T) -> None:
        """One waits no longer; gone already is fine."""
        if each in self._waiting[priority]:
            self._waiting[priority].remove(each)
