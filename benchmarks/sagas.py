"""Durable sagas a second: four steps, each step's effect and move a commit shared with whoever else is due."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from cambista.runtime import Runtime, Tx
from cambista.runtime.sagas import Context, Done, Elsewhere, InHouse, Outcome, Program, Sagas, Step
from cambista.runtime.sagas.types import SagaStatus

STEPS = ("hold", "send", "book", "settle")
STARTED_AT_ONCE = 1000


async def _run(tx: Tx, contexts: Sequence[Context]) -> Sequence[Outcome]:
    return [Done(context.attempt) for context in contexts]


async def _call(context: Context) -> Outcome:
    return Done(str(context.step_id))


def make(runtime: Runtime) -> Sagas:
    """Two kinds: all four steps in the database, and one of them a call outside that answers at once."""
    sagas = Sagas(runtime)
    own = InHouse(_run)
    sagas.register(Program("bench", tuple(Step(name, own, own) for name in STEPS)))
    call = Elsewhere(_call, _call)
    steps = tuple(Step(name, call if name == "send" else own, own) for name in STEPS)
    sagas.register(Program("bench_outside", steps))
    return sagas


async def sagas_per_second(runtime: Runtime, sagas: Sagas, kind: str, count: int) -> float:
    """Start `count` sagas and run them to their end; every start, step and end is on disk."""
    began = perf_counter()
    running = asyncio.create_task(sagas.run())
    for first in range(0, count, STARTED_AT_ONCE):
        batch = [(id, {"number": first}) for id in runtime.new_ids(min(STARTED_AT_ONCE, count - first))]
        async with runtime.db.transaction() as tx:
            await sagas.start_many(tx, kind, batch)
        sagas.wake()
    while sum((await sagas.count_open()).values()):
        await asyncio.sleep(0.01)
    seconds = perf_counter() - began
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with runtime.db.read() as reader:
        done = await reader.value(
            "SELECT count(*) FROM runtime.saga WHERE kind = $1 AND status = $2", kind, SagaStatus.DONE.value
        )
    assert done >= count, "every saga is done"
    return count / seconds
