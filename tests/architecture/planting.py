"""A copy of the package in a garden of its own, with breaches planted in it, and import-linter's verdict on it."""

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "src" / "cambista"


def copy_package(garden: Path) -> Path:
    """Copy the package, without what Python compiled, into `garden`; the copy's folder."""
    return shutil.copytree(PACKAGE, garden / "cambista", ignore=shutil.ignore_patterns("__pycache__"))


def plant(package: Path, path: str, text: str) -> None:
    """Append `text` to a file of the copy; a room that is not built yet gets an empty door."""
    file = package / path
    file.parent.mkdir(parents=True, exist_ok=True)
    door = package / Path(path).parts[0] / "__init__.py"
    for each in {door, file}:
        if not each.exists():
            each.write_text('"""Planted."""\n', encoding="utf-8")
    with file.open("a", encoding="utf-8") as opened:
        opened.write(text)


def lint_imports(garden: Path) -> str:
    """Import-linter's report on the copy in `garden` by the project's own contracts."""
    shutil.copy(PROJECT / "pyproject.toml", garden)
    shutil.copytree(PROJECT / "tools", garden / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    ended = subprocess.run(command, cwd=garden, capture_output=True, text=True, timeout=60, check=False)
    assert not ended.stderr, ended.stderr
    return ended.stdout
