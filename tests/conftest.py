"""What every test may ask for: the recorded data beside the project, and how hard Hypothesis should try."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cambista.runtime import Runtime
from tests.databases import TestServer, open_runtime, running_server
from tests.recordings import recorded_data, under_ci
from tests.secrecy import Secrecy, install, leaks_in_files

# No deadlines: with two cores shared with servers a slow example is no bug. CI repeats the same examples.
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("long", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("CAMBISTA_HYPOTHESIS", "ci" if under_ci(os.environ) else "dev"))


def pytest_configure(config: pytest.Config) -> None:
    """Listen to all that is logged and refused: no test may tell a secret (`tests/secrecy.py`)."""
    install()
    config.pluginmanager.register(Secrecy(), "cambista-secrecy")


@pytest.fixture(scope="session", autouse=True)
def _no_secret_in_log_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    leaks = leaks_in_files(tmp_path_factory.getbasetemp())
    assert not leaks, "secrets stand in log files:\n" + "\n".join(leaks[:20])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads the recorded data, so that `-m "not data"` leaves it out."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market data (`CAMBISTA_SHARED_DATA`, or `shared/data` beside the project).

    Where it is absent the test is skipped with this reason; under CI nothing is skipped, so there it fails.
    """
    return recorded_data(os.environ)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """A real PostgreSQL of this test process."""
    with running_server(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture
async def dsn(server: TestServer) -> AsyncIterator[str]:
    """A fresh, migrated database of this test alone."""
    async with server.database() as made:
        yield made


@pytest.fixture
async def runtime(dsn: str) -> AsyncIterator[Runtime]:
    """A runtime on that database; `runtime.clock` is a ManualClock."""
    async with open_runtime(dsn) as made:
        yield made
