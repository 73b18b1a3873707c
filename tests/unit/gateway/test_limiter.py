"""The token bucket of each address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.gateway.errors import TooManyRequests
from cambista.gateway.limiter import AddressLimiter, network
from tests.databases import ManualClock


def limiter(clock: ManualClock, per_minute: int = 60, addresses_max: int = 100) -> AddressLimiter:
    return AddressLimiter(clock.monotonic, per_minute=per_minute, addresses_max=addresses_max)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=30), st.integers(1, 200))
def test_no_address_ever_gets_more_than_the_bucket_and_what_has_flowed_in(
    steps: list[tuple[float, int]], per_minute: int
) -> None:
    clock = ManualClock()
    limited = limiter(clock, per_minute)
    passed = 0
    for seconds, calls in steps:
        clock.advance(seconds)
        for _ in range(calls):
            try:
                limited.take("10.0.0.1")
            except TooManyRequests:
                continue
            passed += 1
        assert passed <= per_minute + clock.monotonic() * per_minute / 60 + 1e-6


@given(st.integers(1, 200))
def test_who_waits_as_long_as_told_is_let_in(per_minute: int) -> None:
    clock = ManualClock()
    limited = limiter(clock, per_minute)
    for _ in range(per_minute):
        limited.take("10.0.0.1")
    with pytest.raises(TooManyRequests) as refused:
        limited.take("10.0.0.1")
    wait_s = refused.value.facts["retry_after_s"]
    assert isinstance(wait_s, int)
    clock.advance(wait_s)
    limited.take("10.0.0.1")


def test_one_address_does_not_use_up_anothers_calls() -> None:
    limited = limiter(ManualClock(), 1)
    limited.take("10.0.0.1")
    limited.take("10.0.0.2")
    with pytest.raises(TooManyRequests):
        limited.take("10.0.0.1")


def test_the_table_of_addresses_does_not_grow_without_bound() -> None:
    limited = limiter(ManualClock(), 1, addresses_max=10)
    for number in range(50):
        limited.take(f"10.0.0.{number}")
    limited.take("10.0.0.1")
    with pytest.raises(TooManyRequests):
        limited.take("10.0.0.49")


def test_an_ipv6_subscriber_is_one_caller() -> None:
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::2") != network("2001:db8:1:3::1")
    assert network("10.0.0.1") != network("10.0.0.2")
    assert network("not an address") == "not an address"
