"""Homes and users for the embedded PostgreSQL's trials."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cambista.runtime.postgres import EmbeddedPostgres
from tests.integration.runtime.houses import AS_ROOT, become


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
