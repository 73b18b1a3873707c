"""What stands around the code keeps its word: pins, bans, no registry's name, data tests that never pass unread."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.planting import PROJECT
from tests.recordings import recorded_data

# Written in pieces, so that this file itself names none of them.
REGISTRY_HOSTS = tuple(
    ".".join(pieces)
    for pieces in (
        ("py" + "pi", "org"),
        ("python" + "hosted", "org"),
        ("registry", "npm" + "js", "org"),
        ("registry", "yarn" + "pkg", "com"),
        ("cra" + "tes", "io"),
        ("proxy", "gol" + "ang", "org"),
        ("ruby" + "gems", "org"),
        ("ana" + "conda", "org"),
    )
)
NOT_OURS = {
    ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache", ".cambista",
    "__pycache__", "node_modules", "build", "dist", "htmlcov",
}  # fmt: skip
PIN = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)", re.MULTILINE)


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name in NOT_OURS or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.stat().st_size < 4_000_000:
            yield entry


def _named_hosts(folder: Path) -> list[str]:
    texts = ((file, file.read_bytes().lower()) for file in _files(folder))
    return [f"{file}: {host}" for file, text in texts for host in REGISTRY_HOSTS if host.encode() in text]


def test_no_file_names_a_package_registry() -> None:
    assert _named_hosts(PROJECT) == []


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_a_file_that_names_a_package_registry_is_found(tmp_path: Path, host: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "planted.md").write_text(f"See HTTPS://{host.upper()}/simple", encoding="utf-8")
    assert _named_hosts(tmp_path) == [f"{tmp_path / 'docs' / 'planted.md'}: {host}"]


def _pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((PROJECT / "requirements" / name).read_text(encoding="utf-8")))


def test_every_pin_has_a_hash_and_no_place_to_load_it_from() -> None:
    for name in ("core.txt", "dev.txt"):
        text = (PROJECT / "requirements" / name).read_text(encoding="utf-8")
        starts = list(re.finditer(r"^(?=\S)", text, re.MULTILINE))
        entries = [
            text[a.start() : b] for a, b in zip(starts, [s.start() for s in starts[1:]] + [len(text)], strict=True)
        ]
        assert len(entries) > 40
        assert [entry for entry in entries if not PIN.match(entry) or "--hash=sha256:" not in entry] == []
        assert "://" not in text


def test_the_house_runs_on_the_very_versions_it_was_tested_with() -> None:
    core, dev = _pins("core.txt"), _pins("dev.txt")
    assert {name: pin for name, pin in core.items() if dev.get(name) != pin} == {}


BANNED = (
    ("from datetime import datetime\n\nx = datetime.now()\n", "runtime.now()"),
    ("import datetime\n\nx = datetime.date.today()\n", "runtime.now()"),
    ("import time\n\nx = time.time()\n", "runtime.now()"),
    ("from time import monotonic\n\nx = monotonic()\n", "runtime.clock.monotonic()"),
    ("import asyncio\n\nx = asyncio.sleep(1)\n", "runtime.clock.sleep()"),
    ("from uuid import uuid4\n\nx = uuid4()\n", "runtime.new_id()"),
    ("import random\n\nx = random.random()\n", "runtime.rng"),
    ("from random import choice\n\nx = choice([1])\n", "runtime.rng"),
    ("import os\n\nx = os.environ\n", "settings.py"),
    ("import asyncio as a\n\nx = a.create_task(y)\n", "runtime.tasks"),
)


def _ambient(files: dict[str, str], folder: Path) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copy(PROJECT / "pyproject.toml", folder)
    ruff = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--output-format=concise"]
    command = [*ruff, "--select=TID251", "src"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False).stdout


def test_the_ambient_world_is_banned_and_the_message_names_the_replacement(tmp_path: Path) -> None:
    planted = {f"src/cambista/pricing/planted_{number}.py": text for number, (text, _) in enumerate(BANNED)}
    said = _ambient(planted, tmp_path)
    for number, (_, replacement) in enumerate(BANNED):
        about = [line for line in said.splitlines() if f"planted_{number}.py" in line]
        assert any("TID251" in line and replacement in line for line in about), said


def test_the_runtime_and_the_roof_may_touch_the_world(tmp_path: Path) -> None:
    rooms = ("runtime/clock.py", "app/settings.py")
    said = _ambient({f"src/cambista/{room}": text for room in rooms for text, _ in BANNED}, tmp_path)
    assert "All checks passed!" in said


def test_a_test_without_its_recorded_data_is_skipped_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"no recorded data at {tmp_path}"):
        recorded_data({"CAMBISTA_SHARED_DATA": str(tmp_path)})


def test_a_test_without_its_recorded_data_fails_under_ci(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"no recorded data at {tmp_path}"):
        recorded_data({"CAMBISTA_SHARED_DATA": str(tmp_path), "CI": "true"})
