"""The first start: one admin, its key in a file, across crashes and beside others."""

import asyncio
import stat
from pathlib import Path

import pytest

from cambista.identity import Identity
from cambista.identity.rules import keys as rules
from cambista.kernel.callers import Role
from cambista.runtime import Runtime


@pytest.fixture
def identity(runtime: Runtime) -> Identity:
    return Identity(runtime)


async def admits(identity: Identity, key: str) -> bool:
    return (await identity.authenticate(key, address="", trace_id="")).role is Role.ADMIN


async def test_the_first_start_writes_a_key_that_opens_and_that_only_its_owner_reads(
    identity: Identity, tmp_path: Path
) -> None:
    path = await identity.bootstrap(tmp_path / "home")
    assert path == tmp_path / "home" / "admin.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await admits(identity, path.read_text().strip())
    assert [file.name for file in path.parent.iterdir()] == ["admin.key"]


async def test_later_starts_change_nothing(identity: Identity, tmp_path: Path) -> None:
    path = await identity.bootstrap(tmp_path)
    assert path is not None
    key = path.read_text()
    assert await identity.bootstrap(tmp_path) is None
    assert path.read_text() == key
    path.unlink()
    assert await identity.bootstrap(tmp_path) is None
    assert not path.exists()


@pytest.mark.parametrize("point", ("before_commit", "after_commit"))
async def test_a_crash_around_the_commit_leaves_a_key_that_opens_after_the_next_start(
    identity: Identity, runtime: Runtime, tmp_path: Path, point: str
) -> None:
    def crash(at: str) -> None:
        if at == point:
            raise SystemError("crash")

    runtime.db.fault = crash
    with pytest.raises(SystemError):
        await identity.bootstrap(tmp_path)
    runtime.db.fault = lambda at: None
    key = (tmp_path / "admin.key").read_text().strip()
    await identity.bootstrap(tmp_path)
    assert (tmp_path / "admin.key").read_text().strip() == key
    assert await admits(identity, key)


@pytest.mark.parametrize("left", ("nonsense", "", "x" * 10_000))
async def test_a_file_that_holds_no_key_is_replaced(identity: Identity, tmp_path: Path, left: str) -> None:
    (tmp_path / "admin.key").write_text(left)
    (tmp_path / "admin.key").chmod(0o600)
    path = await identity.bootstrap(tmp_path)
    assert path is not None
    assert await admits(identity, path.read_text().strip())


async def test_a_key_others_could_have_read_is_not_used(identity: Identity, tmp_path: Path) -> None:
    leaked = rules.key_text(prefix=b"12345", secret=b"s" * 32)
    (tmp_path / "admin.key").write_text(leaked)
    (tmp_path / "admin.key").chmod(0o644)
    path = await identity.bootstrap(tmp_path)
    assert path is not None
    assert path.read_text().strip() != leaked
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_two_houses_starting_at_once_make_one_admin(runtime: Runtime, tmp_path: Path) -> None:
    paths = await asyncio.gather(*(Identity(runtime).bootstrap(tmp_path) for _ in range(4)))
    assert sum(path is not None for path in paths) == 1
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM identity.principal") == 1
    assert await admits(Identity(runtime), (tmp_path / "admin.key").read_text().strip())
