"""Processes that move sagas are killed with SIGKILL, again and again; every saga ends, each step done once."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import UUID

from cambista.kernel.callers import Caller, Role
from cambista.runtime import Runtime
from cambista.runtime.sagas import Sagas, SagaStatus, step_id
from tests.integration.runtime.saga_worker import KIND, program
from tests.recordings import PROJECT

AUDITOR = Caller(UUID(int=8), Role.AUDITOR)
SAGAS = 150
KILLS = 4


def worker(dsn: str, world: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.runtime.saga_worker", dsn, str(world)],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def effects(world: Path) -> list[str]:
    return world.read_text(encoding="utf-8").splitlines() if world.exists() else []


async def until(happened: object, running: "subprocess.Popen[bytes]") -> None:
    assert callable(happened)
    async with asyncio.timeout(60):
        while not await happened():
            assert running.poll() is None, "the worker ended by itself"
            await asyncio.sleep(0.005)


async def test_killed_processes_leave_nothing_half_done_and_nothing_twice(
    runtime: Runtime, dsn: str, tmp_path: Path
) -> None:
    world, sagas = tmp_path / "world", Sagas(runtime)
    sagas.register(program(world))
    # Theirs is the machine's clock, which is later than ours.
    ids = runtime.new_ids(SAGAS)
    async with runtime.db.transaction() as tx:
        await sagas.start_many(tx, KIND, [(id, {}) for id in ids])
    for kill in range(KILLS):
        running = worker(dsn, world)

        async def further(least: int = (kill + 1) * SAGAS // (KILLS + 2)) -> bool:
            return len(effects(world)) >= least

        await until(further, running)
        running.kill()
        running.wait(10)
    running = worker(dsn, world)

    async def over() -> bool:
        return not sum((await sagas.count_open()).values())

    try:
        await until(over, running)
    finally:
        running.kill()
        running.wait(10)
    seen = Counter(effects(world))
    assert set(seen.values()) == {1}
    assert set(seen) == {str(step_id(id, "send")) for id in ids}
    for id in ids:
        saga, steps = await sagas.find(AUDITOR, id)
        assert saga.status is SagaStatus.DONE
        assert [step.status for step in steps] == ["done"] * 3
