"""Guessers of keys are slowed down, by address; their neighbours are not."""

import pytest

from cambista.gateway.errors import TooManyRequests
from cambista.gateway.limiting.guesses import KNOWN_FOR_S, Guesses
from tests.databases import ManualClock


def guesses(clock: ManualClock, keys_max: int = 1000) -> Guesses:
    return Guesses(clock.monotonic, per_minute=3, keys_max=keys_max)


def guess(made: Guesses, address: str = "10.0.0.1", times: int = 3) -> None:
    for number in range(times):
        made.admit(address, b"guess %d" % number)
        made.note_failure(address, b"guess %d" % number)


def test_after_so_many_failures_no_key_from_there_is_tried() -> None:
    clock = ManualClock()
    made = guesses(clock)
    guess(made)
    with pytest.raises(TooManyRequests) as refused:
        made.admit("10.0.0.1", b"another")
    wait_s = refused.value.facts["retry_after_s"]
    assert isinstance(wait_s, int)
    made.admit("10.0.0.2", b"another")
    clock.advance(wait_s)
    made.admit("10.0.0.1", b"another")


def test_a_key_that_opened_something_lately_is_tried_all_the_same() -> None:
    clock = ManualClock()
    made = guesses(clock)
    made.note_success(b"good")
    guess(made)
    made.admit("10.0.0.1", b"good")
    made.note_failure("10.0.0.1", b"good")
    with pytest.raises(TooManyRequests):
        made.admit("10.0.0.1", b"good")


def test_a_key_not_seen_for_an_hour_is_no_longer_known() -> None:
    clock = ManualClock()
    made = guesses(clock)
    made.note_success(b"good")
    for number in range(2):
        clock.advance(KNOWN_FOR_S + 1)
        made.note_success(b"other %d" % number)
    guess(made)
    with pytest.raises(TooManyRequests):
        made.admit("10.0.0.1", b"good")


def test_an_ipv6_guesser_does_not_get_away_with_another_address_of_its_network() -> None:
    made = guesses(ManualClock())
    for number in range(3):
        made.note_failure(f"2001:db8:1:2::{number}", b"guess")
    with pytest.raises(TooManyRequests):
        made.admit("2001:db8:1:2:ffff::1", b"another")
    made.admit("2001:db8:1:3::1", b"another")
