"""The embedded PostgreSQL on its bad days, for real: processes killed, disks full, doors locked."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from cambista.runtime.postgres import EmbeddedPostgres, PostgresStartFailed
from cambista.runtime.postgres import home as homes
from tests.integration.runtime.houses import (
    BOUND_S,
    SOURCE,
    House,
    answers_again,
    ask,
    become,
    ends,
    needs_linux,
    needs_root,
    parent_of,
    socket_folder,
)


@needs_linux
def test_a_killed_server_is_revived_with_every_committed_row(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        ask(postgres.dsn(), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        before = postgres.server_pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        assert ends(before)
        assert answers_again(postgres, after=before)
        assert postgres.is_running()
        assert ask(postgres.dsn(), "SELECT count(*) FROM kept") == 1000


@needs_linux
def test_a_killed_house_leaves_no_server_and_loses_no_row(home: Path) -> None:
    house = House(home)
    server, keeper = house.server, house.keeper
    ask(house.dsn, "CREATE TABLE kept AS SELECT 1 AS one")
    house.process.kill()
    house.end()
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert ask(postgres.dsn(), "SELECT count(*) FROM kept") == 1
    assert ends(server)
    assert ends(keeper)


@needs_linux
def test_a_killed_house_leaves_no_server_even_when_nobody_starts_another(home: Path) -> None:
    house = House(home)
    server, keeper = house.server, house.keeper
    house.process.kill()
    house.end()
    assert ends(server)
    assert ends(keeper)
    assert not socket_folder(house.dsn).exists() or socket_folder(house.dsn).is_relative_to(home)


@needs_linux
def test_house_keeper_and_server_killed_at_once_are_recovered_from(home: Path) -> None:
    house = House(home)
    ask(house.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n", "CHECKPOINT")
    ask(house.dsn, "INSERT INTO kept SELECT generate_series(1001, 2000)")
    for pid in (house.process.pid, house.keeper, house.server):
        os.kill(pid, signal.SIGKILL)
    house.end()
    assert (home / "data" / "postmaster.pid").exists()
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert ask(postgres.dsn(), "SELECT count(*) FROM kept") == 2000


@needs_linux
def test_a_killed_keeper_takes_the_server_with_it_and_the_house_can_start_again(home: Path) -> None:
    postgres = EmbeddedPostgres(home, durable=False)
    postgres.start()
    server = postgres.server_pid
    assert server is not None
    os.kill(parent_of(server), signal.SIGKILL)
    assert ends(server)
    assert not postgres.is_running()
    postgres.stop()
    with postgres:
        assert ask(postgres.dsn(), "SELECT 1") == 1


@needs_linux
def test_control_c_in_the_terminal_leaves_the_database_to_a_house_that_is_still_closing(
    home: Path,
) -> None:
    house = House(home)
    house.obey("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
    os.killpg(house.process.pid, signal.SIGINT)
    assert ask(house.dsn, "SELECT 1") == 1
    assert house.end() == 0


@needs_linux
def test_a_left_over_pid_file_whose_number_is_now_another_process_does_not_block(ordinary: SimpleNamespace) -> None:
    home = ordinary.folder / "postgres"
    house = House(home, become=ordinary.become)
    order = (
        "import subprocess; postgres.stop(); other = subprocess.Popen(['cat'], stdin=subprocess.PIPE); "
        "(Path(sys.argv[1]) / 'data' / 'postmaster.pid').write_text(f'{other.pid}\\n'); "
        "print(postgres.start(), flush=True); other.communicate()"
    )
    assert house.obey(order) == house.dsn
    assert ask(house.dsn, "SELECT 1") == 1
    assert house.end() == 0


@pytest.fixture
def lingering(home: Path) -> Iterator[int]:
    """A server whose house and keeper are dead and which does not get around to ending: its process number."""
    house = House(home)
    server, keeper = house.server, house.keeper
    os.kill(server, signal.SIGSTOP)
    for pid in (house.process.pid, keeper):
        os.kill(pid, signal.SIGKILL)
    house.end()
    yield server
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGCONT)
    assert ends(server)
    homes.drop_socket_folder(socket_folder(house.dsn))


@needs_linux
def test_a_predecessor_that_is_still_ending_is_waited_for(home: Path, lingering: int) -> None:
    postgres = EmbeddedPostgres(home, durable=False)
    with ThreadPoolExecutor(1) as thread:
        started = thread.submit(postgres.start)
        deadline = time.monotonic() + BOUND_S
        while b"already exists" not in postgres.log.read_bytes() and time.monotonic() < deadline:
            pass
        os.kill(lingering, signal.SIGCONT)
        assert started.result(BOUND_S)
    try:
        assert postgres.server_pid != lingering
        assert ask(postgres.dsn(), "SELECT 1") == 1
    finally:
        postgres.stop()


@needs_linux
def test_a_predecessor_that_never_ends_is_named_after_a_bounded_wait(
    home: Path, lingering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "LINGER_S", 0.5)
    with pytest.raises(PostgresStartFailed, match=f"process {lingering}") as refused:
        EmbeddedPostgres(home, durable=False).start()
    assert refused.value.code == "home_taken"


def test_a_second_house_on_one_home_is_told_who_has_it(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False) as first:
        with pytest.raises(PostgresStartFailed, match=f"process {os.getpid()}") as refused:
            EmbeddedPostgres(home, durable=False).start()
        assert refused.value.code == "home_taken"
        assert ask(first.dsn(), "SELECT 1") == 1


@needs_linux
def test_a_second_process_on_one_home_is_told_who_has_it(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False):
        house = House(home)
        assert house.said.startswith("home_taken")
        assert f"process {os.getpid()}" in house.said
        assert house.end() == 3


def test_a_taken_port_is_named_as_such_and_the_home_is_free_again(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PostgresStartFailed, match="Address already in use") as refused:
            EmbeddedPostgres(home, port=port, durable=False).start()
        assert refused.value.code == "port_taken"
    with EmbeddedPostgres(home, durable=False) as postgres:
        assert ask(postgres.dsn(), "SELECT 1") == 1


@needs_linux
def test_a_home_that_may_not_be_written_is_named_as_such(ordinary: SimpleNamespace) -> None:
    ordinary.folder.chmod(0o555)
    house = House(ordinary.folder / "postgres", become=ordinary.become)
    assert house.said.startswith("home_not_writable")
    assert str(ordinary.folder) in house.said
    assert house.end() == 3


@needs_root
def test_a_user_without_a_name_is_told_so(open_folder: Path) -> None:
    folder = open_folder / "unnamed"
    folder.mkdir()
    os.chown(folder, 54321, 54321)
    house = House(folder / "postgres", become=become(54321))
    assert house.said.startswith("user_unnamed")
    assert house.end() == 3


@needs_root
def test_data_restored_as_root_is_refused_with_the_command_that_mends_it(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False):
        pass
    os.chown(home / "data", 0, 0)
    with pytest.raises(PostgresStartFailed, match="chown -R") as refused:
        EmbeddedPostgres(home).start()
    assert refused.value.code == "data_owner"


def test_a_lost_password_and_a_hollow_data_folder_are_named_as_such(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False):
        pass
    (home / "password").rename(home / "elsewhere")
    with pytest.raises(PostgresStartFailed) as refused:
        EmbeddedPostgres(home).start()
    assert refused.value.code == "password_lost"
    (home / "data" / "PG_VERSION").unlink()
    with pytest.raises(PostgresStartFailed) as refused:
        EmbeddedPostgres(home).start()
    assert refused.value.code == "data_damaged"


def test_a_setting_the_server_does_not_know_is_told_in_the_servers_words(home: Path) -> None:
    with pytest.raises(PostgresStartFailed, match="no_such_setting") as refused:
        EmbeddedPostgres(home, settings={"no_such_setting": "1"}, durable=False).start()
    assert refused.value.code == "start_failed"


def test_another_ones_folder_in_the_place_of_the_socket_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 20) / "postgres"
    with EmbeddedPostgres(home, durable=False) as postgres:
        folder = socket_folder(postgres.dsn())
    folder.mkdir(mode=0o755)
    try:
        with pytest.raises(PostgresStartFailed) as refused:
            EmbeddedPostgres(home, durable=False).start()
    finally:
        folder.rmdir()
    assert refused.value.code == "socket_folder_taken"


@needs_root
@needs_linux
def test_a_full_disk_is_named_as_such_at_the_first_start_and_later(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = """
import os, sys
from pathlib import Path
from cambista.runtime.postgres import EmbeddedPostgres, PostgresStartFailed
def start(home):
    try:
        with EmbeddedPostgres(home, durable=False):
            return "started"
    except PostgresStartFailed as error:
        return error.code
disk = Path(sys.argv[1])
ballast = disk / "ballast"
ballast.write_bytes(bytes(190 * 1024 * 1024))
print(start(disk / "postgres"), len(list((disk / "postgres").glob("data*"))))
ballast.unlink()
print(start(disk / "postgres"))
with ballast.open("wb", buffering=0) as out:
    try:
        while out.write(bytes(4096)):
            pass
    except OSError:
        pass
print(start(disk / "postgres"))
ballast.unlink()
print(start(disk / "postgres"))
"""
    mounted = f'mount -t tmpfs -o size=200m tmpfs {disk} && exec {sys.executable} -c "$0" {disk}'
    told = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, script],
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "unshare failed" in told.stderr or "mount:" in told.stderr:
        pytest.skip(f"no disk can be mounted here: {told.stderr.strip()}")
    assert told.stdout.split("\n")[:4] == ["disk_full 0", "started", "disk_full", "started"], told.stderr
