"""The contracts on imports hold, and each has been seen to break: floors, doors, siblings, purity, strangers."""

import re
from pathlib import Path

import pytest

from tests.architecture.planting import copy_package, lint_imports, plant

FLOORS = "Floors: calls go down"
DOORS = "Doors: a room is entered by its door"
SIBLINGS = "Siblings: no cycle inside any room"
PURE = "Pure: kernel, rules, types, events, errors and sets do no I/O"
WEB = "Web: only gateway, console and app know the web framework"
DATABASE = "Database: only runtime knows PostgreSQL"
RULES = "Rules decide without looking: never into store, service, handlers or workflows"

# Where each breach stands, what it says, which contract it breaks and what the report must say of it.
PLANTED = (
    ("runtime/planted_up.py", "import cambista.ledger", FLOORS, "cambista.runtime.planted_up -> cambista.ledger (l.2)"),
    ("notifications/planted.py", "import cambista.audit", FLOORS, "cambista.notifications.planted -> cambista.audit"),
    ("plants/__init__.py", "", FLOORS, "- cambista.plants"),
    ("pricing/planted_window.py", "from cambista.ledger import rules", DOORS, "cambista.pricing.planted_window:2:"),
    ("app/planted_window.py", "import cambista.ledger.rules", DOORS, "cambista.app.planted_window:2:"),
    ("kernel/planted_a.py", "import cambista.kernel.planted_b", SIBLINGS, ".planted_"),
    ("kernel/planted_b.py", "import cambista.kernel.planted_a", SIBLINGS, "No cycles are allowed in cambista.kernel."),
    ("kernel/planted_a.py", "import os", PURE, "cambista.kernel.planted_a:3: import os"),
    ("compliance/rules.py", "import asyncio", PURE, ": import asyncio"),
    ("compliance/types.py", "import httpx2", PURE, ": import httpx2"),
    ("compliance/events.py", "import asyncpg", PURE, ": import asyncpg"),
    ("compliance/errors.py", "import fastapi", PURE, ": import fastapi"),
    ("pricing/adjustments/planted.py", "import time", PURE, "cambista.pricing.adjustments.planted:2: import time"),
    ("ledger/planted_web.py", "from starlette.requests import Request", WEB, "cambista.ledger.planted_web:2:"),
    ("runtime/planted_web.py", "import nicegui", WEB, "cambista.runtime.planted_web:2:"),
    ("ledger/planted_pool.py", "import asyncpg.pool", DATABASE, "cambista.ledger.planted_pool:2:"),
    ("gateway/planted_pool.py", "from asyncpg import connect", DATABASE, "cambista.gateway.planted_pool:2:"),
    ("compliance/rules.py", "import cambista.compliance.store", RULES, ": import cambista.compliance.store"),
    ("compliance/events.py", "import cambista.compliance.service", RULES, ": import cambista.compliance.service"),
)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says of each contract in a copy of the house with every breach planted at once."""
    garden = tmp_path_factory.mktemp("garden")
    package = copy_package(garden)
    for room in ("audit", "ledger", "runtime"):
        plant(package, f"{room}/__init__.py", "")
    for piece in ("store", "service"):
        plant(package, f"compliance/{piece}.py", "")
    for path, line, _, _ in PLANTED:
        plant(package, path, line + "\n")
    return _sections(lint_imports(garden))


def _sections(report: str) -> dict[str, str]:
    _, _, broken = report.partition("Broken contracts\n")
    headed = re.split(r"^(.+)\n-{5,}\n", broken, flags=re.MULTILINE)
    return dict(zip(headed[1::2], headed[2::2], strict=True))


def test_the_house_keeps_every_contract(tmp_path: Path) -> None:
    copy_package(tmp_path)
    report = lint_imports(tmp_path)
    assert "Contracts: 7 kept, 0 broken." in report, report


@pytest.mark.parametrize(
    ("path", "line", "contract", "said"),
    PLANTED,
    ids=[f"{path}: {line or 'an unknown room'}" for path, line, *_ in PLANTED],
)
def test_a_planted_import_breaks_its_contract(
    verdicts: dict[str, str], path: str, line: str, contract: str, said: str
) -> None:
    assert contract in verdicts, f"{path} did not break it"
    assert said in verdicts[contract], verdicts[contract]
