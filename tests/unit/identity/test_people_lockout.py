"""Waits after wrong passwords: they grow, end, and are never somebody else's to impose."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.identity.rules import lockout
from cambista.identity.rules.lockout import ACCOUNT, ADDRESS, LETTERS, Failures, Guard

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
NOTHING = timedelta(0)
BLIND = b"\x01" * 32
DEVICE = UUID(int=7)

guards = st.sampled_from([ACCOUNT, ADDRESS, LETTERS])
moments = st.integers(-10_000_000, 10_000_000).map(lambda seconds: NOW + timedelta(seconds=seconds))
seen = st.builds(Failures, st.integers(0, 10_000), moments)


def after(failures: int, guard: Guard = ACCOUNT) -> Failures:
    """A counter after so many failures at once."""
    found: Failures | None = None
    for _ in range(failures):
        found = lockout.charged(found, guard, NOW)
    assert found is not None
    return found


@given(seen, guards, moments)
def test_no_wait_is_longer_than_the_longest(seen: Failures, guard: Guard, now: datetime) -> None:
    assert NOTHING <= lockout.wait(seen, guard, now) <= guard.wait_max


@given(st.integers(0, 100), guards)
def test_one_failure_more_never_waits_less(count: int, guard: Guard) -> None:
    less = lockout.wait(Failures(count, NOW), guard, NOW)
    assert lockout.wait(Failures(count + 1, NOW), guard, NOW) >= less


@given(seen, guards, st.integers(0, 10_000_000), st.integers(0, 10_000_000))
def test_waiting_only_helps(seen: Failures, guard: Guard, since: int, seconds: int) -> None:
    now = seen.last_at + timedelta(seconds=since)
    later = now + timedelta(seconds=seconds)
    assert lockout.wait(seen, guard, later) <= lockout.wait(seen, guard, now)
    assert lockout.remembered(seen, guard, later) <= lockout.remembered(seen, guard, now)


@given(seen, guards, st.integers(0, 10_000_000_000))
def test_whoever_waits_as_long_as_told_may_try(seen: Failures, guard: Guard, since_us: int) -> None:
    now = seen.last_at + timedelta(microseconds=since_us)
    told = lockout.wait_s([lockout.wait(seen, guard, now)])
    assert lockout.wait(seen, guard, now + timedelta(seconds=told)) == NOTHING


@given(seen, guards, moments)
def test_nobody_waits_for_a_clock_that_was_set_back_to_catch_up(seen: Failures, guard: Guard, now: datetime) -> None:
    once = now + lockout.wait(seen, guard, now)
    twice = once + lockout.wait(seen, guard, once)
    assert lockout.wait(seen, guard, twice) == NOTHING


@given(seen, guards)
def test_a_right_attempt_leaves_no_more_failures_than_there_were(seen: Failures, guard: Guard) -> None:
    now = seen.last_at
    charged = lockout.charged(seen, guard, now)
    assert charged.count == seen.count + 1
    assert lockout.refunded(charged).count == seen.count


@given(guards)
def test_a_counter_at_rest_forgets_everything(guard: Guard) -> None:
    busy = after(guard.free + 30, guard)
    assert lockout.wait(busy, guard, NOW) == guard.wait_max
    assert lockout.remembered(busy, guard, NOW + guard.forget * busy.count) == 0


def test_the_first_attempts_are_free_then_the_wait_doubles() -> None:
    waits = [lockout.wait(after(failures), ACCOUNT, NOW).total_seconds() for failures in range(1, 16)]
    assert waits == [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_who_guesses_for_a_day_makes_few_guesses() -> None:
    """An attacker who tries whenever it is allowed, against one account, from wherever he likes."""
    now, counter, guesses = NOW, None, 0
    while now < NOW + timedelta(days=1):
        now += lockout.wait(counter, ACCOUNT, now)
        counter, guesses = lockout.charged(counter, ACCOUNT, now), guesses + 1
    assert guesses < 120


def test_a_known_device_is_counted_alone_and_no_strangers_attempts_hold_it_up() -> None:
    own = lockout.counters_of(BLIND, "203.0.113.7", DEVICE)
    strange = lockout.counters_of(BLIND, "203.0.113.7", None)
    assert len(own) == 1
    assert len(strange) == 2
    assert not own.keys() & strange.keys()


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
    ],
)
def test_a_subscriber_of_ipv6_counts_as_one_whatever_address_it_takes(first: str, second: str, *, same: bool) -> None:
    counters = [lockout.counters_of(bytes([n]) * 32, each, None) for n, each in enumerate((first, second))]
    assert bool(counters[0].keys() & counters[1].keys()) is same


def test_the_counter_of_an_account_names_nobody_and_fits_its_column() -> None:
    for name in (
        *lockout.counters_of(BLIND, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", None),
        *lockout.counters_of(BLIND, "", DEVICE),
        *lockout.letter_counters("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"),
        *lockout.change_counters(DEVICE),
    ):
        assert "@" not in name
        assert len(name) <= 100


def test_wishes_for_letters_are_not_counted_by_mailbox() -> None:
    """Otherwise whoever knows an address could keep its owner from ever setting a new password."""
    assert all("address" in name for name in lockout.letter_counters("203.0.113.7"))
