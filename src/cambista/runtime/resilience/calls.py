"""One entry to every call outside: a place, leave of the breaker, a deadline, another try, a hedge, and the count."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TypeVar

import structlog

from cambista.kernel.errors import Limited, Refusal, Unavailable
from cambista.runtime.clock import Clock
from cambista.runtime.resilience.breaker import Breaker, BreakerState, BreakerTerms, CallResult
from cambista.runtime.resilience.bulkhead import Bulkhead
from cambista.runtime.resilience.deadlines import DeadlinePassed, NotSent, within
from cambista.runtime.resilience.hedged import Latencies, hedged
from cambista.runtime.resilience.metrics import OutsideMetrics
from cambista.runtime.resilience.retry import Chances, RetryTerms, retrying
from cambista.runtime.resilience.shared import SharedBreakers

T = TypeVar("T")
OUTSIDES_MAX = 256
SHARED_EVERY_S = 1.0
_log = structlog.get_logger(__name__)


class CircuitOpen(NotSent):
    code = "circuit_open"
    sentence = "The other side has failed too often lately and is left alone for a moment."


@dataclass(frozen=True, slots=True)
class Terms:
    """How one endpoint outside is called. `retry.total_s` bounds everything, waiting for a place included."""

    retry: RetryTerms = field(default_factory=RetryTerms)
    breaker: BreakerTerms = field(default_factory=BreakerTerms)
    at_once: int = 16
    waiting_max: int = 64


@dataclass(frozen=True, slots=True)
class OutsideView:
    """How one endpoint stands, for the console: breaker, calls in its window, and who is inside and waiting."""

    venue: str
    endpoint: str
    state: BreakerState
    opens_again_in_s: float
    calls: int
    failed: int
    slow: int
    opened: int
    inside: int
    waiting: int


class Outside:
    """One endpoint of one venue. Made by `Resilience.outside`."""

    def __init__(self, venue: str, endpoint: str, terms: Terms, around: "Resilience") -> None:
        self.venue, self.endpoint, self.terms = venue, endpoint, terms
        self._around = around
        self.breaker = Breaker(terms.breaker)
        self._bulkhead = Bulkhead(around.clock, most=terms.at_once, waiting_max=terms.waiting_max)
        self._latencies = Latencies()

    @property
    def name(self) -> str:
        return f"{self.venue}/{self.endpoint}"

    async def call(self, work: Callable[[], Awaitable[T]], *, repeatable: bool = False, hedge: bool = False) -> T:
        """What `work()` gives.

        Tried again only if `repeatable`; hedged only if that too. Refuses `bulkhead_full` and `circuit_open` (both
        `NotSent`: nothing was done), `deadline_passed` (it may have been done), and raises what `work` raises.
        """
        assert repeatable or not hedge, "a hedge is a repeat"
        clock, terms = self._around.clock, self.terms.retry
        started = clock.monotonic()
        try:
            async with self._bulkhead.place(terms.total_s):
                left = terms.total_s - (clock.monotonic() - started)
                bounded = RetryTerms(
                    terms.attempts if repeatable else 1, left, terms.each_s, terms.pause_s, terms.pause_max_s
                )
                attempt = partial(self._attempt, partial(self._hedged, work) if hedge else work)
                return await retrying(self._around.chances, bounded, attempt, _worth_repeating)
        except NotSent:
            self._count("not_sent")
            raise

    async def _hedged(self, work: Callable[[], Awaitable[T]]) -> T:
        delay = self._latencies.p95()
        return await (work() if delay is None else hedged(self._around.clock, delay, work))

    async def _attempt(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        clock, breaker = self._around.clock, self.breaker
        started = clock.monotonic()
        leave = breaker.admit(started)
        if leave is None:
            raise CircuitOpen(retry_after_s=breaker.wait_s(started))
        result, outcome = CallResult.GONE, "cut"
        try:
            answer = await within(clock, seconds, work())
            result, outcome = self._weighed(clock.monotonic() - started), "answered"
            return answer
        except NotSent:
            outcome = "not_sent"
            raise
        except DeadlinePassed:
            result, outcome = CallResult.FAILED, "timed_out"
            raise
        except Exception as error:
            failed = is_failure(error)
            result, outcome = (CallResult.FAILED, "failed") if failed else (CallResult.GOOD, "refused")
            raise
        finally:
            now = clock.monotonic()
            self._settle(partial(breaker.settle, leave, result), now)
            if outcome == "answered":
                self._latencies.add(now - started)
            self._count(outcome, now - started)

    def _weighed(self, seconds: float) -> CallResult:
        return CallResult.SLOW if seconds >= self.terms.breaker.slow_s else CallResult.GOOD

    def _settle(self, settle: Callable[[float], None], now: float) -> None:
        opened = self.breaker.opened
        settle(now)
        if self.breaker.opened > opened:
            _log.warning("circuit_opened", venue=self.venue, endpoint=self.endpoint)
            self._around.opened(self)

    def _count(self, outcome: str, seconds: float | None = None) -> None:
        if (metrics := self._around.metrics) is not None:
            metrics.count(self.venue, self.endpoint, outcome, seconds)
            metrics.show(self.venue, self.endpoint, self.breaker.state(self._around.clock.monotonic()))

    def view(self) -> OutsideView:
        now, breaker = self._around.clock.monotonic(), self.breaker
        calls, failed, slow = breaker.shares(now)
        return OutsideView(
            self.venue, self.endpoint, breaker.state(now), breaker.wait_s(now), calls, failed, slow, breaker.opened,
            self._bulkhead.inside, self._bulkhead.waiting,
        )  # fmt: skip


class Resilience:
    """All endpoints outside that this process calls, and how they stand. `metrics` and `shared` are optional."""

    def __init__(
        self, clock: Clock, rng: Random, *, metrics: OutsideMetrics | None = None, shared: SharedBreakers | None = None
    ) -> None:
        self.clock, self.metrics = clock, metrics
        self.chances = Chances(clock, rng)
        self._shared = shared
        self._outsides: dict[str, Outside] = {}
        self._to_tell: set[str] = set()

    def outside(self, venue: str, endpoint: str, terms: Terms | None = None) -> Outside:
        """The endpoint of that name, the same for whoever asks; both names are the code's own, never a caller's."""
        name = f"{venue}/{endpoint}"
        if name not in self._outsides:
            assert len(self._outsides) < OUTSIDES_MAX, "endpoints are named by the code, not by what it is given"
            self._outsides[name] = Outside(venue, endpoint, terms or Terms(), self)
        return self._outsides[name]

    def opened(self, outside: Outside) -> None:
        self._to_tell.add(outside.name)

    def views(self) -> list[OutsideView]:
        """How every endpoint stands, by name."""
        return [self._outsides[name].view() for name in sorted(self._outsides)]

    async def keep_shared(self) -> None:
        """Share every second for as long as the house runs; without Redis there is nothing to do."""
        if self._shared is None:
            return
        try:
            while True:
                await self.share()
                await self.clock.sleep(SHARED_EVERY_S)
        finally:
            await self._shared.close()

    async def share(self) -> None:
        """Tell other processes which breakers have opened here, and open those that have opened there."""
        if self._shared is None:
            return
        now = self.clock.monotonic()
        try:
            for name in sorted(self._to_tell):
                await self._shared.tell(name, self._outsides[name].breaker.wait_s(now))
                self._to_tell.discard(name)
            for name, seconds in (await self._shared.look(sorted(self._outsides))).items():
                if self._outsides[name].breaker.state(now) is BreakerState.CLOSED:
                    self._outsides[name].breaker.trip(now, seconds)
        except self._shared.failures as error:
            _log.warning("breakers_not_shared", error=repr(error))


def is_failure(error: Exception) -> bool:
    """Whether it speaks against the other side's health. A no with reasons comes from one that is well."""
    return not isinstance(error, Refusal) or isinstance(error, Unavailable | Limited)


def _worth_repeating(error: Exception) -> bool:
    return not isinstance(error, CircuitOpen) and is_failure(error)
