"""Every planted bug is noticed by a rule named for it within a bounded number of steps; without one, nothing is."""

import pytest

from tests.databases import TestServer
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.run import Simulation
from tests.simulation.verdicts import Violation

SEEDS = range(1, 9)
STEPS, CHECK_EVERY = 160, 16


async def _first_violation(server: TestServer, mutant: Mutant) -> Violation | None:
    for seed in sorted(SEEDS, key=lambda each: each != mutant.seed):
        async with server.database() as dsn:
            try:
                with mutant.planted():
                    await Simulation(dsn, seed).run(STEPS, CHECK_EVERY)
            except Violation as violation:
                return violation
    return None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_planted_bug_is_noticed(server: TestServer, mutant: Mutant) -> None:
    violation = await _first_violation(server, mutant)
    assert violation is not None, f"{mutant.name} went unnoticed"
    assert violation.rule in mutant.caught_by, f"{mutant.name} was noticed as {violation}"


async def test_without_a_bug_the_same_runs_are_clean(server: TestServer) -> None:
    for seed in {mutant.seed for mutant in MUTANTS}:
        async with server.database() as dsn:
            await Simulation(dsn, seed).run(STEPS, CHECK_EVERY)


def test_there_are_at_least_ten_bugs_each_with_a_rule() -> None:
    assert len({mutant.name for mutant in MUTANTS}) >= 10
    assert all(mutant.caught_by for mutant in MUTANTS)
