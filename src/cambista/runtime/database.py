"""A transaction is the unit of work: rows, events and journal commit together or not at all.

`Tx` has no commit method. Leaving the `async with` block commits; raising rolls back.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from cambista.kernel.errors import Unavailable
from cambista.kernel.events import Event
from cambista.runtime.clock import Clock
from cambista.runtime.journal import Action
from cambista.runtime.rows import RowWriter

APPLICATION_ROLE = "cambista_app"
OWN_ROLE = "cambista_own"
Record = asyncpg.Record


class DatabaseAway(Unavailable):
    code = "database_unavailable"
    sentence = "The database cannot be reached now; try again shortly."


_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    # The password was changed, and its new one is not here yet.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InternalClientError,
    ConnectionError,
    FileNotFoundError,
    TimeoutError,
)

_BEGIN_OWN = f"""
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL ROLE {OWN_ROLE};
SET LOCAL cambista.owner = '{{owner_id}}'
"""


_CONNECTION: dict[str, Any] = {
    "command_timeout": 30,
    "timeout": 10,
    "server_settings": {"role": APPLICATION_ROLE, "application_name": "cambista", "statement_timeout": "30000"},
}


async def _leave_as_it_is(connection: Any) -> None:
    """No statement of the house changes its session, so there is nothing to reset between two users of a connection."""


class Reader:
    """Read statements on one connection, outside any promise to write."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def table(self, name: str) -> str:
        """Where this reader finds the rows of that table (or function over them), for a statement's FROM."""
        return name

    async def one(self, sql: str, *args: object) -> Any:
        """The first row, or None."""
        return await self._connection.fetchrow(sql, *args)

    async def all(self, sql: str, *args: object) -> list[Any]:
        return list(await self._connection.fetch(sql, *args))

    async def value(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.fetchval(sql, *args)


class OwnReader(Reader):
    """Read statements that see one owner's rows, whatever they ask for: PostgreSQL's row-level security sees to it.

    What each room lets an owner see stands in its `own_rows` migration; any other table is out of this reader's reach.
    """

    def table(self, name: str) -> str:
        room, _, table = name.partition(".")
        return f"{room}.own_{table}"


class Tx(Reader):
    """One open transaction. What `emit` and `record` gather is written just before the commit, one statement each."""

    def __init__(self, connection: Any, now: datetime) -> None:
        super().__init__(connection)
        self.now = now
        self.events: list[tuple[Event, str]] = []
        self.actions: list[Action] = []

    async def execute(self, sql: str, *args: object) -> str:
        return str(await self._connection.execute(sql, *args))

    async def copy(self, schema: str, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
        """Append rows with binary COPY: the cheapest way in, for tables that are only ever appended to."""
        if rows:
            await self._connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=rows)

    def emit(self, *events: Event, trace_id: str = "") -> None:
        self.events.extend((event, trace_id) for event in events)

    def record(self, *actions: Action) -> None:
        self.actions.extend(actions)


class Database:
    """A bounded pool over one PostgreSQL. `fault` is where a simulation breaks things; a house does nothing there."""

    def __init__(self, dsn: str, clock: Clock, rng: random.Random, *, branch: str = "main", pool_max: int = 10) -> None:
        self.dsn = dsn
        self._clock = clock
        self._rows = RowWriter(clock, rng, branch)
        self._pool_max = pool_max
        self._pool: asyncpg.Pool | None = None
        self._after_commit: list[Callable[[Sequence[Event]], None]] = []
        self._witnesses: list[Callable[[Sequence[UUID]], None]] = []
        self.fault: Callable[[str], None] = lambda point: None

    async def open(self) -> None:
        """Connect as the application role, which may append to the books and never rewrite them."""
        self._pool = await asyncpg.create_pool(
            self.dsn, min_size=2, max_size=self._pool_max, reset=_leave_as_it_is, **_CONNECTION
        )

    def use(self, dsn: str) -> None:
        """Connect like this from now on, as after a new password; a connection in use ends when it is given back."""
        self.dsn = dsn
        if self._pool is not None:
            self._pool.set_connect_args(dsn, **_CONNECTION)
            self._expiring = asyncio.ensure_future(self._pool.expire_connections())

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()

    def on_commit(self, call: Callable[[Sequence[Event]], None]) -> None:
        """Call with the events of each commit of this process that announced any: a wake-up or a counter."""
        self._after_commit.append(call)

    def on_journal(self, call: Callable[[Sequence[UUID]], None]) -> None:
        """Call with the ids of the journal rows of each commit of this process: a witness that they were there."""
        self._witnesses.append(call)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise DatabaseAway
        try:
            async with self._pool.acquire(timeout=5) as connection:
                yield connection
        except _AWAY as error:
            raise DatabaseAway from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A read-committed transaction; refuses with `database_unavailable` when PostgreSQL is away."""
        async with self._connection() as connection:
            async with connection.transaction():
                tx = Tx(connection, self._clock.now())
                yield tx
                entries = await self._rows.write(tx)
                self.fault("before_commit")
            for witness in self._witnesses if entries else ():
                witness(entries)
            self.fault("after_commit")
        if tx.events:
            events = [event for event, _ in tx.events]
            for call in self._after_commit:
                call(events)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """Statements that only read, each with its own snapshot."""
        async with self._connection() as connection:
            yield Reader(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        """Statements that only read, all of one moment (repeatable read)."""
        async with self._connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield Reader(connection)

    @asynccontextmanager
    async def read_own(self, owner_id: UUID) -> AsyncIterator[OwnReader]:
        """Statements that only read, all of one moment, and see nothing but what belongs to `owner_id`."""
        async with self._connection() as connection:
            try:
                # One round trip. Role and owner end with the transaction, so the connection goes back as it came.
                await connection.execute(_BEGIN_OWN.format(owner_id=UUID(int=owner_id.int)))
                yield OwnReader(connection)
            finally:
                await connection.execute("ROLLBACK")

    def read_for(self, owner_id: UUID | None) -> AbstractAsyncContextManager[Reader]:
        """`read_own` of that owner; None reads everybody's, for those who may."""
        return self.read() if owner_id is None else self.read_own(owner_id)
