"""The folder a server lives in: who holds it, its secret, its data, its socket."""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from cambista.runtime.postgres.accounts import Account, open_to_all, server_account
from cambista.runtime.postgres.errors import PostgresStartFailed

LINGER_S = 10.0
_SOCKET_PATH_BYTES = 103  # Linux takes 107, macOS 103
_TMP = Path("/tmp")  # noqa: S108 - a folder of our own inside it, private and its owner checked  # nosec B108


@dataclass(frozen=True, slots=True)
class Home:
    """A prepared home: `path` is where we see it, `server_path` how the server (maybe with fewer rights) reaches it."""

    path: Path
    account: Account
    reach_fd: int | None

    @property
    def server_path(self) -> Path:
        return self.path if self.reach_fd is None else Path(f"/proc/self/fd/{self.reach_fd}")

    @property
    def cluster(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.path / "log" / "postgres.log"

    @property
    def server_fds(self) -> tuple[int, ...]:
        return () if self.reach_fd is None else (self.reach_fd,)

    def cluster_major(self) -> int | None:
        """The major version that wrote the data; None before the first start."""
        if not self.cluster.exists():
            return None
        try:
            return int((self.cluster / "PG_VERSION").read_text("ascii").strip())
        except (FileNotFoundError, ValueError) as error:
            raise PostgresStartFailed(
                f"{self.cluster} is not a PostgreSQL data folder.",
                code="data_damaged",
                hint="Restore it from a backup, or move it aside to begin with an empty database.",
            ) from error


def make_home(path: Path) -> None:
    """Create the home if need be, closed to others; root's may be walked through by the server, not listed."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (path / "log").mkdir(mode=0o700, exist_ok=True)


def reach_home(path: Path) -> Home:
    """Find a way for the server's account into the home, without opening any folder above it."""
    account = server_account(path)
    if not account.dropped or open_to_all(path):
        return Home(path, account, None)
    if not os.path.isdir("/proc/self/fd"):
        raise PostgresStartFailed(
            f"The server's own account cannot reach {path}.",
            code="home_not_reachable",
            hint="Point CAMBISTA_HOME at a folder every user may walk down to, such as /var/lib/cambista.",
        )
    # Handed down as an open folder: the server starts inside the home without walking the closed folders above.
    return Home(path, account, os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))


def take_lock(path: Path) -> int:
    """Hold the home for this process, or `home_taken` naming its holder; a dead holder's server is waited for."""
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LINGER_S
    while not _flock(lock):
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        if is_alive(holder) or time.monotonic() > deadline:
            os.close(lock)
            raise home_taken(path, holder)
        time.sleep(0.02)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def home_taken(path: Path, holder: str) -> PostgresStartFailed:
    return PostgresStartFailed(
        f"{path} is in use by process {holder}.",
        code="home_taken",
        hint="Stop that one first, or give this house a CAMBISTA_HOME of its own.",
    )


def is_alive(pid: str) -> bool:
    """Whether a process is there and is not merely waiting to be buried by its parent."""
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not os.path.isdir("/proc/self")


def password(path: Path, *, with_cluster: bool) -> str:
    """The owner's password, made once and readable by us alone; `password_lost` when there is data without one."""
    file = path / "password"
    try:
        kept = file.read_text("ascii").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    if with_cluster:
        raise PostgresStartFailed(
            f"{file} is gone, and the database there can only be opened with it.",
            code="password_lost",
            hint="Restore that file from a backup.",
        )
    made = secrets.token_urlsafe(32)
    fresh = path / f"password.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(made + "\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
    return made


def stale_server(cluster: Path) -> int | None:
    """The number in a left-over `postmaster.pid` that is no server of this data any more (another may have it now)."""
    pid = server_pid(cluster)
    if pid is None or not os.path.isdir("/proc/self"):
        return None
    try:
        return None if os.path.samefile(f"/proc/{pid}/cwd", cluster) else pid
    except PermissionError:
        return None
    except OSError:
        return pid


def server_pid(cluster: Path) -> int | None:
    """The process number that holds the data, as its server wrote it."""
    lines = pid_lines(cluster)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def pid_lines(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []


def socket_folder(home: Path, account: Account, *, port: int) -> Path:
    """A private folder for the Unix socket: in the home, or in /tmp where the home's path is too long or closed."""
    folder = home / "run"
    name_bytes = len(os.fsencode(folder / f".s.PGSQL.{port}"))
    if name_bytes > _SOCKET_PATH_BYTES or (account.dropped and not open_to_all(home)):
        key = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        folder = _TMP / f"cambista-{key}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        account.own(folder)
    _assert_private(folder, account)
    return folder


def is_temporary(folder: Path) -> bool:
    return folder.parent == _TMP


def drop_socket_folder(folder: Path) -> None:
    """Leave nothing of ours in /tmp; a folder that is not empty stays."""
    if is_temporary(folder):
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise


def _assert_private(folder: Path, account: Account) -> None:
    held = os.lstat(folder)
    if not stat.S_ISDIR(held.st_mode) or held.st_uid != account.uid or held.st_mode & 0o077:
        raise PostgresStartFailed(
            f"{folder} is not a private folder of the server's account (user number {account.uid}).",
            code="socket_folder_taken",
            hint="Remove it if it is yours; if it is another user's, choose a CAMBISTA_HOME with a shorter path.",
        )


def _flock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
