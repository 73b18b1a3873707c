"""Hedged reads: the second attempt only when the first is late, the first answer wins, the loser is gone."""

import asyncio

import pytest

from cambista.kernel.errors import Unavailable
from cambista.runtime.resilience import DeadlinePassed, Latencies, hedged, within
from tests.unit.runtime.clocks import LeapingClock


class Source:
    def __init__(self, clock: LeapingClock, *told: tuple[float, Exception | str]) -> None:
        self.clock, self.told, self.begun, self.cut = clock, list(told), 0, 0

    async def ask(self) -> str:
        self.begun += 1
        seconds, answer = self.told.pop(0)
        try:
            await self.clock.sleep(seconds)
        except asyncio.CancelledError:
            self.cut += 1
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_quick_answer_costs_one_attempt() -> None:
    clock = LeapingClock()
    source = Source(clock, (0.1, "first"))
    assert await hedged(clock, 0.5, source.ask) == "first"
    assert source.begun == 1


async def test_a_late_one_is_overtaken_and_cancelled() -> None:
    clock = LeapingClock()
    source = Source(clock, (9, "first"), (0.1, "second"))
    assert await hedged(clock, 0.5, source.ask) == "second"
    assert clock.monotonic() == pytest.approx(0.6)
    assert (source.begun, source.cut) == (2, 1)


async def test_the_first_may_still_win() -> None:
    clock = LeapingClock()
    source = Source(clock, (0.7, "first"), (5, "second"))
    assert await hedged(clock, 0.5, source.ask) == "first"
    assert source.cut == 1


async def test_one_failure_waits_for_the_other_attempt_and_two_are_one() -> None:
    clock = LeapingClock()
    assert await hedged(clock, 0.5, Source(clock, (0.6, Unavailable()), (1, "second")).ask) == "second"
    with pytest.raises(Unavailable):
        await hedged(clock, 0.5, Source(clock, (0.6, Unavailable()), (1, Unavailable())).ask)


async def test_an_early_failure_is_no_reason_to_hedge() -> None:
    clock = LeapingClock()
    source = Source(clock, (0.1, Unavailable()))
    with pytest.raises(Unavailable):
        await hedged(clock, 0.5, source.ask)
    assert source.begun == 1


async def test_a_deadline_cuts_both() -> None:
    clock = LeapingClock()
    source = Source(clock, (9, "first"), (9, "second"))
    with pytest.raises(DeadlinePassed):
        await within(clock, 2, hedged(clock, 0.5, source.ask))
    assert source.cut == 2
    assert clock.monotonic() == 2


def test_the_delay_is_where_all_but_one_in_twenty_lie() -> None:
    latencies = Latencies()
    for n in range(1, 20):
        latencies.add(n)
    assert latencies.p95() is None
    latencies.add(1000)
    assert latencies.p95() == 19
    for n in range(1, 201):
        latencies.add(n)
    assert latencies.p95() == 190
