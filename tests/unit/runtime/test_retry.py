"""Retries never outlast their deadline, repeat only what may be repeated, and pause as they say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.errors import Invalid, Limited, Unavailable
from cambista.runtime.resilience import Chances, RetryTerms, retrying, within
from cambista.runtime.resilience.retry import pause_s
from tests.unit.runtime.clocks import LeapingClock


def chances(seed: int = 1) -> tuple[LeapingClock, Chances]:
    clock = LeapingClock()
    return clock, Chances(clock, random.Random(seed))


class Venue:
    """Answers as told, each after so many seconds."""

    def __init__(self, clock: LeapingClock, *told: tuple[float, Exception | str]) -> None:
        self.clock, self.told, self.calls = clock, list(told), 0

    async def ask(self) -> str:
        self.calls += 1
        seconds, answer = self.told.pop(0) if self.told else (0.0, "late")
        await self.clock.sleep(seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def within(self, seconds: float) -> str:
        return await within(self.clock, seconds, self.ask())


async def test_a_failure_is_mended_by_another_attempt() -> None:
    clock, dice = chances()
    venue = Venue(clock, (0.1, Unavailable()), (0.1, "4000"))
    assert await retrying(dice, RetryTerms(), venue.within, lambda _: True) == "4000"


async def test_what_is_not_worth_repeating_is_raised_at_once() -> None:
    clock, dice = chances()
    venue = Venue(clock, (0, Invalid()))
    with pytest.raises(Invalid):
        await retrying(dice, RetryTerms(), venue.within, lambda error: not isinstance(error, Invalid))
    assert venue.calls == 1


async def test_the_last_failure_is_raised_when_attempts_are_over() -> None:
    clock, dice = chances()
    venue = Venue(clock, *[(0.0, Unavailable(str(n))) for n in range(5)])
    with pytest.raises(Unavailable, match="2"):
        await retrying(dice, RetryTerms(attempts=3), venue.within, lambda _: True)


async def test_a_wish_to_be_left_alone_is_kept_or_the_call_ends() -> None:
    clock, dice = chances()
    venue = Venue(clock, (0, Limited(retry_after_s=3)), (0, "4000"))
    assert await retrying(dice, RetryTerms(total_s=5), venue.within, lambda _: True) == "4000"
    assert clock.monotonic() >= 3
    venue = Venue(clock, (0, Limited(retry_after_s=30)), (0, "4000"))
    with pytest.raises(Limited):
        await retrying(dice, RetryTerms(total_s=5), venue.within, lambda _: True)
    assert venue.calls == 1


@given(
    terms=st.builds(
        RetryTerms,
        attempts=st.integers(1, 8),
        total_s=st.floats(0.1, 20),
        each_s=st.floats(0.05, 10),
        pause_s=st.floats(0.01, 5),
        pause_max_s=st.floats(0.01, 10),
    ),
    told=st.lists(st.tuples(st.floats(0, 15), st.booleans()), max_size=10),
    seed=st.integers(0, 9),
)
async def test_it_never_outlasts_its_deadline_nor_its_attempts(
    terms: RetryTerms, told: list[tuple[float, bool]], seed: int
) -> None:
    clock, dice = chances(seed)
    venue = Venue(clock, *[(seconds, "yes" if good else Unavailable()) for seconds, good in told])
    try:
        await retrying(dice, terms, venue.within, lambda _: True)
    except Unavailable:
        assert venue.calls > 0
    assert clock.monotonic() <= terms.total_s + 1e-6
    assert venue.calls <= terms.attempts


@given(attempt=st.integers(0, 2000), chance=st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_stay_within_their_bound(attempt: int, chance: float) -> None:
    terms = RetryTerms(pause_s=0.5, pause_max_s=8)
    pause = pause_s(terms, attempt, chance)
    assert 0 <= pause <= min(8, 0.5 * 2 ** min(attempt, 10))
