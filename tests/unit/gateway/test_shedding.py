"""What is let in, what waits and what is refused at once when there is more to do than can be done."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.gateway.errors import Overloaded
from cambista.gateway.settings import WorkSettings
from cambista.gateway.shedding.gate import Gate, Seat
from cambista.gateway.shedding.line import Line
from cambista.gateway.shedding.pace import Pace
from cambista.gateway.terms import Priority, priority_of
from tests.databases import ManualClock

PRIORITIES = st.sampled_from(Priority)


# ------------------------------------------------------------------------------------------------------------- the line
@given(st.lists(PRIORITIES, max_size=60), st.integers(0, 10))
def test_the_line_is_short_and_the_most_urgent_go_first_in_the_order_they_came(
    arrivals: list[Priority], length_max: int
) -> None:
    line: Line[tuple[Priority, int]] = Line(length_max)
    waiting: set[tuple[Priority, int]] = set()
    for number, priority in enumerate(arrivals):
        joined, displaced = line.join(priority, (priority, number))
        if joined:
            waiting.add((priority, number))
        else:
            assert all(other <= priority for other, _ in waiting), "only for the less urgent is there no place"
        if displaced is not None:
            waiting.remove(displaced)
            assert displaced == max(waiting | {displaced}), "the last of the least urgent goes"
        assert len(line) == len(waiting) <= length_max
    assert list(iter(line.next, None)) == sorted(waiting)


def test_who_leaves_the_line_is_not_called() -> None:
    line: Line[str] = Line(5)
    for each in "abc":
        line.join(Priority.QUOTES, each)
    line.leave(Priority.QUOTES, "b")
    line.leave(Priority.QUOTES, "b")
    assert list(iter(line.next, None)) == ["a", "c"]
    assert line.ahead_of(Priority.ANYBODY) == 0


# ------------------------------------------------------------------------------------------------------------- the pace
def run(pace: Pace, *, rate: float, seconds: float, began: float = 0.0) -> float:
    """A house that finishes `rate` requests a second and has always as many in work as the pace allows."""
    now = began
    while now < began + seconds:
        now += 1 / rate
        pace.note_full()
        pace.note_done(pace.limit / rate, now)
    return now


@pytest.mark.parametrize("rate", (200.0, 1_000.0, 3_000.0))
def test_the_limit_settles_at_what_the_house_finishes_in_the_target_time(rate: float) -> None:
    pace = Pace(first=256, least=8, most=1024, target_s=0.2)
    run(pace, rate=rate, seconds=30)
    assert 0.6 * rate * 0.2 <= pace.limit <= 1.15 * rate * 0.2
    assert 0.8 * rate <= pace.rate <= 1.2 * rate


def test_the_limit_follows_a_house_that_slows_down_and_recovers() -> None:
    pace = Pace(first=256, least=8, most=1024, target_s=0.2)
    now = run(pace, rate=2_000, seconds=20)
    now = run(pace, rate=300, seconds=10, began=now)
    assert pace.limit <= 70
    run(pace, rate=2_000, seconds=20, began=now)
    assert pace.limit >= 240


def test_the_limit_stays_within_its_bounds_and_does_not_grow_while_it_is_not_reached() -> None:
    pace = Pace(first=50, least=40, most=60, target_s=0.2)
    now = 0.0
    for _ in range(10_000):
        now += 0.001
        pace.note_done(0.001, now)
    assert pace.limit == 50
    run(pace, rate=100_000, seconds=5, began=now)
    assert pace.limit == 60
    run(pace, rate=10, seconds=60, began=100)
    assert pace.limit == 40


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), max_size=200))
def test_no_sequence_of_latencies_leaves_the_bounds(done: list[tuple[float, float]]) -> None:
    pace, now = Pace(first=256, least=32, most=1024, target_s=0.2), 0.0
    for latency, pause in done:
        now += pause
        pace.note_full()
        pace.note_done(latency, now)
        assert 32 <= pace.limit <= 1024
        assert pace.rate >= 0


# ------------------------------------------------------------------------------------------- both, three times too much
def simulate(offered: float, *, capacity: float = 1_000.0, seconds: float = 20.0) -> Iterator[tuple[str, float]]:
    """A house of one worker that finishes `capacity` a second, by hand-made time; gives what became of each request."""
    pace = Pace(first=256, least=32, most=1024, target_s=0.2)
    line: Line[float] = Line(512)
    in_work: deque[float] = deque()
    now, next_done, next_arrival = 0.0, 0.0, 0.0
    while now < seconds:
        now = min(next_arrival, next_done) if in_work else next_arrival
        if in_work and next_done <= next_arrival:
            pace.note_done(now - in_work.popleft(), now)
            yield "served", now
            while len(in_work) < pace.limit and (came := line.next()) is not None:
                if now - came <= 0.02:
                    in_work.append(now)
                else:
                    yield "late", now
            next_done = now + 1 / capacity
            continue
        next_arrival = now + 1 / offered
        if len(in_work) < pace.limit:
            next_done = now + 1 / capacity if not in_work else next_done
            in_work.append(now)
            continue
        pace.note_full()
        hopeless = 2 * line.ahead_of(Priority.MONEY) > 0.02 * pace.rate > 0
        if hopeless or not line.join(Priority.MONEY, now)[0]:
            yield "refused", now


@pytest.mark.parametrize("times", (0.5, 1.0, 2.0, 3.0, 10.0))
def test_at_any_load_the_house_serves_what_it_can_and_hardly_anyone_is_refused_late(times: float) -> None:
    became = Counter(what for what, at in simulate(times * 1_000) if at > 5)
    assert became["served"] >= 0.95 * min(times, 1.0) * 15_000
    assert became["late"] <= 0.02 * became.total()
    if times <= 0.5:
        assert became["refused"] == 0


# ------------------------------------------------------------------------------------------------------------- the gate
def gate(**given: object) -> Gate:
    settings = WorkSettings.model_validate({"first": 1, "least": 1, "most": 1, "waiting_max": 2, **given})
    return Gate(settings, ManualClock().monotonic)


async def waiting(made: Gate, priority: Priority) -> "asyncio.Task[Seat]":
    task = asyncio.create_task(made.enter(priority))
    await asyncio.sleep(0)
    return task


async def test_a_seat_given_back_goes_to_the_most_urgent() -> None:
    made = gate(money_wait_s=10, wait_s=10)
    seat = await made.enter(Priority.ANYBODY)
    reader = await waiting(made, Priority.CALLERS)
    trader = await waiting(made, Priority.MONEY)
    seat.leave()
    seat.leave()
    second = await trader
    assert not reader.done()
    second.leave()
    (await reader).leave()
    assert made.in_work == 0


async def test_who_is_displaced_hears_it_at_once_and_who_finds_no_place_too() -> None:
    made = gate(money_wait_s=10, wait_s=10)
    seat = await made.enter(Priority.MONEY)
    readers = [await waiting(made, Priority.CALLERS) for _ in range(2)]
    trader = await waiting(made, Priority.MONEY)
    with pytest.raises(Overloaded):
        await readers[1]
    with pytest.raises(Overloaded):
        await made.enter(Priority.CALLERS)
    seat.leave()
    (await trader).leave()
    (await readers[0]).leave()
    assert made.in_work == 0


async def test_nobody_waits_longer_than_the_deadline() -> None:
    made = gate(money_wait_s=0.01, wait_s=0.01)
    seat = await made.enter(Priority.MONEY)
    with pytest.raises(Overloaded):
        await made.enter(Priority.MONEY)
    seat.leave()
    (await made.enter(Priority.MONEY)).leave()
    assert made.in_work == 0


async def test_who_would_wait_too_long_is_refused_without_waiting() -> None:
    made = gate(money_wait_s=10, wait_s=10, waiting_max=500)
    made.pace.rate = 1.0
    seat = await made.enter(Priority.MONEY)
    tasks = [await waiting(made, Priority.MONEY) for _ in range(6)]
    with pytest.raises(Overloaded):
        await made.enter(Priority.MONEY)
    seat.leave()
    for each in tasks:
        (await each).leave()


async def test_a_request_that_is_called_away_with_its_turn_passes_it_on() -> None:
    made = gate(money_wait_s=10, wait_s=10)
    seat = await made.enter(Priority.MONEY)
    first, second = await waiting(made, Priority.MONEY), await waiting(made, Priority.MONEY)
    seat.leave()
    first.cancel()
    (await second).leave()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert made.in_work == 0


@pytest.mark.parametrize(
    ("method", "path", "keyed", "priority"),
    (
        ("GET", "/health/readiness", False, None),
        ("GET", "/metrics", False, None),
        ("POST", "/api/v1/trades", True, Priority.MONEY),
        ("POST", "/api/v1/withdrawals/x/approve", True, Priority.MONEY),
        ("POST", "/api/v1/quotes", True, Priority.QUOTES),
        ("GET", "/api/v1/trades", True, Priority.CALLERS),
        ("GET", "/api/v1/prices/current", False, Priority.ANYBODY),
        ("POST", "/api/v1/trades", False, Priority.ANYBODY),
    ),
)
def test_what_moves_money_goes_before_what_only_asks(
    method: str, path: str, keyed: bool, priority: Priority | None
) -> None:
    assert priority_of(method, path, keyed=keyed) is priority
