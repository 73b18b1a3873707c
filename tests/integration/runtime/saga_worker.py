"""A process of its own that moves sagas, to be killed at any moment; the world outside is a file of lines."""

import asyncio
import os
import random
import sys
from pathlib import Path

from cambista.runtime import Database, GroupCommit, Runtime, Sealing, SystemClock, Tasks, Tx
from cambista.runtime.sagas import (
    Context,
    Done,
    Elsewhere,
    Outcome,
    Program,
    Retry,
    Sagas,
    SagaSettings,
    Step,
    each,
    outside_steps,
)

KIND = "killed"
# Short, so that whoever comes next need not wait for the dead one's leases.
outside_steps.LEASE_SPARE_S = 0.3


def program(world: Path) -> Program:
    """A call outside between two effects in the database, which refuses each of them a second time."""

    async def own(tx: Tx, context: Context) -> Outcome:
        await tx.execute("INSERT INTO runtime.listener (name) VALUES ($1)", str(context.step_id))
        return Done()

    async def call(context: Context) -> Outcome:
        with world.open("ab", buffering=0) as opened:
            opened.write(f"{context.step_id}\n".encode())
        await asyncio.sleep(0.005)
        return Done()

    async def ask(context: Context) -> Outcome:
        known = world.exists() and str(context.step_id) in world.read_text(encoding="utf-8")
        return Done() if known else Retry(0.05)

    send = Elsewhere(call, ask, timeout_s=0.5, absent_after_s=0.6)
    return Program(KIND, (Step("before", each(own)), Step("send", send), Step("after", each(own))), attempts_max=50)


async def main(dsn: str, world: Path) -> None:
    clock, rng = SystemClock(), random.Random(os.getpid())
    db = Database(dsn, clock, rng)
    await db.open()
    sealing = Sealing.in_memory(clock)
    runtime = Runtime(clock, rng, db, GroupCommit(db, sealing), Tasks(clock), sealing)
    sagas = Sagas(runtime, SagaSettings(errands_max=8, poll_s=0.02))
    sagas.register(program(world))
    await sagas.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
