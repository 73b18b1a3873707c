"""PostgreSQL inside the house: one call starts it, one ends it, and it never outlives the house."""

import contextlib
import json
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self
from urllib.parse import quote

from cambista.runtime.database import APPLICATION_ROLE
from cambista.runtime.postgres import home as homes
from cambista.runtime.postgres import supervision
from cambista.runtime.postgres.binaries import Binaries, find_binaries, readable_by_all
from cambista.runtime.postgres.creation import DATABASE, OWNER, QUIET, create_cluster
from cambista.runtime.postgres.errors import PostgresStartFailed, disk_full, disk_refused
from cambista.runtime.postgres.home import Home
from cambista.runtime.postgres.tuning import server_settings

Role = Literal["owner", "app"]
_SOCKET_PORT = 5432
_READY_WITHIN_S = 120.0
_STOP_WITHIN_S = 25.0
_LOCKED = re.compile(r'lock file ".*" already exists')
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class EmbeddedPostgres:
    """A PostgreSQL of this process, its data kept in `home` between runs.

    It listens on a private Unix socket only; with `port` also on 127.0.0.1. `durable=False` is for tests: no fsync.
    Refuses with `PostgresStartFailed`. The calls block; from a coroutine use `await asyncio.to_thread(postgres.start)`.
    """

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        settings: Mapping[str, str] = _NO_SETTINGS,
        *,
        durable: bool = True,
        binaries: Path | None = None,
    ) -> None:
        self._path = Path(os.path.abspath(home))
        self._port = port
        self._settings = server_settings(settings, durable=durable)
        self._durable = durable
        self._given_binaries = binaries
        self._running: _Running | None = None

    def start(self) -> str:
        """Start the server, making the database the first time, and give the owner's DSN. Started already: the same."""
        if self._running is None:
            with contextlib.ExitStack() as undo:
                try:
                    self._running = self._start(undo)
                except OSError as error:
                    raise disk_refused(error) from error
                undo.pop_all()
        return self.dsn()

    def stop(self) -> None:
        """End the server cleanly (within 25 s; after that without its leave). Not running: nothing happens."""
        running, self._running = self._running, None
        if running is not None:
            running.end()

    def dsn(self, role: Role = "owner", *, database: str = DATABASE) -> str:
        """The URL for asyncpg, psql or pgbench: as the owner, or as him acting with the application's few rights."""
        running = self._started()
        host = quote(str(running.socket), safe="")
        acting = f"&options={quote(f'-c role={APPLICATION_ROLE}', safe='')}" if role == "app" else ""
        port = self._port or _SOCKET_PORT
        return f"postgresql://{OWNER}:{running.password}@/{quote(database, safe='')}?host={host}&port={port}{acting}"

    def is_running(self) -> bool:
        """Whether the server answers now (it does not for a moment after a crash, until it is revived)."""
        return self._running is not None and self._running.is_ready()

    @property
    def binaries(self) -> Binaries:
        """The programs in use, for psql, pg_dump or pgbench of the same version."""
        return self._started().binaries

    @property
    def server_pid(self) -> int | None:
        """The process number of the server now; None while it is away."""
        return homes.server_pid(self._path / "data") if self.is_running() else None

    @property
    def log(self) -> Path:
        """The server's log (turned over at 8 MB, four kept)."""
        return self._path / "log" / "postgres.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _started(self) -> "_Running":
        assert self._running is not None, "the embedded PostgreSQL has not been started"
        return self._running

    def _start(self, undo: contextlib.ExitStack) -> "_Running":
        homes.make_home(self._path)
        lock = homes.take_lock(self._path)
        undo.callback(os.close, lock)
        home = homes.reach_home(self._path)
        with contextlib.ExitStack() as opened:
            for fd in home.server_fds:
                opened.callback(os.close, fd)
            return self._start_in(home, lock, undo)

    def _start_in(self, home: Home, lock: int, undo: contextlib.ExitStack) -> "_Running":
        cluster_major = home.cluster_major()
        binaries = find_binaries(self._given_binaries, cluster_major=cluster_major)
        if home.account.dropped:
            binaries = readable_by_all(binaries, home.path)
        password = homes.password(home.path, with_cluster=cluster_major is not None)
        if cluster_major is None:
            create_cluster(home, binaries, password, durable=self._durable)
        port = self._port or _SOCKET_PORT
        socket = homes.socket_folder(home.path, home.account, port=port)
        undo.callback(homes.drop_socket_folder, socket)
        argv = self._argv(home, binaries, socket)
        running = _Running(home, binaries, socket, password=password, lock=lock)
        undo.callback(running.dismiss)
        running.launch(argv)
        return running

    def _argv(self, home: Home, binaries: Binaries, socket: Path) -> list[str]:
        places = {
            "unix_socket_directories": str(socket),
            "listen_addresses": "127.0.0.1" if self._port else "",
            "port": str(self._port or _SOCKET_PORT),
        }
        argv = [binaries.tool("postgres"), "-D", str(home.server_path / "data")]
        for name, value in (self._settings | places).items():
            argv += ["-c", f"{name}={value}"]
        return argv


class _Running:
    """One server with its keeper, from launch to end."""

    def __init__(self, home: Home, binaries: Binaries, socket: Path, *, password: str, lock: int) -> None:
        self._home = home
        self.binaries = binaries
        self.socket = socket
        self.password = password
        self._lock = lock
        self._keeper: subprocess.Popen[bytes] | None = None

    def launch(self, argv: list[str]) -> None:
        """Start the keeper and wait until the server takes connections."""
        env = dict(QUIET)
        stale = homes.stale_server(self._home.cluster)
        if stale is not None:
            # PostgreSQL's own way to be told that this number in its lock file is not another server.
            env["PG_GRANDPARENT_PID"] = str(stale)
        order = {
            "argv": argv,
            "env": env,
            "drop": self._home.account.drop(),
            "fds": self._home.server_fds,
            "log": str(self._home.log),
            "litter": str(self.socket) if homes.is_temporary(self.socket) else "",
        }
        keeper_argv = [sys.executable, "-I", "-S", supervision.__file__, json.dumps(order)]
        self._keeper = subprocess.Popen(  # our own programs, an argument list, no shell  # nosec B603
            keeper_argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(self._lock, *self._home.server_fds),
            start_new_session=True,
            cwd="/",
        )
        self._await_ready(self._keeper)

    def is_ready(self) -> bool:
        lines = homes.pid_lines(self._home.cluster)
        ready = len(lines) > 7 and lines[7].strip() == "ready" and homes.is_alive(lines[0].strip())
        return ready and self._keeper is not None and self._keeper.poll() is None

    def end(self) -> None:
        self.dismiss()
        homes.drop_socket_folder(self.socket)
        os.close(self._lock)

    def dismiss(self) -> None:
        """Tell the keeper to stop and wait; one that does not end is killed, and then the kernel ends the server."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            keeper.stdin.write(b"stop\n")
            keeper.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            keeper.stdin.close()
        keeper.stdout.close()
        try:
            keeper.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()

    def _await_ready(self, keeper: subprocess.Popen[bytes]) -> None:
        began = time.monotonic()
        said = ""
        pid = 0
        news = _News(keeper)
        while time.monotonic() - began < _READY_WITHIN_S:
            for event in news.read(0.01):
                pid = int(event.get("pid", 0))
                said = event.get("said", said)
                if event["event"] == "ended":
                    self._judge(said, patient=time.monotonic() - began < homes.LINGER_S)
            if pid and homes.server_pid(self._home.cluster) == pid and self.is_ready():
                return
        raise PostgresStartFailed(
            f"PostgreSQL was not ready within {_READY_WITHIN_S:.0f} s.",
            code="start_timeout",
            hint=f"A long recovery after a crash may need more; see {self._home.log}.",
        )

    def _judge(self, said: str, *, patient: bool) -> None:
        """Turn the last words of a server that did not start into a failure; a predecessor is given time to end."""
        if "No space left on device" in said:
            raise disk_full("There is no room left for PostgreSQL to start.")
        if _LOCKED.search(said) or "pre-existing shared memory block" in said:
            if patient:
                return
            raise homes.home_taken(self._home.path, str(homes.server_pid(self._home.cluster)))
        if "could not bind" in said or "could not create any TCP/IP sockets" in said:
            raise PostgresStartFailed(
                f"PostgreSQL cannot listen on its port of 127.0.0.1: {_reason(said)}",
                code="port_taken",
                hint="Choose another port, or none: the house itself talks over its Unix socket.",
            )
        raise PostgresStartFailed(
            f"PostgreSQL did not start: {_reason(said)}",
            code="start_failed",
            hint=f"See {self._home.log}.",
        )


class _News:
    """The keeper's lines, as they come."""

    def __init__(self, keeper: subprocess.Popen[bytes]) -> None:
        assert keeper.stdout is not None
        self._pipe = keeper.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._kept = b""

    def read(self, seconds: float) -> list[dict[str, str]]:
        """What was told within the time; a line that is no news is the keeper's own failure."""
        with selectors.DefaultSelector() as ears:
            ears.register(self._pipe, selectors.EVENT_READ)
            if not ears.select(seconds):
                return []
        chunk = os.read(self._pipe.fileno(), 65536)
        if not chunk:
            raise PostgresStartFailed(
                f"The keeper of PostgreSQL ended: {self._kept.decode('utf-8', 'replace')[-2000:]}",
                code="start_failed",
                hint="This is a fault of the house; please report it.",
            )
        *lines, self._kept = (self._kept + chunk).split(b"\n")
        return [json.loads(line) for line in lines if line.startswith(b"{")]


def _reason(said: str) -> str:
    lines = [line for line in said.splitlines() if "FATAL" in line or "could not" in line or "cannot" in line]
    return " ".join(lines[:3]) or said[-500:] or "it said nothing"
