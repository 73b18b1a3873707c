"""The circuit breaker opens, half opens and closes as it says, whatever comes."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from cambista.runtime.resilience import Breaker, BreakerState, BreakerTerms, CallResult, Pass

TERMS = BreakerTerms(window_s=10, least=4, failed_share=0.5, slow_share=0.75, slow_s=1, open_s=5, trials=2)
GOOD, FAILED, SLOW, GONE = CallResult.GOOD, CallResult.FAILED, CallResult.SLOW, CallResult.GONE


def run(breaker: Breaker, now: float, *results: CallResult) -> None:
    for result in results:
        leave = breaker.admit(now)
        assert leave is not None
        breaker.settle(leave, result, now)


def opened(now: float = 0) -> Breaker:
    breaker = Breaker(TERMS)
    run(breaker, now, FAILED, FAILED, FAILED, FAILED)
    return breaker


def test_few_calls_never_open_it_however_bad() -> None:
    breaker = Breaker(TERMS)
    run(breaker, 0, FAILED, FAILED, FAILED)
    assert breaker.state(0) is BreakerState.CLOSED


def test_half_of_enough_calls_failed_opens_it_and_nothing_is_sent() -> None:
    breaker = Breaker(TERMS)
    run(breaker, 0, GOOD, GOOD, FAILED, FAILED)
    assert breaker.state(0) is BreakerState.OPEN
    assert breaker.admit(4.9) is None
    assert breaker.wait_s(2) == 3


def test_slow_calls_count_by_a_share_of_their_own() -> None:
    breaker = Breaker(TERMS)
    run(breaker, 0, SLOW, SLOW, GOOD, SLOW)
    assert breaker.state(0) is BreakerState.OPEN


def test_what_lies_before_the_window_is_forgotten() -> None:
    breaker = Breaker(TERMS)
    run(breaker, 0, FAILED, FAILED, FAILED)
    run(breaker, 12, GOOD, GOOD, GOOD, FAILED)
    assert breaker.state(12) is BreakerState.CLOSED
    assert breaker.shares(12) == (4, 1, 0)


def test_half_open_lets_its_trials_through_and_their_success_closes_it() -> None:
    breaker = opened()
    assert breaker.state(5) is BreakerState.HALF_OPEN
    first, second, third = breaker.admit(5), breaker.admit(5), breaker.admit(5)
    assert third is None
    assert first
    assert second
    breaker.settle(first, GOOD, 5)
    assert breaker.admit(5) is None
    breaker.settle(second, GOOD, 5)
    assert breaker.state(5) is BreakerState.CLOSED
    assert breaker.shares(5) == (0, 0, 0)


def test_one_bad_trial_opens_it_again() -> None:
    for bad in (FAILED, SLOW):
        breaker = opened()
        run(breaker, 5, GOOD, bad)
        assert breaker.state(9.9) is BreakerState.OPEN
        assert breaker.state(10) is BreakerState.HALF_OPEN


def test_a_trial_that_was_cut_short_gives_its_place_to_another() -> None:
    breaker = opened()
    run(breaker, 5, GONE, GONE, GONE, GOOD, GOOD)
    assert breaker.state(5) is BreakerState.CLOSED


def test_results_of_an_earlier_state_change_nothing() -> None:
    breaker = Breaker(TERMS)
    late = breaker.admit(0)
    assert late
    run(breaker, 0, FAILED, FAILED, FAILED, FAILED)
    breaker.settle(late, GOOD, 5)
    trial = breaker.admit(5)
    assert trial
    breaker.settle(late, FAILED, 5)
    assert breaker.state(5) is BreakerState.HALF_OPEN


def test_it_is_opened_from_outside_and_never_for_less() -> None:
    breaker = Breaker(TERMS)
    breaker.trip(0, 8)
    breaker.trip(0, 1)
    assert breaker.state(7.9) is BreakerState.OPEN
    assert breaker.state(8) is BreakerState.HALF_OPEN


class Watched(RuleBasedStateMachine):
    """A breaker under any calls, results and waits, beside a plain record of them."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now = Breaker(TERMS), 0.0
        self.out: list[tuple[Pass, BreakerState]] = []
        self.seen: list[CallResult] = []
        self.trials = 0
        self.before = BreakerState.CLOSED

    def _look(self) -> BreakerState:
        """The state now; the records of calls and trials begin anew with it."""
        state = self.breaker.state(self.now)
        if state is not self.before:
            self.seen, self.trials = [], 0
        self.before = state
        return state

    @rule(seconds=st.floats(0, 8))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._look()

    @rule()
    def call(self) -> None:
        state = self._look()
        leave = self.breaker.admit(self.now)
        assert (leave is None) if state is BreakerState.OPEN else True
        assert leave is not None if state is BreakerState.CLOSED else True
        if leave is not None:
            self.out.append((leave, state))
            self.trials += state is BreakerState.HALF_OPEN
        assert self.trials <= TERMS.trials

    @precondition(lambda self: self.out)
    @rule(result=st.sampled_from(list(CallResult)), newest=st.booleans())
    def settle(self, result: CallResult, newest: bool) -> None:
        state = self._look()
        leave, admitted = self.out.pop(-1 if newest else 0)
        counts = admitted is state and leave.era == self.breaker._era
        self.seen += [result] if counts and result is not GONE else []
        self.breaker.settle(leave, result, self.now)
        after = self.breaker.state(self.now)
        if not counts:
            assert after is state
        elif state is BreakerState.CLOSED and after is not state:
            assert len(self.seen) >= TERMS.least
            assert FAILED in self.seen or SLOW in self.seen
        elif state is BreakerState.HALF_OPEN:
            self.trials -= result is GONE
            should = {GONE: state, FAILED: BreakerState.OPEN, SLOW: BreakerState.OPEN}
            good = BreakerState.CLOSED if self.seen.count(GOOD) == TERMS.trials else state
            assert after is should.get(result, good)
        self._look()


TestWatched = Watched.TestCase
