"""Sagas over HTTP: people see what is stuck, let it try again, or take it back; others see nothing."""

from uuid import UUID

import pytest

from cambista.runtime import Tx
from cambista.runtime.sagas import Context, Done, Outcome, Program, Retry, Step, each
from tests.e2e.clients import Caller, good, refused
from tests.e2e.conftest import staff
from tests.houses import PaperHouse


@pytest.fixture
async def stuck(paper: PaperHouse) -> UUID:
    """A saga whose second step has failed as often as it may, and would work now."""
    tries: list[Outcome] = [Retry(reason="till_empty")] * 2

    async def first(tx: Tx, context: Context) -> Outcome:
        return Done({"amount": "10.00"})

    async def second(tx: Tx, context: Context) -> Outcome:
        return tries.pop() if tries else Done()

    sagas = paper.house.sagas
    sagas.register(
        Program("errand", (Step("first", each(first), each(first)), Step("second", each(second))), attempts_max=2)
    )
    id = paper.runtime.new_id()
    async with paper.runtime.db.transaction() as tx:
        await sagas.start(tx, "errand", id, {"for": "a test"})
    for _ in range(4):
        await sagas.advance()
        paper.clock.advance(10)
    return id


async def test_a_stuck_saga_is_listed_looked_into_and_set_going(
    paper: PaperHouse, treasurer: Caller, admin: Caller, stuck: UUID
) -> None:
    auditor = await staff(admin, "auditor")
    [listed] = good(await auditor.get("/sagas?status=stuck&kind=errand"))["items"]
    assert (listed["id"], listed["step"], listed["reason"]) == (str(stuck), "second", "till_empty")
    refused(await auditor.post(f"/sagas/{stuck}/retry", {}), 403, "role_denied")
    found = good(await treasurer.get(f"/sagas/{stuck}"))
    assert [(step["step"], step["value"]) for step in found["steps"]] == [("first", {"amount": "10.00"})]
    assert good(await treasurer.post(f"/sagas/{stuck}/retry", None))["status"] == "running"
    await paper.house.sagas.advance()
    assert good(await treasurer.get(f"/sagas/{stuck}"))["saga"]["status"] == "done"
    refused(await treasurer.post(f"/sagas/{stuck}/retry", None), 409, "saga_not_stuck")
    refused(await treasurer.post(f"/sagas/{stuck}/compensate", None), 409, "saga_past_return")


async def test_a_stuck_saga_is_taken_back(paper: PaperHouse, treasurer: Caller, stuck: UUID) -> None:
    assert good(await treasurer.post(f"/sagas/{stuck}/compensate", None))["status"] == "compensating"
    await paper.house.sagas.advance()
    assert good(await treasurer.get(f"/sagas/{stuck}"))["saga"]["status"] == "compensated"


async def test_customers_and_strangers_see_no_saga(treasurer: Caller, ana: Caller, stuck: UUID) -> None:
    refused(await ana.get("/sagas"), 403, "role_denied")
    refused(await treasurer.get(f"/sagas/{UUID(int=5)}"), 404, "saga_not_found")
