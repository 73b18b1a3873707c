"""Sliding windows: nobody gets more than its quota, whoever waits as told gets in, and memory is bounded."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from cambista.gateway.limiting.policies import Charge
from cambista.gateway.limiting.windows import Windows

STEPS = st.lists(st.tuples(st.floats(0, 50), st.integers(1, 5)), max_size=40)


def windows(keys_max: int = 1000) -> Windows:
    return Windows(window_s=60, keys_max=keys_max)


def charge(key: str = "10.0.0.1", *, cost: int = 1, quota: int = 10) -> Charge:
    return Charge("open", key, cost, quota)


@given(STEPS, st.integers(1, 50), st.integers(1, 10))
def test_no_minute_of_the_clock_gives_more_than_the_quota_and_no_minute_twice_as_much(
    steps: list[tuple[float, int]], quota: int, cost: int
) -> None:
    counted, now, passed = windows(), 0.0, list[tuple[float, int]]()
    for seconds, calls in steps:
        now += seconds
        for _ in range(calls):
            if not counted.count(charge(cost=cost, quota=quota), now).wait_s:
                passed.append((now, cost))
    for began, _ in passed:
        clock_minute = began // 60
        assert sum(cost for at, cost in passed if at // 60 == clock_minute) <= quota
        assert sum(cost for at, cost in passed if began <= at < began + 60) <= 2 * quota


@given(STEPS, st.integers(1, 200), st.floats(0, 200), st.integers(1, 10))
def test_who_waits_as_long_as_told_is_let_in_and_not_long_before(
    steps: list[tuple[float, int]], quota: int, now: float, cost: int
) -> None:
    counted, asked = windows(), charge(cost=min(cost, quota), quota=quota)
    for seconds, calls in steps:
        now += seconds
        for _ in range(calls):
            counted.count(asked, now)
    while not (refused := counted.count(asked, now)).wait_s:
        pass
    assert refused.wait_s <= 120
    assert counted.used_up(asked, now) == refused.wait_s
    if refused.wait_s > 2:
        assert counted.used_up(asked, now + refused.wait_s - 2)
    assert not counted.count(asked, now + refused.wait_s).wait_s


def test_what_is_left_goes_down_by_the_cost_and_is_whole_again_after_two_minutes() -> None:
    counted = windows()
    assert [counted.count(charge(cost=3), 5).remaining for _ in range(4)] == [7, 4, 1, 1]
    assert counted.count(charge(cost=1), 5).remaining == 0
    assert counted.count(charge(), 5).wait_s > 0
    assert counted.count(charge(), 125).remaining == 9


def test_a_charge_above_the_quota_is_never_let_in() -> None:
    assert windows().count(charge(cost=11), 0).wait_s == 120


def test_one_key_does_not_use_up_anothers() -> None:
    counted = windows()
    assert not counted.count(charge("a", quota=1), 0).wait_s
    assert not counted.count(charge("b", quota=1), 0).wait_s
    assert counted.count(charge("a", quota=1), 0).wait_s


def test_any_number_of_addresses_take_no_more_memory_than_the_bound() -> None:
    counted = windows(keys_max=5_000)
    tracemalloc.start()
    for number in range(300_000):
        counted.count(charge(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), 0)
        if number == 10_000:
            full = tracemalloc.get_traced_memory()[0]
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(counted) <= 10_000
    assert grown <= 3 * full
    assert not counted.count(charge("10.4.147.223", quota=2), 0).wait_s
    assert counted.count(charge("10.4.147.223", quota=2), 0).wait_s


def test_who_has_used_up_his_quota_is_still_known_among_many_others() -> None:
    counted = windows(keys_max=100)
    for _ in range(10):
        counted.count(charge("hog"), 60)
    for number in range(150):
        counted.count(charge(f"other {number}"), 60)
    assert counted.count(charge("hog"), 60).wait_s
