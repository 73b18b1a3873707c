"""Where the recorded market data lies, and what happens to a test that wants it where there is none."""

from collections.abc import Mapping
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def under_ci(environ: Mapping[str, str]) -> bool:
    """Under CI nothing is skipped: what is missing there fails."""
    return environ.get("CI", "").lower() in {"1", "true", "yes"}


def recorded_data(environ: Mapping[str, str]) -> Path:
    """`CAMBISTA_SHARED_DATA`, or `shared/data` beside the project. Absent: the test is skipped, under CI it fails."""
    folder = Path(environ.get("CAMBISTA_SHARED_DATA") or PROJECT.parent / "shared" / "data")
    if not (folder / "market").is_dir():
        reason = f"no recorded data at {folder}; set CAMBISTA_SHARED_DATA to the folder that holds market/"
        if under_ci(environ):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
