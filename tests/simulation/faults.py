"""What goes wrong, and when: a plan of faults at the borders of the house's transactions."""

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Crash(BaseException):
    """The house's process has died here; everything it held in memory is gone."""


class Stumble(Exception):
    """The transaction failed for a reason nobody foresaw (a deadlock, a full disk); nothing of it was kept."""


class Fault(StrEnum):
    """What may happen at a transaction's border."""

    CRASH_BEFORE_COMMIT = "crash_before_commit"
    CRASH_AFTER_COMMIT = "crash_after_commit"
    STUMBLE = "stumble"
    ANSWER_LOST = "answer_lost"


POINT_OF = {
    Fault.CRASH_BEFORE_COMMIT: "before_commit",
    Fault.CRASH_AFTER_COMMIT: "after_commit",
    Fault.STUMBLE: "before_commit",
    Fault.ANSWER_LOST: "after_commit",
}
IN_A_ROW_MAX = 3


@dataclass
class FaultPlan:
    """Decides at each border whether something breaks.

    By chance (`rng`, with `rate`), or one `Fault` at exactly the `at`-th transaction since `arm`, or (`at` 0) at every
    second one: then each request fails once. Chance strikes at most three times in a row, so that a client that keeps
    trying gets through.
    """

    rng: random.Random | None = None
    rate: float = 0.0
    fault: Fault | None = None
    at: int = 0
    armed: bool = False
    transactions: int = 0
    struck: Counter[Fault] = field(default_factory=Counter)
    crashed: bool = False
    _in_a_row: int = 0

    def arm(self) -> None:
        """From here on transactions are counted and may fail."""
        self.armed, self.transactions = True, 0

    def disarm(self) -> None:
        self.armed = False

    def __call__(self, point: str) -> None:
        if self.crashed:
            raise Crash(point)  # a dead process does nothing more
        if not self.armed:
            return
        if point == "before_commit":
            self.transactions += 1
        fault = self._choose(point)
        if fault is None:
            if point == "after_commit":
                self._in_a_row = 0
            return
        self._in_a_row += 1
        self.struck[fault] += 1
        self._strike(fault, point)

    def recovered(self) -> None:
        """A new process stands; it may fail again."""
        self.crashed = False

    def _choose(self, point: str) -> Fault | None:
        if self.fault is not None:
            hit = self.transactions == self.at if self.at else self.transactions % 2 == 1
            return self.fault if hit and POINT_OF[self.fault] == point else None
        if self.rng is None or self._in_a_row >= IN_A_ROW_MAX or self.rng.random() >= self.rate:
            return None
        return self.rng.choice([fault for fault, where in POINT_OF.items() if where == point])

    def _strike(self, fault: Fault, point: str) -> None:
        if fault is Fault.STUMBLE:
            raise Stumble(f"simulated at transaction {self.transactions}")
        if fault is Fault.ANSWER_LOST:
            raise ConnectionResetError("simulated: the commit's answer did not come back")
        self.crashed = True
        raise Crash(point)
