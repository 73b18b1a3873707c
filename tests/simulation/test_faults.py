"""Every border of every transaction of the road breaks once, in every way; afterwards all is as if nothing broke."""

import pytest

from tests.databases import TestServer
from tests.simulation.faults import Fault
from tests.simulation.scenario import DONE, walk

TRANSACTIONS_LEAST = 20


async def test_the_walk_touches_every_use_case_of_the_road(server: TestServer) -> None:
    simulation = await walk(server)
    assert set(DONE) <= set(simulation.report.answers)
    assert simulation.plan.transactions >= TRANSACTIONS_LEAST


@pytest.mark.parametrize("fault", list(Fault), ids=str)
async def test_the_road_survives_a_fault_at_each_of_its_transactions(server: TestServer, fault: Fault) -> None:
    # `make simulate` also walks with one fault alone, once for each border.
    broken = await walk(server, fault)
    assert broken.plan.struck[fault] >= TRANSACTIONS_LEAST
