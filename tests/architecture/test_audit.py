"""The audit of dependencies fails for what is known to be bad, and only for that."""

import json
import subprocess
import sys

from tests.recordings import PROJECT
from tools.audit import judged

BAD = {"name": "left", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
GOOD = {"name": "right", "version": "2.0", "vulns": []}
AWAY = {"name": "far", "skip_reason": "not found"}


def test_a_known_vulnerability_fails_the_audit_even_where_others_could_not_be_looked_up() -> None:
    status, lines = judged({"dependencies": [BAD, GOOD, AWAY]})
    assert status == 1
    assert "left 1.0: PYSEC-1, mended in 1.1" in lines
    assert any("far" in line for line in lines)


def test_a_database_that_is_not_reached_is_said_and_fails_nothing() -> None:
    for dependencies in ([], [AWAY, AWAY]):
        status, [line] = judged({"dependencies": dependencies})
        assert status == 0
        assert "not reached" in line


def test_what_is_good_passes() -> None:
    assert judged({"dependencies": [GOOD]}) == (0, ["pip-audit: 1 of 1 packages looked up, none bad."])


def test_bandit_finds_a_planted_weakness_and_nothing_else(tmp_path) -> None:  # type: ignore[no-untyped-def]
    planted = tmp_path / "planted.py"
    planted.write_text("import pickle\n\n\ndef load(raw: bytes) -> object:\n    return pickle.loads(raw)\n")
    command = (sys.executable, "-m", "bandit", "-q", "-c", str(PROJECT / "pyproject.toml"), "-f", "json", str(planted))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert {found["test_id"] for found in json.loads(done.stdout)["results"]} == {"B301", "B403"}
