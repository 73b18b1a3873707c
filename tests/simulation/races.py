"""Many clients at once on one database, through one house or two: for what steps one at a time cannot see."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from tests.databases import ManualClock
from tests.simulation import invariants
from tests.simulation import operations as ops
from tests.simulation.client import Client
from tests.simulation.faults import FaultPlan
from tests.simulation.house import SimulatedHouse, customer_name
from tests.simulation.operations import Outcome
from tests.simulation.run import connected
from tests.simulation.verdicts import expect
from tests.simulation.workload import SOURCES

TRIES_MAX = 8
WAIT_S = 60


@dataclass
class Race:
    """`houses` writers on one database, and what they acknowledged. `errors` counts what callers would see as 500."""

    dsn: str
    seed: int
    houses: list[SimulatedHouse] = field(default_factory=list)
    people: list[UUID] = field(default_factory=list)
    staff: list[UUID] = field(default_factory=list)
    acknowledged: list[tuple[ops.Operation, str, Outcome]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)

    async def open(self, houses: int, customers: int) -> None:
        clock = ManualClock()
        self.rng = random.Random(f"race/{self.seed}")
        for number in range(houses):
            house = SimulatedHouse(self.dsn, clock, FaultPlan(), seed=self.seed * 100 + number, pool_max=8)
            await house.stand_up()
            self.houses.append(house)
        self.people, self.staff = await self.houses[0].found(customers, 3)
        self.client = Client({id: customer_name(number) for number, id in enumerate(self.people)})
        for house in self.houses:
            house.hear_market(list(SOURCES))

    async def close(self) -> None:
        for house in self.houses:
            await house.close()

    async def at_once(self, requests: Sequence[tuple[ops.Operation, str | None]]) -> list[Outcome]:
        """All of them at the same moment: each waits at the till until the last has arrived, spread over the houses."""
        async with self._till_locked():
            tasks = [
                asyncio.ensure_future(self.ask(self.houses[number % len(self.houses)], operation, key))
                for number, (operation, key) in enumerate(requests)
            ]
            for _ in range(20):
                await asyncio.sleep(0)
        async with asyncio.timeout(WAIT_S):
            return list(await asyncio.gather(*tasks))

    async def ask(self, house: SimulatedHouse, operation: ops.Operation, key: str | None) -> Outcome:
        """As a real client: after an error the same request with the same key again."""
        for _ in range(TRIES_MAX):
            try:
                outcome = await self.client.ask(house.house, operation, key)
            except Exception as error:
                self.errors[type(error).__name__] += 1
                continue
            self.answers[f"{type(operation).__name__} {outcome.refused or 'done'}"] += 1
            if not outcome.refused:
                self.acknowledged.append((operation, key or "", outcome))
            return outcome
        raise AssertionError(f"{operation} failed {TRIES_MAX} times: {self.errors}")

    @asynccontextmanager
    async def _till_locked(self) -> AsyncIterator[None]:
        async with connected(self.dsn) as connection, connection.transaction():
            await connection.execute("SELECT FROM ledger.account WHERE kind = 'till' ORDER BY id FOR UPDATE")
            yield

    async def check(self) -> None:
        """The rules hold, and the database has exactly what was acknowledged."""
        async with connected(self.dsn) as connection:
            await invariants.check_database(connection)
            trades = {row["id"] for row in await connection.fetch("SELECT id FROM trading.trade")}
            deposits = {row["id"] for row in await connection.fetch("SELECT id FROM funding.deposit")}
            withdrawals = {row["id"] for row in await connection.fetch("SELECT id FROM funding.withdrawal")}
        for house in self.houses:
            await invariants.check_house(house.house)
        expect(self._acknowledged(ops.AcceptQuote, ops.DirectTrade) == trades, "what_was_acknowledged_is_there", trades)
        expect(self._acknowledged(ops.Deposit) == deposits, "what_was_acknowledged_is_there", deposits)
        asked = self._acknowledged(ops.RequestWithdrawal)
        expect(asked == withdrawals, "what_was_acknowledged_is_there", withdrawals)
        self._check_repeats()

    def _acknowledged(self, *kinds: type) -> set[UUID]:
        return {
            UUID(str(outcome.fields["id"]))
            for operation, _, outcome in self.acknowledged
            if isinstance(operation, kinds) and outcome.fields
        }

    def _check_repeats(self) -> None:
        """One key of one caller has one answer, to the byte."""
        bodies: dict[tuple[ops.Operation, str], bytes] = {}
        for operation, key, outcome in self.acknowledged:
            if key:
                first = bodies.setdefault((operation, key), outcome.body)
                expect(first == outcome.body, "a_repeat_gets_the_first_answer", f"{operation} {key}")


@asynccontextmanager
async def race(dsn: str, *, houses: int, seed: int = 1, customers: int = 6) -> AsyncIterator[Race]:
    """A race on that database; checked at the end."""
    made = Race(dsn, seed)
    await made.open(houses, customers)
    try:
        yield made
        await made.check()
    finally:
        await made.close()
