"""Whatever a customer or partner can look at is read behind the second barrier (decision 18), at every endpoint."""

import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import httpx2
import pytest

from cambista.gateway.access import TABLE
from cambista.kernel.callers import Role
from cambista.runtime import Database, Reader
from tests.e2e.clients import Caller
from tests.e2e.walking import Walkers, fill, things_of
from tests.houses import PaperHouse

# Who reads without it for good reason: whoever finds out who asks; and the day's trees of what the house owes, which
# hold nobody's rows: a leaf is found by a place that only the day's sealed secret gives.
AT_THE_DOOR = (
    "cambista.identity.service.keyring", "cambista.identity.service.signing", "cambista.audit.service.solvency",
)  # fmt: skip


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that read without the barrier, in order."""
    seen: list[str] = []

    def spied(plain: Any) -> Any:
        def read(self: Database) -> AbstractAsyncContextManager[Reader]:
            reader = next(name for name in _callers() if name not in (__name__, "cambista.runtime.database"))
            if reader not in AT_THE_DOOR:
                seen.append(reader)
            opened: AbstractAsyncContextManager[Reader] = plain(self)
            return opened

        return read

    for name in ("read", "snapshot", "transaction"):
        monkeypatch.setattr(Database, name, spied(getattr(Database, name)))
    return seen


def _callers() -> Iterator[str]:
    frame = sys._getframe(1)
    while frame is not None:
        yield str(frame.f_globals.get("__name__"))
        frame = frame.f_back  # type: ignore[assignment]


@pytest.mark.parametrize("role", (Role.CUSTOMER, Role.PARTNER))
async def test_every_endpoint_reads_for_an_owner_behind_the_barrier(
    paper: PaperHouse, http: httpx2.AsyncClient, ana: Caller, readings: list[str], role: Role
) -> None:
    makers = Walkers(paper)
    things = await things_of(ana, makers)
    owner = UUID(ana.id) if role is Role.CUSTOMER else await makers.owner(role, "a partner")
    token = await makers.session(owner, proved=True)
    outside: dict[str, list[str]] = {}
    asked = 0
    for (method, path), access in TABLE.items():
        if method != "GET" or role not in access.roles:
            continue
        readings.clear()
        answer = await http.get(fill(path, things), headers={"authorization": f"Bearer {token}"})
        assert answer.status_code in (200, 404), (path, answer.text)
        asked += 1
        if readings:
            outside[path] = list(readings)
    assert asked > 8
    assert outside == {}


async def test_the_spy_sees_a_read_without_the_barrier(paper: PaperHouse, ana: Caller, readings: list[str]) -> None:
    readings.clear()
    await paper.house.trading.trades(None)
    assert readings == ["cambista.trading.service"] or readings[0].startswith("cambista.trading")
