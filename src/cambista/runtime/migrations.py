"""Brings a database to the shape the code expects: numbered SQL files of each room, each once, under one lock."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import groupby
from typing import Any

import asyncpg

from cambista.runtime.database import APPLICATION_ROLE, OWN_ROLE

ROLES = (APPLICATION_ROLE, OWN_ROLE)
OLDEST_SERVER = 15
LOCK_WAIT_S = 120
STATEMENT_S = 900
_LOCK = 0x43414D4249535441  # "CAMBISTA": one migration at a time in a database
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
# A file that ends our transaction would leave a half-applied migration behind.
_OWN_TRANSACTION = re.compile(r"^\s*(begin|commit|rollback|start\s+transaction)\s*;", re.IGNORECASE | re.MULTILINE)


class MigrationRefused(Exception):
    """The database and the code do not fit: `code` is stable, the text says what is, `hint` says what to try."""

    def __init__(self, detail: str, *, code: str, hint: str) -> None:
        super().__init__(f"{detail} [{code}] {hint}")
        self.detail = detail
        self.code = code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file of a room. `sha256` is of its text with plain line ends."""

    room: str
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def label(self) -> str:
        return f"{self.room}/schema/{self.number:04}_{self.name}.sql"


@dataclass(frozen=True, slots=True)
class Applied:
    """What one run did: the migrations it applied, in order, and how many the database has now."""

    migrations: tuple[Migration, ...]
    total: int


def find_migrations(rooms: Sequence[str], *, house: Traversable | None = None) -> list[Migration]:
    """All SQL files of these rooms, room by room as given, then by number.

    Refuses a name that is not `NNNN_name.sql`, a number twice, a gap, and a file with a transaction of its own.
    """
    house = house or resources.files("cambista")
    found = [migration for room in rooms for migration in _room_files(house, room)]
    for room, files in groupby(found, lambda migration: migration.room):
        _check_numbers(room, [migration.number for migration in files], where="the code")
    return found


async def migrate(dsn: str, rooms: Sequence[str], *, house: Traversable | None = None) -> Applied:
    """Apply what is missing, each file in a transaction, and make sure the application's roles exist.

    Any number of callers at once is fine: one works, the others wait (at most 120 s) and find it done. Refuses with
    `MigrationRefused`; files applied before a failing one stay applied.
    """
    wanted = find_migrations(rooms, house=house)
    async with _connection(dsn) as connection:
        await _lock(connection)
        await _prepare(connection)
        missing = _missing(wanted, await _applied(connection), house)
        for migration in missing:
            await _apply(connection, migration)
        return Applied(tuple(missing), await connection.fetchval("SELECT count(*) FROM runtime.migration"))


async def pending(dsn: str, rooms: Sequence[str], *, house: Traversable | None = None) -> tuple[Migration, ...]:
    """What `migrate` would apply, in order; writes nothing, and refuses where it would refuse."""
    wanted = find_migrations(rooms, house=house)
    async with _connection(dsn) as connection:
        return tuple(_missing(wanted, await _applied(connection), house))


Rows = Mapping[tuple[str, int], tuple[str, str]]


def _missing(wanted: Sequence[Migration], applied: Rows, house: Traversable | None) -> list[Migration]:
    known = {(m.room, m.number): m for m in wanted}
    others = sorted({room for room, _ in applied} - {m.room for m in wanted})
    # A caller may name some rooms only; rows of the others are held against the files of the same code.
    known |= {(m.room, m.number): m for m in find_migrations(others, house=house)}
    for (room, number), (name, sha256) in sorted(applied.items()):
        migration = known.get((room, number))
        if migration is None:
            raise MigrationRefused(
                f"The database has {room} {number:04}_{name}, which this code does not know.",
                code="database_newer",
                hint="A newer version of the house has used it: start that version, or restore an older backup.",
            )
        if migration.sha256 != sha256:
            raise MigrationRefused(
                f"{migration.label} is not the file that was applied as {number:04}_{name}.",
                code="migration_altered",
                hint="Put the applied text back and write the change as a new numbered file.",
            )
    for room, rows in groupby(sorted(applied), lambda row: row[0]):
        _check_numbers(room, [number for _, number in rows], where="the database")
    return [m for m in wanted if (m.room, m.number) not in applied]


def _room_files(house: Traversable, room: str) -> list[Migration]:
    folder = house / room / "schema"
    if not folder.is_dir():
        return []
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [_read(room, file) for file in files]


def _read(room: str, file: Traversable) -> Migration:
    named = _FILE.fullmatch(file.name)
    sql = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
    if named is None:
        raise _malformed(f"{room}/schema/{file.name} is not named NNNN_name.sql.")
    if _OWN_TRANSACTION.search(sql):
        raise _malformed(f"{room}/schema/{file.name} opens or ends a transaction; each file already runs in one.")
    return Migration(room, int(named[1]), named[2], sql)


def _check_numbers(room: str, numbers: Sequence[int], *, where: str) -> None:
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise MigrationRefused(
            f"Room {room} has number {twice[0]:04} twice in {where}.",
            code="migration_duplicate",
            hint="Two changes took the same number: renumber the one that is not applied anywhere yet.",
        )
    gap = next((should for should, number in enumerate(sorted(numbers), 1) if number != should), None)
    if gap is not None:
        raise MigrationRefused(
            f"Room {room} has no number {gap:04} in {where}, but later ones.",
            code="migration_gap",
            hint="Numbers run from 0001 without a gap; a file or a row is lost.",
        )


@asynccontextmanager
async def _connection(dsn: str) -> AsyncIterator[Any]:
    settings = {"application_name": "cambista migrate", "lock_timeout": f"{LOCK_WAIT_S}s", "role": "none"}
    try:
        connection = await asyncpg.connect(
            dsn, timeout=10, command_timeout=STATEMENT_S, server_settings=settings, statement_cache_size=0
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MigrationRefused(
            f"The database cannot be reached: {str(error) or type(error).__name__}.",
            code="database_unreachable",
            hint="Is it started, and are its address, name and password right?",
        ) from error
    try:
        major = connection.get_server_version().major
        if major < OLDEST_SERVER:
            raise MigrationRefused(
                f"This is PostgreSQL {major}.",
                code="database_too_old",
                hint=f"Use PostgreSQL {OLDEST_SERVER} or later.",
            )
        yield connection
    finally:
        await connection.close(timeout=5)


async def _lock(connection: Any) -> None:
    """Held until the connection closes, however that happens."""
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationRefused(
            f"Another process has been migrating this database for {LOCK_WAIT_S} s.",
            code="migration_busy",
            hint="Wait for it to end, or see in pg_stat_activity what 'cambista migrate' is doing.",
        ) from error


async def _prepare(connection: Any) -> None:
    try:
        for role in ROLES:
            await connection.execute(_ENSURE_ROLE.format(role=role))
            right = "SET" if _grants_set(connection) else "MEMBER"
            await connection.execute(_ENSURE_MEMBERSHIP.format(role=role, right=right))
        await connection.execute(_ENSURE_TABLE)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationRefused(
            f"The database's user lacks a right: {error}.",
            code="rights_missing",
            hint="Let it own the database, and either give it CREATEROLE or run once, as an administrator: "
            + " ".join(f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO that user;" for role in ROLES),
        ) from error


def _grants_set(connection: Any) -> bool:
    return bool(connection.get_server_version().major >= 16)


async def _applied(connection: Any) -> Rows:
    if await connection.fetchval("SELECT to_regclass('runtime.migration')") is None:
        return {}
    rows = await connection.fetch("SELECT room, number, name, sha256 FROM runtime.migration")
    return {(row["room"], row["number"]): (row["name"], row["sha256"]) for row in rows}


async def _apply(connection: Any, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            if await connection.fetchval("SELECT to_regnamespace($1)", migration.room) is not None:
                await connection.execute(f"GRANT USAGE ON SCHEMA {migration.room} TO {APPLICATION_ROLE}")
            await connection.execute(
                "INSERT INTO runtime.migration (room, number, name, sha256) VALUES ($1, $2, $3, $4)",
                *(migration.room, migration.number, migration.name, migration.sha256),
            )
    except asyncpg.PostgresError as error:
        line = _line(migration.sql, getattr(error, "position", None))
        raise MigrationRefused(
            f"{migration.label}{line} failed: {error}.",
            code="migration_failed",
            hint="Nothing of this file was kept; mend the cause and start again.",
        ) from error


def _line(sql: str, position: str | None) -> str:
    return f", line {sql.count(chr(10), 0, int(position)) + 1}," if position else ""


def _malformed(detail: str) -> MigrationRefused:
    return MigrationRefused(detail, code="migration_malformed", hint="Rename or rewrite the file.")


# Roles belong to the whole cluster while our lock is the database's, so another database may be making it right now.
_ENSURE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

_ENSURE_MEMBERSHIP = """
DO $$ BEGIN
    IF NOT pg_has_role(current_user, '{role}', '{right}') THEN
        GRANT {role} TO CURRENT_USER;
    END IF;
EXCEPTION WHEN unique_violation THEN NULL;
END $$
"""

_ENSURE_TABLE = f"""
CREATE SCHEMA IF NOT EXISTS runtime;
CREATE TABLE IF NOT EXISTS runtime.migration (
    room text NOT NULL,
    number int NOT NULL CHECK (number > 0),
    name text NOT NULL,
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room, number)
);
GRANT USAGE ON SCHEMA runtime TO {APPLICATION_ROLE};
GRANT SELECT ON runtime.migration TO {APPLICATION_ROLE};
"""
