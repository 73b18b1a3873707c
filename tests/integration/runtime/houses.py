"""What the trials of the embedded PostgreSQL share: houses that can be killed, and ways to ask and to wait."""

import asyncio
import os
import select
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from cambista.runtime.postgres import EmbeddedPostgres, supervision

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


def become(uid: int) -> list[str]:
    """Words that run a command as another user. Python may live under /root, so he may read everything."""
    words = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return [*words, "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=+all"]
