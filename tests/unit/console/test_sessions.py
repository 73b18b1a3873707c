"""Who is signed in, and who has knocked too often."""

from itertools import count
from uuid import UUID

import pytest

from cambista.console.sessions import (
    ADDRESSES_MAX,
    FAILURES_MAX,
    LIFE_S,
    LOCK_S,
    SESSIONS_MAX,
    WINDOW_S,
    Attempts,
    Sessions,
)
from cambista.console.texts import Language
from cambista.kernel.callers import Caller, Role
from tests.databases import ManualClock


def caller(number: int = 1) -> Caller:
    return Caller(UUID(int=number), Role.OPERATOR, UUID(int=100 + number))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sessions(clock: ManualClock) -> Sessions:
    numbers = count()
    return Sessions(clock, "secret", token=lambda: f"token-{next(numbers)}")


def test_a_token_finds_its_session_and_no_other_does(sessions: Sessions) -> None:
    token = sessions.open(caller(), Language.EN)
    found = sessions.find(token)
    assert found is not None
    assert found.caller == caller()
    assert sessions.find(token + "x") is None
    assert sessions.find("") is None
    assert sessions.find(None) is None


def test_tokens_are_long_and_never_the_same(clock: ManualClock) -> None:
    sessions = Sessions(clock, "secret")
    tokens = {sessions.open(caller(), Language.ES) for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 43


def test_a_session_lasts_twelve_hours_however_busy(sessions: Sessions, clock: ManualClock) -> None:
    token = sessions.open(caller(), Language.ES)
    clock.advance(LIFE_S)
    session = sessions.find(token)
    assert session is not None
    clock.advance(1)
    assert sessions.find(token) is None
    assert session.ended


def test_sessions_nobody_asks_for_end_too(sessions: Sessions, clock: ManualClock) -> None:
    sessions.open(caller(), Language.ES)
    clock.advance(LIFE_S + 1)
    sessions.open(caller(2), Language.ES)
    sessions.end_old()
    assert len(sessions) == 1


def test_an_ended_session_is_gone_and_ending_it_again_is_harmless(sessions: Sessions) -> None:
    token, other = sessions.open(caller(), Language.ES), sessions.open(caller(), Language.ES)
    session = sessions.find(token)
    assert session is not None
    sessions.end([session])
    sessions.end([session])
    assert sessions.find(token) is None
    assert sessions.find(other) is not None


def test_a_keys_sessions_are_found_by_the_key(sessions: Sessions) -> None:
    sessions.open(caller(1), Language.ES)
    sessions.open(caller(2), Language.ES)
    sessions.open(caller(2), Language.ES)
    assert set(sessions.key_ids()) == {UUID(int=101), UUID(int=102)}
    assert [each.caller.id for each in sessions.of_keys([UUID(int=102)])] == [UUID(int=2)] * 2


def test_there_are_never_more_sessions_than_allowed_and_the_oldest_goes(sessions: Sessions) -> None:
    tokens = [sessions.open(caller(), Language.ES) for _ in range(SESSIONS_MAX + 1)]
    assert len(sessions) == SESSIONS_MAX
    assert sessions.find(tokens[0]) is None
    assert sessions.find(tokens[1]) is not None


def knock(attempts: Attempts, address: str, times: int) -> None:
    for _ in range(times):
        attempts.failed(address)


def test_an_address_waits_after_too_many_failures_and_may_then_try_again(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    knock(attempts, "10.0.0.1", FAILURES_MAX - 1)
    assert attempts.wait_s("10.0.0.1") == 0
    knock(attempts, "10.0.0.1", 1)
    assert attempts.wait_s("10.0.0.1") == LOCK_S
    assert attempts.wait_s("10.0.0.2") == 0
    clock.advance(LOCK_S)
    assert attempts.wait_s("10.0.0.1") == 0
    knock(attempts, "10.0.0.1", FAILURES_MAX - 1)
    assert attempts.wait_s("10.0.0.1") == 0


def test_failures_long_ago_and_before_a_success_do_not_count(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    knock(attempts, "10.0.0.1", FAILURES_MAX - 1)
    clock.advance(WINDOW_S + 1)
    knock(attempts, "10.0.0.1", FAILURES_MAX - 1)
    assert attempts.wait_s("10.0.0.1") == 0
    attempts.succeeded("10.0.0.1")
    knock(attempts, "10.0.0.1", FAILURES_MAX - 1)
    assert attempts.wait_s("10.0.0.1") == 0


def test_addresses_of_one_ipv6_network_are_one_knocker(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    for host in range(FAILURES_MAX):
        attempts.failed(f"2001:db8:1:2::{host:x}")
    assert attempts.wait_s("2001:db8:1:2:ffff::1") > 0
    assert attempts.wait_s("2001:db8:1:3::1") == 0


def test_a_flood_of_addresses_is_not_remembered_without_bound(clock: ManualClock) -> None:
    attempts = Attempts(clock)
    for number in range(ADDRESSES_MAX + 10):
        attempts.failed(f"no-address-{number}")
    knock(attempts, "no-address-0", FAILURES_MAX - 1)
    assert attempts.wait_s("no-address-0") == 0
    knock(attempts, f"no-address-{ADDRESSES_MAX + 9}", FAILURES_MAX - 1)
    assert attempts.wait_s(f"no-address-{ADDRESSES_MAX + 9}") > 0
