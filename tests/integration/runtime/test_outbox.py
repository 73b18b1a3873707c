"""The outbox: every committed event reaches every listener once, in order, late commits included."""

from collections.abc import Sequence

import asyncpg
import pytest

from cambista.kernel.errors import Conflict
from cambista.runtime import OutboxForeign, Relay, Runtime, Tx, on
from tests.databases import ManualClock
from tests.integration.runtime.test_group_commit import NumberNoted


class Notekeeper:
    """A listener that keeps what it has heard in the database, in the transaction that moves its cursor."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails_on: int | None = None

    async def on_number(self, tx: Tx, events: Sequence[NumberNoted]) -> None:
        self.calls += 1
        for event in events:
            if event.number == self.fails_on:
                raise Conflict
            await tx.execute(
                "INSERT INTO runtime.dead_letter VALUES ('heard', gen_random_uuid(), $1, $2)", tx.now, str(event.number)
            )


async def heard(runtime: Runtime) -> list[int]:
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT error FROM runtime.dead_letter WHERE listener = 'heard'")
    return sorted(int(row["error"]) for row in rows)


async def emit(runtime: Runtime, *numbers: int) -> None:
    async with runtime.db.transaction() as tx:
        tx.emit(*(NumberNoted(number) for number in numbers))


def relay(runtime: Runtime, keeper: Notekeeper) -> Relay:
    return Relay(runtime.db, runtime.clock, {"keeper": [on(NumberNoted, keeper.on_number)]})


async def test_each_event_reaches_a_listener_once(runtime: Runtime) -> None:
    keeper = Notekeeper()
    await emit(runtime, 1, 2)
    await emit(runtime, 3)
    assert await relay(runtime, keeper).deliver("keeper") == 3
    assert await relay(runtime, keeper).deliver("keeper") == 0
    assert await heard(runtime) == [1, 2, 3]


async def test_a_row_that_commits_late_is_not_skipped(runtime: Runtime) -> None:
    keeper = Notekeeper()
    relayed = relay(runtime, keeper)
    async with runtime.db.transaction() as early:
        await early.execute("SELECT pg_current_xact_id()")
        await emit(runtime, 2)
        assert await relayed.deliver("keeper") == 0  # an older transaction is still open
        early.emit(NumberNoted(1))
    assert await relayed.deliver("keeper") == 2
    assert await heard(runtime) == [1, 2]


async def test_a_crash_between_effect_and_commit_repeats_neither(runtime: Runtime) -> None:
    keeper = Notekeeper()
    await emit(runtime, 1)
    broken = iter([True])

    def crash(point: str) -> None:
        if point == "before_commit" and next(broken, False):
            raise Conflict

    runtime.db.fault = crash
    await relay(runtime, keeper).deliver("keeper")
    assert await heard(runtime) == [1]


async def test_a_poisonous_event_is_set_aside_after_five_failures_and_the_rest_goes_on(runtime: Runtime) -> None:
    assert isinstance(runtime.clock, ManualClock)
    clock = runtime.clock
    keeper = Notekeeper()
    keeper.fails_on = 2
    await emit(runtime, 1, 2, 3)
    relayed = relay(runtime, keeper)

    async def no_wait(seconds: float) -> None:
        clock.advance(seconds)

    clock.sleep = no_wait  # type: ignore[method-assign]
    for _ in range(8):
        await relayed.deliver("keeper")
    assert await heard(runtime) == [1, 3]
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM runtime.dead_letter WHERE listener = 'keeper'") == 1


async def test_an_outbox_of_another_server_is_refused_instead_of_never_delivered(dsn: str, runtime: Runtime) -> None:
    relayed = relay(runtime, Notekeeper())
    await emit(runtime, 1)
    await relayed.check_order()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE runtime.outbox SET xid = '4000000000'")
    finally:
        await connection.close()
    with pytest.raises(OutboxForeign):
        await relayed.check_order()


async def test_transactions_are_ordered_by_number_and_not_by_its_digits(dsn: str, runtime: Runtime) -> None:
    keeper = Notekeeper()
    relayed = relay(runtime, keeper)
    await emit(runtime, 1)
    await emit(runtime, 2)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "UPDATE runtime.outbox SET xid = CASE data ->> 'number' WHEN '1' THEN '9'::xid8 ELSE '10'::xid8 END"
        )
    finally:
        await connection.close()
    assert await relayed.deliver("keeper") == 2
    assert await relayed.deliver("keeper") == 0
    assert await heard(runtime) == [1, 2]
