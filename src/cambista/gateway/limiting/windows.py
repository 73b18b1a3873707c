"""Sliding windows in memory: what each key has used lately, bounded, at a microsecond a charge."""

from math import ceil

from cambista.gateway.limiting.policies import Allowance, Charge


class Windows:
    """Counts by key in the running window and in the one before, which fades while the running one goes on.

    The sliding window counter of the library `limits`, so that memory and Redis agree: used is the running count plus
    the share of the previous one that still lies within a window's length. Nobody gets more than its quota in a window
    of the clock, nor twice that in any. At most `keys_max` keys are kept twice over: when more come within a window,
    the counts so far are taken as the previous window's, and what was the previous one's is forgotten.
    """

    def __init__(self, *, window_s: int, keys_max: int) -> None:
        self._window_s = window_s
        self._keys_max = keys_max
        self._number = 0
        self._running: dict[str | int, int] = {}
        self._before: dict[str | int, int] = {}

    def __len__(self) -> int:
        return len(self._running) + len(self._before)

    def count(self, charge: Charge, now: float) -> Allowance:
        """Take the charge if the quota bears it; `now` is monotonic seconds."""
        _, key, cost, quota = charge
        left = self._turn(now)
        running = self._running.get(key, 0)
        before = self._before.get(key, 0) if self._before else 0
        used = running + int(before * left / self._window_s)
        if used + cost > quota:
            wait = ceil(wait_s(before, running, room=quota - cost, left=left, window=self._window_s))
            return Allowance(charge.policy, quota, max(0, quota - used), ceil(left), max(1, wait))
        if not running and len(self._running) >= self._keys_max:
            self._before, self._running = self._running, {}
        self._running[key] = running + cost
        return Allowance(charge.policy, quota, quota - used - cost, ceil(left))

    def used_up(self, charge: Charge, now: float) -> int:
        """Seconds to wait until the charge would be borne, without taking it; 0: it would be now."""
        left = self._turn(now)
        running, before = self._running.get(charge.key, 0), self._before.get(charge.key, 0)
        room = charge.quota - charge.cost
        if running + int(before * left / self._window_s) <= room:
            return 0
        return max(1, ceil(wait_s(before, running, room=room, left=left, window=self._window_s)))

    def _turn(self, now: float) -> float:
        """Begin a new window when it is time; gives what is left of the running one."""
        number, into = divmod(now, self._window_s)
        if number != self._number:
            self._before = self._running if number == self._number + 1 else {}
            self._running, self._number = {}, int(number)
        return self._window_s - into


def wait_s(before: int, running: int, *, room: int, left: float, window: float) -> float:
    """Seconds until `floor(before · left / window) + running` will be at most `room`."""
    if room < 0:
        return 2 * window
    if running <= room:
        return left - window * (room - running + 1) / max(1, before) + 1e-3
    return left + window - window * min(1.0, (room + 1) / running) + 1e-3
