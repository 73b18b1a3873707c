"""The file of key-encryption keys: private, whole, shared by processes that start at once."""

import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cambista.runtime import KeysUnavailable
from cambista.runtime.sealing import KeyFileRefused, LocalKeys


async def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / "sealing.keys"
    LocalKeys.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["sealing.keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_a_file_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "sealing.keys"
    LocalKeys.open(path)
    path.chmod(mode)
    with pytest.raises(KeyFileRefused, match="nobody else may read"):
        LocalKeys.open(path)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"keys": {}}', '{"keys": {"1": "AAAA"}}', '{"keys": {"0": ""}}', '{"keys": []}', "\x00", "[1]"]
)
async def test_a_file_that_holds_something_else_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sealing.keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileRefused, match="holds no key-encryption keys"):
        LocalKeys.open(path)
    assert path.read_text() == text


async def test_a_link_to_a_file_is_not_followed(tmp_path: Path) -> None:
    LocalKeys.open(tmp_path / "elsewhere")
    (tmp_path / "sealing.keys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileRefused):
        LocalKeys.open(tmp_path / "sealing.keys")


async def test_of_many_first_starts_at_once_all_use_one_key(tmp_path: Path) -> None:
    path = tmp_path / "sealing.keys"
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: LocalKeys.open(path), range(8)))
    [wrapped] = await opened[0].wrap([bytes(32)])
    assert [await each.unwrap([wrapped]) for each in opened] == [[bytes(32)]] * 8


async def test_a_rotation_by_another_process_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sealing.keys"
    running, command = LocalKeys.open(path), LocalKeys.open(path)
    [old] = await running.wrap([b"o" * 32])
    assert await command.rotate() == "local:file:2" == await running.newest()
    [new] = await running.wrap([b"n" * 32])
    assert await LocalKeys.open(path).unwrap([old, new]) == [b"o" * 32, b"n" * 32]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_two_rotations_at_once_make_two_keys_and_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "sealing.keys"
    houses = [LocalKeys.open(path) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda each: asyncio.run(each.rotate()), houses))
    assert await houses[0].newest() == "local:file:7"


async def test_a_running_house_whose_file_is_spoilt_says_that_its_keys_are_away(tmp_path: Path) -> None:
    path = tmp_path / "sealing.keys"
    running = LocalKeys.open(path)
    path.write_text("spoilt, and longer than before" * 10)
    with pytest.raises(KeysUnavailable):
        await running.newest()
