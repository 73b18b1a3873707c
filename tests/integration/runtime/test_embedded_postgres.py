"""The embedded PostgreSQL on its good days: started, set, closed to others, run by root and by others."""

import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import asyncpg
import pytest

from cambista.runtime.migrations import migrate
from cambista.runtime.postgres import BIN_SETTING, EmbeddedPostgres, PostgresStartFailed, supervision
from tests.integration.runtime.houses import (
    BOUND_S,
    SYSTEM_BINARIES,
    House,
    ask,
    ends,
    mode,
    needs_linux,
    needs_root,
    socket_folder,
)


def test_the_database_is_kept_between_runs(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False) as postgres:
        ask(postgres.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert ask(postgres.dsn(), "SELECT answer FROM kept") == 42


def test_starting_twice_is_starting_once_and_stopping_twice_is_stopping_once(home: Path) -> None:
    postgres = EmbeddedPostgres(home, durable=False)
    assert not postgres.is_running()
    assert postgres.start() == postgres.start()
    assert postgres.is_running()
    postgres.stop()
    postgres.stop()
    assert not postgres.is_running()


@needs_linux
def test_after_a_stop_neither_server_nor_keeper_is_left(home: Path) -> None:
    house = House(home)
    server, keeper = house.server, house.keeper
    assert house.end() == 0
    assert ends(server)
    assert ends(keeper)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "4GB"),
        ("max_connections", "64"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_the_server_is_set_for_durable_orders(running: EmbeddedPostgres, setting: str, value: str) -> None:
    assert ask(running.dsn(), f"SHOW {setting}") == value


def test_settings_given_win_and_a_forgetful_server_says_so(home: Path) -> None:
    with EmbeddedPostgres(home, settings={"work_mem": "5MB"}, durable=False) as postgres:
        assert ask(postgres.dsn(), "SHOW work_mem") == "5MB"
        assert ask(postgres.dsn(), "SHOW fsync") == "off"


def test_nobody_gets_in_without_the_password(running: EmbeddedPostgres) -> None:
    right = urlsplit(running.dsn())
    wrong = running.dsn().replace(str(right.password), "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(wrong, "SELECT 1")


def test_secret_data_and_socket_are_closed_to_others(running: EmbeddedPostgres) -> None:
    home = running.log.parents[1]
    assert (home / "password").read_text().strip() == urlsplit(running.dsn()).password
    assert mode(home / "password") == 0o600
    assert mode(home / "data") == 0o700
    assert mode(home / "log") == 0o700
    assert mode(socket_folder(running.dsn())) == 0o700


@needs_root
@needs_linux
def test_root_gives_the_server_a_user_number_of_its_own_and_opens_no_folder_above_the_home(home: Path) -> None:
    home.parent.chmod(0o700)
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert postgres.server_pid is not None
        owner = Path(f"/proc/{postgres.server_pid}").stat().st_uid
        assert owner not in {0, pwd.getpwnam("nobody").pw_uid}
        assert (home / "data").stat().st_uid == owner
        assert {path.lstat().st_uid for path in (home / "data").rglob("*")} == {owner}
        assert (home / "password").stat().st_uid == 0
    assert mode(home.parent) == 0o700


@needs_root
def test_root_may_also_keep_the_home_where_everybody_can_walk(open_folder: Path) -> None:
    home = open_folder / "postgres"
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert ask(postgres.dsn(), "SHOW data_directory") == str(home / "data")
        assert socket_folder(postgres.dsn()) == home / "run"


@needs_root
def test_programs_the_servers_user_cannot_read_are_copied_once_into_the_home(
    running: EmbeddedPostgres, open_folder: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    package = running.binaries.folder.parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, closed / folder.name, symlinks=True)
    closed.chmod(0o700)
    home = open_folder / "postgres"
    for _ in range(2):
        with EmbeddedPostgres(home, durable=False, binaries=closed / package.name / "pginstall" / "bin") as postgres:
            assert ask(postgres.dsn(), "SELECT 1") == 1
            assert postgres.binaries.folder.is_relative_to(home)
    assert len(list(home.glob("pginstall-*"))) == 1


@needs_linux
def test_an_ordinary_user_runs_it_as_himself(ordinary: SimpleNamespace) -> None:
    house = House(ordinary.folder / "postgres", become=ordinary.become)
    assert house.said.startswith("postgresql://"), house.said
    assert Path(f"/proc/{house.server}").stat().st_uid == ordinary.uid
    assert mode(ordinary.folder / "postgres") == 0o700
    assert house.end() == 0


def test_a_home_with_a_very_long_path_has_its_socket_in_a_private_folder_that_goes_with_it(
    tmp_path: Path,
) -> None:
    home = tmp_path / ("long" * 20) / "postgres"
    postgres = EmbeddedPostgres(home, durable=False)
    folder = socket_folder(postgres.start())
    try:
        assert folder.parent == Path("/tmp")  # noqa: S108
        assert mode(folder) == 0o700
        assert ask(postgres.dsn(), "SELECT 1") == 1
    finally:
        postgres.stop()
    assert not folder.exists()


def test_with_a_port_it_listens_on_this_machine_only(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with EmbeddedPostgres(home, port=port, durable=False) as postgres:
        password = urlsplit(postgres.dsn()).password
        over_tcp = f"postgresql://cambista:{password}@127.0.0.1:{port}/cambista"
        assert ask(over_tcp, "SHOW listen_addresses") == "127.0.0.1"
        assert ask(postgres.dsn(), "SELECT inet_server_addr() IS NULL") is True


async def test_the_applications_dsn_acts_with_the_applications_few_rights(running: EmbeddedPostgres) -> None:
    await migrate(running.dsn(), [])
    connection = await asyncpg.connect(running.dsn("app"))
    try:
        assert await connection.fetchval("SELECT current_user") == "cambista_app"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM runtime.migration")
    finally:
        await connection.close()


def test_pgbench_of_the_same_installation_can_connect(running: EmbeddedPostgres) -> None:
    pgbench = running.binaries.tool("pgbench")
    subprocess.run([pgbench, "-i", "-q", "-s", "1", running.dsn()], check=True, capture_output=True, timeout=BOUND_S)
    told = subprocess.run(
        [pgbench, "-N", "-c", "2", "-t", "5", running.dsn()],
        check=True,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )
    assert "number of transactions actually processed: 10/10" in told.stdout


def test_the_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "LOG_BYTES", 1000)
    log = supervision.BoundedLog(tmp_path / "postgres.log")
    for number in range(200):
        log.write(b"%098d\n" % number)
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == supervision.LOG_FILES
    assert all(file.stat().st_size <= 1000 for file in files)
    assert (tmp_path / "postgres.log").read_bytes().endswith(b"199\n")


# ------------------------------------------------------------------------------------------------- other installations


@pytest.mark.parametrize("binaries", SYSTEM_BINARIES, ids=lambda folder: folder.parent.name)
def test_a_systems_postgresql_serves_and_its_data_finds_it_again(
    home: Path, binaries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BIN_SETTING, str(binaries))
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert postgres.binaries.folder == binaries
        ask(postgres.dsn(), "CREATE TABLE kept AS SELECT 7 AS answer")
    monkeypatch.delenv(BIN_SETTING)
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert str(postgres.binaries.major) == binaries.parent.name
        assert ask(postgres.dsn(), "SELECT answer FROM kept") == 7


def test_data_of_a_major_version_that_is_not_here_is_refused_with_the_way_to_upgrade(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False):
        pass
    (home / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresStartFailed, match=r"PostgreSQL 14.*pg_dump") as refused:
        EmbeddedPostgres(home).start()
    assert refused.value.code == "data_version"


def test_a_folder_without_postgresql_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(PostgresStartFailed) as refused:
        EmbeddedPostgres(home, binaries=tmp_path).start()
    assert refused.value.code == "binaries_missing"
