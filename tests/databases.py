"""Real PostgreSQL for tests: a server a session, a fresh migrated database a test, a clock moved by hand."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg

from cambista.app.rooms import ROOMS
from cambista.runtime import Database, GroupCommit, Runtime, Sealing, Tasks
from cambista.runtime.migrations import migrate
from cambista.runtime.postgres import EmbeddedPostgres

START = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
TEMPLATE = "cambista_template"


class ManualClock:
    """A clock that stands still until `advance`; a sleeper wakes when its time has come."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 0.0
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        until = self._monotonic + seconds
        await asyncio.sleep(0)
        while self._monotonic < until:
            self._moved.clear()
            await self._moved.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass. Below zero the wall clock goes back, as a machine's may; monotonic time never does."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += max(seconds, 0.0)
        self._moved.set()


class TestServer:
    """One embedded PostgreSQL with a migrated template, from which each test takes a database of its own."""

    __test__ = False

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self._numbers = count(1)

    async def prepare(self) -> None:
        """Make and migrate the template."""
        await self._on_server(f"CREATE DATABASE {TEMPLATE}")
        await migrate(self._postgres.dsn(database=TEMPLATE), ROOMS)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The DSN of a fresh, migrated database; it is dropped at the end."""
        name = f"test_{next(self._numbers)}"
        await self._on_server(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield self._postgres.dsn(database=name)
        finally:
            await self._on_server(f"DROP DATABASE {name} WITH (FORCE)")

    async def _on_server(self, sql: str) -> None:
        connection = await asyncpg.connect(self._postgres.dsn())
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def running_server(folder: Path) -> Iterator[TestServer]:
    """A server without fsync in `folder`, its template ready, for as long as the block lasts."""
    postgres = EmbeddedPostgres(folder, durable=False)
    postgres.start()
    try:
        server = TestServer(postgres)
        asyncio.run(server.prepare())
        yield server
    finally:
        postgres.stop()


@asynccontextmanager
async def open_runtime(dsn: str, *, clock: ManualClock | None = None, seed: int = 7) -> AsyncIterator[Runtime]:
    """A runtime with a clock that is moved by hand and seeded chance."""
    clock = clock or ManualClock()
    rng = random.Random(seed)
    db = Database(dsn, clock, rng)
    await db.open()
    sealing = Sealing.in_memory(clock)
    await sealing.open(db)
    runtime = Runtime(clock, rng, db, GroupCommit(db, sealing), Tasks(clock), sealing)
    try:
        yield runtime
    finally:
        await runtime.tasks.stop()
        await runtime.writer.stop()
        await db.close()
