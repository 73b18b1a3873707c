"""A house of its own for a benchmark: `cambista serve` as a process, customers and money prepared beside it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cambista.app.commands.running import closed_house
from cambista.app.settings import Settings
from cambista.identity import Customer, CustomerRequest, KeyRequest, NewApiKey
from cambista.kernel.callers import Caller, Role
from cambista.kernel.ids import TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, USDT
from cambista.ledger import Posting, Transfer, customer_account, world_account

ADMIN = Caller(UUID(int=0), Role.ADMIN)
KNOBS = {
    "CAMBISTA_TRADING__QUOTE_TTL_S": "120",
    "CAMBISTA_TRADING__OPEN_QUOTES_MAX": "10000",
    "CAMBISTA_RISK__DAY_MAX": "1000000000",
    "CAMBISTA_LOG_LEVEL": "warning",
    # What is measured is the house, not the limits of a customer; they are counted all the same.
    "CAMBISTA_GATEWAY__TIERS": json.dumps(
        {name: {"units": 10**9, "trades": 10**9} for name in ("standard", "partner", "staff")}
    ),
    "CAMBISTA_GATEWAY__SOCKETS__OF_ADDRESS_MAX": "4096",
}


@dataclass(frozen=True, slots=True)
class BenchHouse:
    url: str
    settings: Settings


@asynccontextmanager
async def serving(home: Path, **knobs: str) -> AsyncIterator[BenchHouse]:
    """A house in a process of its own, up and answering."""
    env = os.environ | KNOBS | {"CAMBISTA_HOME": str(home), "CAMBISTA_PORT": "0"} | knobs
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cambista.app.cli", "serve", stdout=asyncio.subprocess.PIPE, env=env
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        url = line.split()[-1]
        assert url.startswith("http://"), line
        yield BenchHouse(url, Settings(_env_file=None, home=home))
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 30)


async def customers_with_keys(house: BenchHouse, count: int, *, first: int = 0) -> list[str]:
    """Keys of that many new customers, each with plenty of COP and USDT."""
    keys: list[str] = []
    async with closed_house(house.settings) as rooms:
        for start in range(first, first + count, 500):
            numbers = range(start, min(start + 500, first + count))
            asked = [CustomerRequest(ADMIN, f"bench{n}@example.com", f"Bench Customer {n}", "CO") for n in numbers]
            made = [each for each in await rooms.identity.create_customers(asked) if isinstance(each, Customer)]
            new = await rooms.identity.create_keys([KeyRequest(ADMIN, each.id, "bench") for each in made])
            keys += [each.key for each in new if isinstance(each, NewApiKey)]
            await _give(rooms, [each.id for each in made])
    assert len(keys) == count, "each customer has a key"
    return keys


async def _give(rooms: object, customers: Sequence[UUID]) -> None:
    amounts = (Amount.of("1000000000.00", COP), Amount.of("100000", USDT))
    transfers = [
        Transfer(
            TransferId(rooms.runtime.new_id()),  # type: ignore[attr-defined]
            "bench",
            tuple(Posting(world_account("bench", a.asset), customer_account(each, a.asset), a) for a in amounts),
        )
        for each in customers
    ]
    async with rooms.runtime.db.transaction() as tx:  # type: ignore[attr-defined]
        await rooms.ledger.post(tx, transfers)  # type: ignore[attr-defined]
