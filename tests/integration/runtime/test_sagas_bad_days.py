"""Sagas under crashes at any commit, lost and late answers, lapsed leases and meddlers: a seed fixes each day."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from cambista.kernel.callers import Caller, Role
from cambista.runtime import Database, GroupCommit, Runtime, Tasks, Tx
from cambista.runtime.resilience import NotSent
from cambista.runtime.sagas import (
    Context,
    Done,
    Elsewhere,
    InHouse,
    Outcome,
    Program,
    Refused,
    Retry,
    Sagas,
    SagaStatus,
    Step,
    Unknown,
    each,
    step_id,
)
from tests.databases import ManualClock, open_runtime

TREASURER = Caller(UUID(int=7), Role.TREASURER)
SAGAS = 6
TURNS = 60
LATE_S = 12.0


class Crash(BaseException):
    """The process is gone."""


class Venue:
    """The world outside. It does not look whether it has met an id before: a call made twice is done twice."""

    def __init__(self, clock: ManualClock, rng: random.Random, numbers: "count[int]") -> None:
        self.clock, self.rng, self.numbers = clock, rng, numbers
        self.done: dict[UUID, list[int]] = {}
        self.visible_at: dict[UUID, float] = {}
        self.refused: set[UUID] = set()
        self.kind = False

    def elsewhere(self) -> Elsewhere:
        return Elsewhere(self.call, self.ask, timeout_s=5, absent_after_s=LATE_S + 1)

    async def call(self, context: Context) -> Outcome:
        match (
            "well"
            if self.kind
            else self.rng.choice(["well", "well", "lost", "late", "not_sent", "refused", "raised", "swallowed"])
        ):
            case "well":
                self._do(context.step_id, 0)
                return Done(str(context.step_id))
            case "lost":
                self._do(context.step_id, 0)
                return Unknown()
            case "raised":
                self._do(context.step_id, 0)
                raise OSError("connection reset")
            case "late":
                self._do(context.step_id, self.rng.uniform(0, LATE_S))
                return Unknown()
            case "swallowed":
                return Unknown()
            case "refused":
                self.refused.add(context.step_id)
                return Refused("no_stock")
            case _:
                raise NotSent

    def _do(self, id: UUID, after_s: float) -> None:
        self.done.setdefault(id, []).append(next(self.numbers))
        self.visible_at.setdefault(id, self.clock.monotonic() + after_s)

    async def ask(self, context: Context) -> Outcome:
        if not self.kind and self.rng.random() < 0.2:
            return Unknown()
        if context.step_id in self.refused and context.step_id not in self.done:
            return Refused("no_stock")
        visible = self.visible_at.get(context.step_id)
        return Retry() if visible is None or visible > self.clock.monotonic() else Done(str(context.step_id))


class World:
    """Two processes on one database, each of which may die at any commit and comes back empty-handed."""

    def __init__(self, runtime: Runtime, seed: int) -> None:
        assert isinstance(runtime.clock, ManualClock)
        self.runtime, self.clock, self.rng = runtime, runtime.clock, random.Random(seed)
        self.numbers = count(1)
        self.venue = Venue(self.clock, self.rng, self.numbers)
        self.crashes = 0.12
        self.died = asyncio.Event()
        self.databases: list[Database] = []
        self.ids: list[UUID] = []

    def program(self) -> Program:
        return Program(
            "trip",
            (
                Step("hold", self._own("hold"), self._own("hold", undo=True)),
                Step("order", self.venue.elsewhere(), self.venue.elsewhere()),
                Step("book", self._own("book"), self._own("book", undo=True)),
                Step("send", self.venue.elsewhere(), self.venue.elsewhere()),
                Step("note", self._own("note")),
            ),
            attempts_max=6,
        )

    def _own(self, name: str, *, undo: bool = False) -> InHouse:
        """An effect that the database refuses to take twice, with its place in the order of all effects."""

        async def deed(tx: Tx, context: Context) -> Outcome:
            if not self.venue.kind and self.rng.random() < 0.1:
                return Retry() if undo or self.rng.random() < 0.5 else Refused("no_till")
            place = next(self.numbers)
            row = f"{context.saga_id}/{name}/{'undo' if undo else 'act'}"
            await tx.execute("INSERT INTO runtime.listener (name, position) VALUES ($1, $2)", row, place)
            if not self.venue.kind and self.rng.random() < 0.05:
                raise ZeroDivisionError
            return Done()

        return each(deed)

    async def process(self) -> Sagas:
        db = Database(self.runtime.db.dsn, self.clock, self.runtime.rng, pool_max=3)
        await db.open()
        self.databases.append(db)
        db.fault = self._fault
        own = Runtime(
            self.clock, self.runtime.rng, db, GroupCommit(db, self.runtime.sealing), Tasks(self.clock),
            self.runtime.sealing,
        )  # fmt: skip
        sagas = Sagas(own)
        sagas.register(self.program())
        return sagas

    def _fault(self, point: str) -> None:
        if self.rng.random() < self.crashes:
            self.died.set()
            raise Crash(point)

    async def survive(self, work: Awaitable[Any]) -> bool:
        """Whether the process lived through it."""
        self.died.clear()
        working, dying = asyncio.ensure_future(work), asyncio.ensure_future(self.died.wait())
        await asyncio.wait((working, dying), return_when=asyncio.FIRST_COMPLETED)
        dead = self.died.is_set()
        for task in (working, dying):
            task.cancel()
        results = await asyncio.gather(working, dying, return_exceptions=True)
        if not dead and isinstance(results[0], Exception):
            raise results[0]
        return not dead

    async def turn(self, sagas: Sagas, held: list[Any]) -> bool:
        match self.rng.choice(["advance", "advance", "advance", "hold", "settle", "meddle", "twice"]):
            case "advance":
                return await self.survive(sagas.advance())
            case "hold":
                # The call is made; its answer is known and not yet stored when the lease may run out.
                return await self.survive(self._hold(sagas, held))
            case "settle" | "twice" if held:
                owner, errand, outcome = held.pop(0)
                again = [(errand, outcome)] * self.rng.choice([1, 2])
                return await self.survive(owner._runtime.writer.submit(owner._outside._settle, again))
            case "meddle":
                deed = self.rng.choice([sagas.retry, sagas.compensate])
                return await self.survive(deed(TREASURER, [self.rng.choice(self.ids)]))
            case _:
                return True

    async def _hold(self, sagas: Sagas, held: list[Any]) -> None:
        for errand in await sagas._outside.take(1):
            held.append((sagas, errand, await sagas._outside._outcome(errand)))

    async def day(self) -> None:
        processes, held = [await self.process(), await self.process()], list[Any]()
        await self._start(processes[0])
        for _ in range(TURNS):
            which = self.rng.randrange(2)
            if not await self.turn(processes[which], held):
                held[:] = [each for each in held if each[0] is not processes[which]]
                await processes[which]._runtime.db.close()
                processes[which] = await self.process()
            self.clock.advance(self.rng.choice([0, 0.5, 3, 20]))
        await self._night(processes[0])

    async def _start(self, sagas: Sagas) -> None:
        self.crashes, usual = 0.0, self.crashes
        for _ in range(SAGAS):
            self.ids.append(self.runtime.new_id())
            async with sagas._runtime.db.transaction() as tx:
                await sagas.start(tx, "trip", self.ids[-1], {})
        self.crashes = usual

    async def _night(self, sagas: Sagas) -> None:
        """Nothing breaks any more; all comes to rest."""
        self.crashes, self.venue.kind = 0.0, True
        for _ in range(60):
            await sagas.advance()
            self.clock.advance(30)

    async def look(self) -> dict[UUID, tuple[SagaStatus, dict[str, list[int]]]]:
        """Where each saga ended, and the places of its effects in the order of all."""
        sagas = await self.process()
        async with self.runtime.db.read() as reader:
            own = {
                row["name"]: row["position"] for row in await reader.all("SELECT name, position FROM runtime.listener")
            }
        found = {}
        for id in self.ids:
            saga, _ = await sagas.find(TREASURER, id)
            places: dict[str, list[int]] = {}
            for step in ("hold", "order", "book", "send", "note"):
                for undo in (False, True):
                    row = f"{id}/{step}/{'undo' if undo else 'act'}"
                    outside = self.venue.done.get(step_id(id, step, undoing=undo), [])
                    places[f"{step}/undo" if undo else step] = [own[row]] if row in own else outside
            found[id] = (saga.status, places)
        return found

    async def close(self) -> None:
        for db in self.databases:
            await db.close()


FORWARD = ("hold", "order", "book", "send", "note")
BACKWARD = tuple(f"{step}/undo" for step in ("send", "book", "order", "hold"))


def check(status: SagaStatus, places: dict[str, list[int]]) -> None:
    assert all(len(each) <= 1 for each in places.values()), ("done twice", places)
    forward = [places[step][0] for step in FORWARD if places[step]]
    backward = [places[step][0] for step in BACKWARD if places[step]]
    assert forward + backward == sorted(forward + backward), ("out of order", places)
    assert status in (SagaStatus.DONE, SagaStatus.COMPENSATED, SagaStatus.STUCK), (status, places)
    if status is SagaStatus.DONE:
        assert (len(forward), len(backward)) == (5, 0), places
    if status is SagaStatus.COMPENSATED:
        assert not places["note"], places
        assert {step for step in FORWARD if places[step]} == {step for step in FORWARD if places[f"{step}/undo"]}, (
            places
        )


ENDS: Counter[SagaStatus] = Counter()


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_breaks_each_step_is_done_once_and_each_saga_ends(dsn: str, seed: int) -> None:
    async with open_runtime(dsn, seed=seed) as runtime:
        world = World(runtime, seed)
        try:
            await world.day()
            for status, places in (await world.look()).values():
                check(status, places)
                ENDS[status] += 1
        finally:
            await world.close()


def test_the_days_before_have_seen_every_end() -> None:
    if sum(ENDS.values()) == 12 * SAGAS:
        assert set(ENDS) >= {SagaStatus.DONE, SagaStatus.COMPENSATED}, ENDS
