"""Before and after: digests on record bind what a deed changed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cambista.identity import KeyRequest, KeyRevocation, NewApiKey, Status, StatusChange
from cambista.kernel.callers import Caller, Role
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP
from cambista.ledger import AccountKind, customer_account, house_account
from cambista.risk import Limits
from cambista.runtime import Runtime, state_digest
from tests.houses import OPERATOR, PaperHouse, paper_house

ADMIN = Caller(OPERATOR.id, Role.ADMIN)


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime) as made:
        yield made


async def recorded(paper: PaperHouse, name: str) -> list[Any]:
    async with paper.runtime.db.read() as reader:
        return await reader.all(
            "SELECT subject, outcome, before, after FROM runtime.journal WHERE name = $1 ORDER BY xid, position", name
        )


async def test_each_state_after_is_the_state_before_the_next(paper: PaperHouse) -> None:
    customer = await paper.customer(1)
    for status in (Status.BLOCKED, Status.ACTIVE):
        await paper.house.identity.set_status([StatusChange(ADMIN, customer.id, status, "Case 1")])
    [blocked] = await recorded(paper, "principal.blocked")
    [active] = await recorded(paper, "principal.active")
    assert blocked["before"] == active["after"] != blocked["after"] == active["before"]


async def test_keys_limits_credit_lines_and_freezes_leave_digests(paper: PaperHouse) -> None:
    customer = await paper.customer(1, Amount.of("10.00", COP))
    [made] = await paper.house.identity.create_keys([KeyRequest(ADMIN, customer.id, "Bot")])
    assert isinstance(made, NewApiKey)
    await paper.house.identity.revoke_keys([KeyRevocation(ADMIN, made.record.id)])
    [issued], [revoked] = await recorded(paper, "key.issue"), await recorded(paper, "key.revoke")
    assert issued["before"] is None
    assert issued["after"] == revoked["before"] != revoked["after"]

    await paper.house.risk.set_limits(customer.id, Limits(5, 7), caller=ADMIN)
    [limits] = await recorded(paper, "risk.set_limits")
    assert limits["after"] == state_digest({"trade_max": "5", "day_max": "7"}) != limits["before"]

    ledger = paper.house.ledger
    await ledger.freeze([customer_account(customer.id, COP)], frozen=True, caller=ADMIN, reason="Case 1")
    [freeze] = await recorded(paper, "ledger.freeze")
    assert (freeze["before"], freeze["after"]) == (state_digest({"frozen": False}), state_digest({"frozen": True}))

    await ledger.set_credit_line(house_account(AccountKind.TILL, COP), Amount.of("5.00", COP), caller=ADMIN)
    [line] = await recorded(paper, "ledger.set_credit_line")
    assert (line["before"], line["after"]) == (state_digest({"floor_units": 0}), state_digest({"floor_units": -500}))
