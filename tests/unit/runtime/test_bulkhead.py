"""Bulkheads let so many in, keep so many waiting, in their order, and lose no place however a caller ends."""

import asyncio

import pytest

from cambista.runtime.resilience import Bulkhead, BulkheadFull
from tests.unit.runtime.clocks import LeapingClock


async def inside(bulkhead: Bulkhead, name: str, entered: list[str], leave: asyncio.Event) -> None:
    async with bulkhead.place(10):
        entered.append(name)
        await leave.wait()


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_so_many_are_inside_and_the_others_follow_in_their_order() -> None:
    bulkhead, entered, leave = Bulkhead(LeapingClock(), most=2), list[str](), [asyncio.Event() for _ in range(4)]
    tasks = [asyncio.create_task(inside(bulkhead, str(n), entered, leave[n])) for n in range(4)]
    await asyncio.sleep(0)
    assert entered == ["0", "1"]
    leave[1].set()
    await settle()
    assert entered == ["0", "1", "2"]
    for event in leave:
        event.set()
    await asyncio.gather(*tasks)
    assert entered == ["0", "1", "2", "3"]
    assert (bulkhead.inside, bulkhead.waiting) == (0, 0)


async def test_more_than_may_wait_are_refused_at_once() -> None:
    bulkhead, leave = Bulkhead(LeapingClock(), most=1, waiting_max=1), asyncio.Event()
    tasks = [asyncio.create_task(inside(bulkhead, "a", [], leave)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BulkheadFull):
        async with bulkhead.place(10):
            pass
    leave.set()
    await asyncio.gather(*tasks)


async def test_nobody_waits_longer_than_its_deadline_and_its_place_in_the_line_is_free() -> None:
    clock, leave = LeapingClock(), asyncio.Event()
    bulkhead = Bulkhead(clock, most=1)
    task = asyncio.create_task(inside(bulkhead, "a", [], leave))
    await asyncio.sleep(0)
    with pytest.raises(BulkheadFull):
        async with bulkhead.place(3):
            pass
    assert clock.monotonic() == 3
    assert bulkhead.waiting == 0
    leave.set()
    await task
    assert bulkhead.inside == 0


async def test_a_cancelled_waiter_takes_no_place_with_it() -> None:
    bulkhead, entered, leave = Bulkhead(LeapingClock(), most=1), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(inside(bulkhead, name, entered, leave)) for name in "abc"]
    await asyncio.sleep(0)
    leave.set()
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert entered == ["a", "c"]
    assert (bulkhead.inside, bulkhead.waiting) == (0, 0)
