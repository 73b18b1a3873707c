"""A new database cluster: made beside its place and moved there whole, so a half-made one is never started."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cambista.runtime.postgres.accounts import Account, named_account
from cambista.runtime.postgres.binaries import Binaries
from cambista.runtime.postgres.errors import PostgresStartFailed, disk_full
from cambista.runtime.postgres.home import Home

OWNER = "cambista"
DATABASE = "cambista"
QUIET = {"LC_ALL": "C", "PATH": os.defpath}
_WITHIN_S = 120


def create_cluster(home: Home, binaries: Binaries, password: str, *, durable: bool) -> None:
    """Make `home/data` with the owner, his password and an empty database; SCRAM for everybody, checksums on."""
    for left_over in home.path.glob("data.new-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    fresh = home.path / f"data.new-{os.getpid()}"
    fresh.mkdir(mode=0o700)
    maker = named_account(home.account)
    try:
        maker.own(fresh)
        _initdb(home, binaries, maker, _InitdbOrder(fresh, password, durable))
        _create_database(home, binaries, maker, fresh)
        _hand_over(fresh, maker, home.account)
        fresh.rename(home.cluster)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _sync(home.path)


class _InitdbOrder:
    def __init__(self, folder: Path, password: str, durable: bool) -> None:
        self.folder = folder
        self.password = password
        self.durable = durable

    def argv(self, binaries: Binaries, *, folder: Path, secret_fd: int) -> list[str]:
        locale = ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
        if binaries.major >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = [] if self.durable else ["--no-sync"]
        secret = f"--pwfile=/dev/fd/{secret_fd}"
        fixed = ["--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", "--no-instructions"]
        return [binaries.tool("initdb"), f"--pgdata={folder}", f"--username={OWNER}", secret, *fixed, *locale, *sync]


def _initdb(home: Home, binaries: Binaries, maker: Account, order: _InitdbOrder) -> None:
    # A pipe, not a file: the password is read once and never lies on a disk readable by the maker.
    reading, writing = os.pipe()
    try:
        if maker.dropped:
            os.fchown(reading, maker.uid, maker.gid)
        os.write(writing, order.password.encode() + b"\n")
        os.close(writing)
        argv = order.argv(binaries, folder=home.server_path / order.folder.name, secret_fd=reading)
        _run(argv, maker, (reading, *home.server_fds))
    finally:
        os.close(reading)


def _create_database(home: Home, binaries: Binaries, maker: Account, folder: Path) -> None:
    argv = [binaries.tool("postgres"), "--single", "-F", "-D", str(home.server_path / folder.name), "postgres"]
    _run(argv, maker, home.server_fds, told=f"CREATE DATABASE {DATABASE}\n")


def _run(argv: Sequence[str], account: Account, fds: tuple[int, ...], told: str = "") -> None:
    try:
        done = subprocess.run(  # our own programs, an argument list, no shell  # nosec B603
            argv,
            input=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=QUIET,
            pass_fds=fds,
            cwd="/",
            timeout=_WITHIN_S,
            check=False,
            **account.drop(),
        )
    except subprocess.TimeoutExpired as error:
        raise PostgresStartFailed(
            f"{argv[0]} did not end within {_WITHIN_S} s.", code="start_timeout", hint="Is the disk extremely slow?"
        ) from error
    if done.returncode == 0 and "FATAL" not in done.stdout and "ERROR" not in done.stdout:
        return
    said = done.stdout[-2000:]
    if "No space left on device" in said:
        raise disk_full("There is no room left to make the database.")
    raise PostgresStartFailed(
        f"{Path(argv[0]).name} failed: {said}", code="start_failed", hint="Its own words above say why."
    )


def _hand_over(folder: Path, maker: Account, account: Account) -> None:
    if maker == account:
        return
    for where, _, files in os.walk(folder):
        for path in (Path(where), *(Path(where, name) for name in files)):
            assert os.lstat(path).st_uid == maker.uid, f"{path} is not what initdb wrote"
            account.own(path)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
