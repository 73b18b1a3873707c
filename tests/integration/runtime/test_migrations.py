"""Migrations on a real PostgreSQL: applied once, by one at a time, and refused where database and code do not fit."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

import cambista
from cambista.runtime import migrations
from cambista.runtime.migrations import MigrationRefused, migrate, pending
from cambista.runtime.postgres import EmbeddedPostgres

SYSTEM_BINARIES = sorted(Path("/usr/lib/postgresql").glob("1[5-8]/bin"))
FLOORS = ("runtime", "identity", "ledger", "venues", "pricing", "risk", "trading", "funding", "analytics")
SHOP = {
    "runtime/schema/0001_runtime.sql": "CREATE TABLE runtime.note (text text);",
    "shop/schema/0001_item.sql": """
        CREATE SCHEMA shop;
        CREATE TABLE shop.item (id int);
        GRANT SELECT ON shop.item TO cambista_app;
    """,
    "shop/schema/0002_price.sql": "ALTER TABLE shop.item ADD COLUMN price bigint;",
}
ROOMS = ("runtime", "shop")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("cluster") / "postgres", durable=False) as running:
        yield running


@pytest.fixture
async def dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """An empty database of its own."""
    name = f"test_{os.urandom(6).hex()}"
    await run(postgres.dsn(), f"CREATE DATABASE {name}")
    yield postgres.dsn(database=name)
    await run(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return build(tmp_path / "house", SHOP)


def build(folder: Path, files: Mapping[str, str]) -> Path:
    for name, sql in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(sql)
    return folder


async def run(dsn: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


async def columns(dsn: str, table: str) -> set[str]:
    rows = await run(dsn, f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0")
    return {row["attname"] for row in rows}


async def refusal(dsn: str, house: Path) -> MigrationRefused:
    """What both `migrate` and `pending` refuse with."""
    codes = []
    for call in (migrate, pending):
        with pytest.raises(MigrationRefused) as refused:
            await call(dsn, ROOMS, house=house)
        codes.append(refused.value.code)
    assert codes[0] == codes[1]
    return refused.value


async def test_each_file_is_applied_once_and_recorded_with_its_fingerprint(dsn: str, house: Path) -> None:
    assert [m.label for m in await pending(dsn, ROOMS, house=house)] == list(SHOP)
    first = await migrate(dsn, ROOMS, house=house)
    assert [m.label for m in first.migrations] == list(SHOP)
    assert first.total == 3
    again = await migrate(dsn, ROOMS, house=house)
    assert (again.migrations, again.total) == ((), 3)
    assert await pending(dsn, ROOMS, house=house) == ()
    rows = await run(dsn, "SELECT room, number, name, sha256, applied_at <= now() AS past FROM runtime.migration")
    assert {tuple(row) for row in rows} == {(m.room, m.number, m.name, m.sha256, True) for m in first.migrations}


async def test_asking_what_is_pending_writes_nothing(dsn: str, house: Path) -> None:
    await pending(dsn, ROOMS, house=house)
    assert await run(dsn, "SELECT FROM pg_namespace WHERE nspname IN ('runtime', 'shop')") == []


async def test_a_new_file_is_applied_to_a_database_in_use(dsn: str, house: Path) -> None:
    await migrate(dsn, ROOMS, house=house)
    await run(dsn, "INSERT INTO shop.item VALUES (1, 5)")
    build(house, {"shop/schema/0003_colour.sql": "ALTER TABLE shop.item ADD COLUMN colour text;"})
    applied = await migrate(dsn, ROOMS, house=house)
    assert [m.label for m in applied.migrations] == ["shop/schema/0003_colour.sql"]
    assert [tuple(row) for row in await run(dsn, "SELECT * FROM shop.item")] == [(1, 5, None)]


async def test_of_many_that_start_at_once_one_works_and_the_others_find_it_done(dsn: str, house: Path) -> None:
    results = await asyncio.gather(*(migrate(dsn, ROOMS, house=house) for _ in range(6)))
    assert sorted(len(result.migrations) for result in results) == [0, 0, 0, 0, 0, 3]
    assert {result.total for result in results} == {3}


async def test_many_databases_of_a_fresh_cluster_can_be_migrated_at_once(tmp_path: Path, house: Path) -> None:
    fresh = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    await asyncio.to_thread(fresh.start)
    try:
        for number in range(6):
            await run(fresh.dsn(), f"CREATE DATABASE branch_{number}")
        dsns = [fresh.dsn(database=f"branch_{number}") for number in range(6)]
        results = await asyncio.gather(*(migrate(dsn, ROOMS, house=house) for dsn in dsns))
        assert [result.total for result in results] == [3] * 6
    finally:
        await asyncio.to_thread(fresh.stop)


async def test_who_waits_for_another_waits_within_bounds(
    dsn: str, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(house, {"shop/schema/0003_slow.sql": "SELECT pg_advisory_xact_lock(1);"})
    gate = await asyncpg.connect(dsn)
    try:
        await gate.execute("SELECT pg_advisory_lock(1)")
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(migrate(dsn, ROOMS, house=house))
            async with asyncio.timeout(30):
                while not await gate.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                ):
                    pass
            monkeypatch.setattr(migrations, "LOCK_WAIT_S", 1)
            with pytest.raises(MigrationRefused) as refused:
                await migrate(dsn, ROOMS, house=house)
            assert refused.value.code == "migration_busy"
            await gate.execute("SELECT pg_advisory_unlock(1)")
        assert slow.result().total == 4
    finally:
        await gate.close()


async def test_a_file_changed_after_it_was_applied_is_refused(dsn: str, house: Path) -> None:
    await migrate(dsn, ROOMS, house=house)
    build(house, {"shop/schema/0001_item.sql": "CREATE SCHEMA shop; CREATE TABLE shop.item (id bigint);"})
    refused = await refusal(dsn, house)
    assert refused.code == "migration_altered"
    assert "shop/schema/0001_item.sql" in str(refused)


async def test_a_database_newer_than_the_code_is_refused_and_left_alone(dsn: str, house: Path) -> None:
    await migrate(dsn, ROOMS, house=house)
    (house / "shop/schema/0002_price.sql").unlink()
    build(house, {"runtime/schema/0002_more.sql": "CREATE TABLE runtime.more ();"})
    refused = await refusal(dsn, house)
    assert refused.code == "database_newer"
    assert "shop 0002_price" in str(refused)
    assert await run(dsn, "SELECT FROM pg_class WHERE relname = 'more'") == []


async def test_a_room_the_code_has_not_at_all_makes_the_database_newer(dsn: str, house: Path, tmp_path: Path) -> None:
    await migrate(dsn, ROOMS, house=house)
    older = build(tmp_path / "older", {name: sql for name, sql in SHOP.items() if name.startswith("runtime")})
    assert (await refusal(dsn, older)).code == "database_newer"


async def test_rooms_the_caller_does_not_name_do_not_make_the_database_newer(dsn: str, house: Path) -> None:
    await migrate(dsn, ROOMS, house=house)
    assert (await migrate(dsn, ["runtime"], house=house)).migrations == ()


async def test_a_lost_row_is_refused_rather_than_applied_out_of_order(dsn: str, house: Path) -> None:
    await migrate(dsn, ROOMS, house=house)
    await run(dsn, "DELETE FROM runtime.migration WHERE room = 'shop' AND number = 1")
    assert (await refusal(dsn, house)).code == "migration_gap"


async def test_a_failing_file_leaves_nothing_behind_and_those_before_it_stay(dsn: str, house: Path) -> None:
    build(house, {"shop/schema/0002_price.sql": "ALTER TABLE shop.item ADD COLUMN price bigint;\n\nSELECT nonsense;"})
    with pytest.raises(MigrationRefused, match=r"shop/schema/0002_price\.sql, line 3,.*nonsense") as refused:
        await migrate(dsn, ROOMS, house=house)
    assert refused.value.code == "migration_failed"
    assert await columns(dsn, "shop.item") == {"id"}
    build(house, SHOP)
    assert [m.number for m in (await migrate(dsn, ROOMS, house=house)).migrations] == [2]
    assert await columns(dsn, "shop.item") == {"id", "price"}


async def test_the_application_reads_what_a_file_grants_and_nothing_more(dsn: str, house: Path) -> None:
    await migrate(dsn, ROOMS, house=house)
    connection = await asyncpg.connect(dsn, server_settings={"role": "cambista_app"})
    try:
        assert await connection.fetch("SELECT * FROM shop.item") == []
        assert await connection.fetchval("SELECT count(*) FROM runtime.migration") == 3
        for forbidden in ("INSERT INTO shop.item VALUES (1)", "SELECT * FROM runtime.note", "CREATE TABLE shop.x ()"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
    finally:
        await connection.close()


async def test_nobody_can_log_in_as_the_application_or_pass_its_policies(postgres: EmbeddedPostgres, dsn: str) -> None:
    await migrate(dsn, [])
    rows = await run(
        dsn,
        "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname IN ('cambista_app', 'cambista_own')",
    )
    assert [tuple(row) for row in rows] == [(False, False, False)] * 2


async def as_owner(postgres: EmbeddedPostgres, rights: str) -> str:
    """A database owned by an ordinary user, as on a PostgreSQL of the operator's own; give his DSN."""
    name = f"owner_{os.urandom(6).hex()}"
    await run(postgres.dsn(), f"CREATE ROLE {name} LOGIN PASSWORD 'pass' {rights}")
    await run(postgres.dsn(), f"CREATE DATABASE {name} OWNER {name}")
    right = urlsplit(postgres.dsn(database=name))
    return right._replace(netloc=f"{name}:pass@").geturl()


@pytest.mark.parametrize("binaries", [None, *SYSTEM_BINARIES], ids=lambda b: b.parent.name if b else "default")
async def test_an_owner_who_is_no_superuser_needs_one_right_and_is_told_which(
    tmp_path: Path, house: Path, binaries: Path | None
) -> None:
    fresh = EmbeddedPostgres(tmp_path / "postgres", durable=False, binaries=binaries)
    await asyncio.to_thread(fresh.start)
    try:
        bare = await as_owner(fresh, "NOCREATEROLE")
        with pytest.raises(MigrationRefused, match=r"CREATE ROLE cambista_app.*CREATE ROLE cambista_own") as refused:
            await migrate(bare, ROOMS, house=house)
        assert refused.value.code == "rights_missing"
        creator = await as_owner(fresh, "CREATEROLE")
        assert (await migrate(creator, ROOMS, house=house)).total == 3
        assert [row["role"] for row in await run(f"{creator}&role=cambista_app", "SELECT current_user AS role")] == [
            "cambista_app"
        ]
        await run(fresh.dsn(), f"GRANT cambista_app, cambista_own TO {urlsplit(bare).username}")
        assert (await migrate(bare, ROOMS, house=house)).total == 3
    finally:
        await asyncio.to_thread(fresh.stop)


async def test_a_database_that_cannot_be_reached_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(MigrationRefused) as refused:
        await migrate(f"postgresql://nobody:x@/nothing?host={tmp_path}", [])
    assert refused.value.code == "database_unreachable"


async def test_a_wrong_password_is_named_as_such(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(MigrationRefused, match="password") as refused:
        await migrate(postgres.dsn().replace("cambista:", "cambista:x", 1), [])
    assert refused.value.code == "database_unreachable"


@pytest.mark.parametrize("binaries", [None, *SYSTEM_BINARIES], ids=lambda b: b.parent.name if b else "default")
async def test_the_houses_own_files_apply_on_every_postgresql_found_here(tmp_path: Path, binaries: Path | None) -> None:
    folders = {path.parents[1].name for path in Path(cambista.__file__).parent.glob("*/schema/*.sql")}
    rooms = [*(room for room in FLOORS if room in folders), *sorted(folders - set(FLOORS))]
    running = EmbeddedPostgres(tmp_path / "postgres", durable=False, binaries=binaries)
    await asyncio.to_thread(running.start)
    try:
        applied = await migrate(running.dsn(), rooms)
        assert {m.room for m in applied.migrations} == folders
    finally:
        await asyncio.to_thread(running.stop)
