"""Circuit breaker: after too many failed or slow calls none is made for a while, then a few to see. Pure, but for time.

Source: M. Nygard, Release It!, "Circuit Breaker"; the window and the slow calls as in resilience4j.
"""

from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CallResult(StrEnum):
    """What became of a call; `GONE`: it was cut short by us, which says nothing of the other side."""

    GOOD = "good"
    SLOW = "slow"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    """Opens when, of at least `least` calls in the last `window_s`, `failed_share` failed or `slow_share` were slow.

    A call is slow from `slow_s`. Open for `open_s`, then half open: at most `trials` calls, of which one failed or slow
    opens it again and `trials` good ones close it.
    """

    window_s: float = 30.0
    least: int = 10
    failed_share: float = 0.5
    slow_share: float = 0.8
    slow_s: float = 2.0
    open_s: float = 15.0
    trials: int = 3


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to make one call; `era` tells results of an earlier state from those that count now."""

    era: int


@dataclass(slots=True)
class _Bucket:
    number: int = -1
    calls: int = 0
    failed: int = 0
    slow: int = 0


BUCKETS = 10


class Breaker:
    """One per venue and endpoint. Times are monotonic seconds, given by the caller."""

    def __init__(self, terms: BreakerTerms) -> None:
        assert terms.trials > 0
        assert terms.least > 0
        self.terms = terms
        self.opened = 0
        self._state = BreakerState.CLOSED
        self._era = 0
        self._open_until = 0.0
        self._trials_out = self._trials_good = 0
        self._buckets = [_Bucket() for _ in range(BUCKETS)]

    def state(self, now: float) -> BreakerState:
        """An open breaker whose time is over is half open, before anybody has called."""
        over = self._state is BreakerState.OPEN and now >= self._open_until
        return BreakerState.HALF_OPEN if over else self._state

    def admit(self, now: float) -> Pass | None:
        """Leave to call, or None: then nothing may be sent."""
        if self.state(now) is BreakerState.CLOSED:
            return Pass(self._era)
        if self._state is BreakerState.OPEN:
            if now < self._open_until:
                return None
            self._enter(BreakerState.HALF_OPEN)
        if self._trials_out + self._trials_good >= self.terms.trials:
            return None
        self._trials_out += 1
        return Pass(self._era)

    def settle(self, given: Pass, result: CallResult, now: float) -> None:
        """Every pass is settled once. Results of calls admitted in an earlier state change nothing."""
        if given.era != self._era:
            return
        if self._state is BreakerState.HALF_OPEN:
            self._settle_trial(result, now)
        elif result is not CallResult.GONE:
            self._count(result, now)

    def wait_s(self, now: float) -> float:
        """How long it stays open yet."""
        return max(0.0, self._open_until - now) if self._state is BreakerState.OPEN else 0.0

    def trip(self, now: float, seconds: float) -> None:
        """Open from outside, as another process has seen the venue fail; one that is open never opens for less."""
        if self._state is BreakerState.OPEN:
            self._open_until = max(self._open_until, now + seconds)
        else:
            self._open(now, seconds)

    def shares(self, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow ones in the window."""
        oldest = self._number(now) - BUCKETS
        live = [bucket for bucket in self._buckets if bucket.number > oldest]
        return sum(b.calls for b in live), sum(b.failed for b in live), sum(b.slow for b in live)

    def _settle_trial(self, result: CallResult, now: float) -> None:
        self._trials_out -= 1
        if result is CallResult.GOOD:
            self._trials_good += 1
            if self._trials_good >= self.terms.trials:
                self._enter(BreakerState.CLOSED)
        elif result is not CallResult.GONE:
            self._open(now, self.terms.open_s)

    def _count(self, result: CallResult, now: float) -> None:
        number = self._number(now)
        bucket = self._buckets[number % BUCKETS]
        if bucket.number != number:
            bucket.number, bucket.calls, bucket.failed, bucket.slow = number, 0, 0, 0
        bucket.calls += 1
        bucket.failed += result is CallResult.FAILED
        bucket.slow += result is CallResult.SLOW
        calls, failed, slow = self.shares(now)
        if calls >= self.terms.least and (
            failed >= self.terms.failed_share * calls or slow >= self.terms.slow_share * calls
        ):
            self._open(now, self.terms.open_s)

    def _open(self, now: float, seconds: float) -> None:
        self.opened += 1
        self._open_until = now + seconds
        self._enter(BreakerState.OPEN)

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._era += 1
        self._trials_out = self._trials_good = 0
        if state is BreakerState.CLOSED:
            self._buckets = [_Bucket() for _ in range(BUCKETS)]

    def _number(self, now: float) -> int:
        return int(now * BUCKETS / self.terms.window_s)
