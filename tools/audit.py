"""`make audit`, second half: known vulnerabilities of what is pinned. Without the database it says so and goes on."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

WITHIN_S = 300
COMMAND = (
    sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", "requirements/dev.txt",
    "--progress-spinner", "off", "--format", "json",
)  # fmt: skip


def judged(report: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Status and lines for what pip-audit found: 1 for a known vulnerability, 0 even when nothing was looked up."""
    dependencies: Sequence[Mapping[str, Any]] = report["dependencies"]
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    looked = len(dependencies) - len(skipped)
    lines = [
        f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
        for each in dependencies
        for found in each.get("vulns", ())
    ]
    if not looked:
        return 0, ["pip-audit: the database of vulnerabilities was not reached; nothing was looked up."]
    status = 1 if lines else 0
    if skipped:
        lines.append(f"pip-audit: not looked up: {', '.join(skipped)}")
    lines.append(f"pip-audit: {looked} of {len(dependencies)} packages looked up, {'some' if status else 'none'} bad.")
    return status, lines


def main() -> int:
    """Run pip-audit and judge what it says; a run that ends without a report counts as one without the database."""
    try:
        done = subprocess.run(  # our own words, no shell  # nosec B603
            COMMAND, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        report = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        report = {"dependencies": []}
    except json.JSONDecodeError:
        print(done.stderr[-2000:], file=sys.stderr)
        report = {"dependencies": []}
    status, lines = judged(report)
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
