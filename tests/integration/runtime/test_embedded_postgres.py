"""The embedded PostgreSQL on its good days and its bad ones, for real: processes killed, disks full, doors locked."""

import asyncio
import contextlib
import os
import pwd
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from cambista.runtime.migrations import migrate
from cambista.runtime.postgres import BIN_SETTING, EmbeddedPostgres, PostgresStartFailed, supervision
from cambista.runtime.postgres import home as homes

AS_ROOT = os.geteuid() == 0
BOUND_S = 30.0
SOURCE = Path(supervision.__file__).parents[3]
SYSTEM_BINARIES = sorted(Path("/usr/lib/postgresql").glob("1[5-8]/bin"))

needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can become another user or mount a disk")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="speaks of Linux processes")

HOUSE = """
import sys
from pathlib import Path
from cambista.runtime.postgres import EmbeddedPostgres, PostgresStartFailed
postgres = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
try:
    print(postgres.start(), postgres.server_pid, flush=True)
except PostgresStartFailed as error:
    print(error.code, error, flush=True)
    sys.exit(3)
for order in sys.stdin:
    exec(order)
    print("done", flush=True)
postgres.stop()
"""


class House:
    """A process of its own that runs an embedded PostgreSQL and obeys lines of Python."""

    def __init__(self, home: Path, *, become: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*become, sys.executable, "-c", HOUSE, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(SOURCE), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        self.said = self.process.stdout.readline().strip()

    @property
    def dsn(self) -> str:
        return self.said.split()[0]

    @property
    def server(self) -> int:
        return int(self.said.split()[1])

    @property
    def keeper(self) -> int:
        return parent_of(self.server)

    def obey(self, order: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(BOUND_S)
        self.process.stdout.close()
        return code


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ends(pid: int) -> bool:
    """Whether the process ends within the bound (woken by the kernel, not by a clock)."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], BOUND_S)[0])
    finally:
        os.close(watched)


def ask(dsn: str, *statements: str) -> Any:
    """Run the statements and give the value of the last."""

    async def run() -> Any:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            value = None
            for statement in statements:
                value = await connection.fetchval(statement)
            return value
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(run())


def answers_again(postgres: EmbeddedPostgres, *, after: int) -> bool:
    """Whether a server other than `after` takes connections within the bound."""
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline:
        if (
            subprocess.run([postgres.binaries.tool("pg_isready"), "-q", "-d", postgres.dsn()], check=False).returncode
            == 0
        ):
            return postgres.server_pid != after
    return False


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def socket_folder(dsn: str) -> Path:
    return Path(parse_qs(urlsplit(dsn).query)["host"][0])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home no other user can reach: pytest's own folders are closed."""
    return tmp_path / "postgres"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every user may walk down to, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="cambista-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def become(uid: int) -> list[str]:
    """Words that run a command as another user. Python may live under /root, so he may read everything."""
    words = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return [*words, "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=+all"]


@pytest.fixture
def ordinary(open_folder: Path) -> SimpleNamespace:
    """An ordinary user with a folder of his own: `nobody` when we are root, else us."""
    uid = pwd.getpwnam("nobody").pw_uid if AS_ROOT else os.geteuid()
    folder = open_folder / "his"
    folder.mkdir()
    os.chown(folder, uid, -1)
    return SimpleNamespace(folder=folder, uid=uid, become=become(uid) if AS_ROOT else [])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("cluster") / "postgres") as postgres:
        yield postgres


# --------------------------------------------------------------------------------------------------------- good days


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


# ---------------------------------------------------------------------------------------------------------- bad days


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
