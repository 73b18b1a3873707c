"""The keeper between the house and its PostgreSQL, run as a script: ends it with the house, revives it when it dies.

Standard library only: it starts in milliseconds and shares no fate with the house. The house holds the other end of its
standard input; a word there, or the end of it (however the house died), means stop.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOG_BYTES = 8 * 1024 * 1024
LOG_FILES = 4
_FAST_S = 10.0
_IMMEDIATE_S = 5.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
_STEADY_S = 5.0
_SAID_CHARS = 3000
_PR_SET_PDEATHSIG = 1
_LIFELINE = 0
_HOUSE = 1


class BoundedLog:
    """Appends to a file, turned over at 8 MB; the last four are kept. A full disk loses lines, never the server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = self._open()

    def write(self, lines: bytes) -> None:
        with contextlib.suppress(OSError):
            if os.fstat(self._fd).st_size + len(lines) > LOG_BYTES:
                self._turn_over()
            os.write(self._fd, lines)

    def close(self) -> None:
        os.close(self._fd)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _turn_over(self) -> None:
        for number in range(LOG_FILES - 1, 0, -1):
            older = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            with contextlib.suppress(FileNotFoundError):
                older.replace(self._path.with_name(f"{self._path.name}.{number}"))
        os.close(self._fd)
        self._fd = self._open()


class Keeper:
    """Runs one server after another until told to stop."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._log = BoundedLog(Path(str(order["log"])))
        self._stopping = False
        self._said = b""
        self._wake, wake_writer = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_writer, False)
        os.set_blocking(_HOUSE, False)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        # A terminal's Ctrl-C or a service's stop reaches us too; the house must end first, so only the lifeline counts.
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stopping:
            began = time.monotonic()
            self._serve()
            steady = time.monotonic() - began > _STEADY_S
            pause = _FIRST_PAUSE_S if steady else min(pause * 2, _LONGEST_PAUSE_S)
            self._watch(None, pause)
        if self._order["litter"]:
            with contextlib.suppress(OSError):
                Path(self._order["litter"]).rmdir()

    def _serve(self) -> None:
        self._said = b""
        try:
            server = self._spawn()
        except (OSError, subprocess.SubprocessError) as error:
            self._tell({"event": "ended", "said": f"cannot start: {error}"})
            return
        self._tell({"event": "started", "pid": server.pid})
        while server.poll() is None and not self._stopping:
            self._watch(server, 60)
        self._end(server)
        assert server.stderr is not None
        self._read(server.stderr.fileno())
        server.stderr.close()
        self._log.write(f"keeper: server {server.pid} ended with {server.returncode}\n".encode())
        self._tell({"event": "ended", "said": self._said.decode("utf-8", "replace")[-_SAID_CHARS:]})

    def _spawn(self) -> subprocess.Popen[bytes]:
        order = self._order
        server: subprocess.Popen[bytes] = subprocess.Popen(  # our own programs, an argument list, no shell  # nosec B603
            order["argv"],
            env=order["env"],
            pass_fds=order["fds"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - the keeper has one thread
            **order["drop"],
        )
        assert server.stderr is not None
        os.set_blocking(server.stderr.fileno(), False)
        return server

    def _watch(self, server: subprocess.Popen[bytes] | None, seconds: float) -> None:
        """Until something happens or time is over: the server's words go to the log, a word from the house stops."""
        with selectors.DefaultSelector() as ears:
            ears.register(self._wake, selectors.EVENT_READ)
            if not self._stopping:
                ears.register(_LIFELINE, selectors.EVENT_READ)
            if server is not None and server.stderr is not None and not server.stderr.closed:
                ears.register(server.stderr, selectors.EVENT_READ)
            for key, _ in ears.select(seconds):
                if key.fd == _LIFELINE:
                    self._stopping = True
                elif key.fd == self._wake:
                    os.read(self._wake, 512)
                elif not self._read(key.fd) and server is not None:
                    server.poll()

    def _read(self, fd: int) -> bool:
        try:
            lines = os.read(fd, 65536)
        except BlockingIOError:
            return True
        self._log.write(lines)
        self._said = (self._said + lines)[-_SAID_CHARS:]
        return bool(lines)

    def _end(self, server: subprocess.Popen[bytes]) -> None:
        """Fast shutdown, bounded; then immediate; then none at all: the log is replayed at the next start."""
        for number, seconds in (
            (signal.SIGINT, _FAST_S),
            (signal.SIGQUIT, _IMMEDIATE_S),
            (signal.SIGKILL, _IMMEDIATE_S),
        ):
            if server.poll() is not None:
                return
            server.send_signal(number)
            deadline = time.monotonic() + seconds
            while server.poll() is None and time.monotonic() < deadline:
                self._watch(server, deadline - time.monotonic())

    def _tell(self, news: dict[str, object]) -> None:
        with contextlib.suppress(OSError):
            os.write(_HOUSE, json.dumps(news).encode() + b"\n")


def _die_with(keeper: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        # After the change of user, which would clear it. Should the keeper be killed, the kernel ends the server.
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(1)

    return ask


if __name__ == "__main__":
    Keeper(json.loads(sys.argv[1])).run()
