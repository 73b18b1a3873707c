"""Doors that answer at once, for tests of the frame and the document: no database, no market."""

import random
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from prometheus_client import CollectorRegistry

from cambista.gateway import Doors
from cambista.kernel.callers import Caller, Role
from cambista.runtime import Runtime
from tests.databases import ManualClock


class OneKey:
    """Everybody with a key is the same customer."""

    async def authenticate(self, key: str, *, address: str, trace_id: str, **_: object) -> Caller:
        return Caller(UUID(int=7), Role.CUSTOMER, address=address, trace_id=trace_id)

    def require_second_factor(self, caller: Caller, *, enrolling: bool) -> None:
        """A customer needs none."""


class NoJournal:
    """A writer that has written it all down already."""

    async def submit(self, _: object, actions: Sequence[Any]) -> list[None]:
        return [None] * len(actions)


class Scripted:
    """Trading that does what the test says."""

    def __init__(self) -> None:
        self.answer: Any = None

    async def accept_quotes(self, acceptances: Sequence[Any], onces: Sequence[Any] = ()) -> list[Any]:
        return [await self.answer(acceptances[0], onces[0])]

    async def trades(self, owner: Any, *, before: Any = None, limit: int = 50) -> list[Any]:
        return cast("list[Any]", await self.answer(owner, limit))


async def none_pending() -> int:
    return 0


def stand_in_doors(trading: Scripted | None = None) -> Doors:
    nothing: Any = None
    writer: Any = NoJournal()
    runtime = Runtime(ManualClock(), random.Random(1), nothing, writer, nothing, nothing)
    identity: Any = OneKey()
    scripted: Any = trading or Scripted()
    return Doors(
        runtime=runtime, identity=identity, ledger=nothing, venues=nothing, pricing=nothing, trading=scripted,
        funding=nothing, audit=nothing, solvency=nothing, sagas=nothing, metrics=CollectorRegistry(),
        pending_migrations=none_pending,
    )  # fmt: skip
