"""The house keeps its shape (furniture, sizes, words, SQL, floats), and each check has been seen to find a breach."""

from pathlib import Path

import pytest

from tests.architecture.planting import PACKAGE, PROJECT
from tools.shape import Breach, breaches

DOC = '"""Planted."""\n'
LONG = DOC + "def long() -> None:\n" + "    print()\n" * 59
DEEP = (
    DOC
    + "def deep() -> None:\n    for a in b:\n        if a:\n            with a:\n                if b:\n"
    + " " * 20
    + "a()\n"
)

# The file, what stands in it, and the rules it breaks.
PLANTED = (
    ("ledger/rules.py", "import math\n", {"opening"}),
    ("ledger/types.py", '"""One line that runs\non in a second."""\n', {"opening"}),
    ("ledger/store/__init__.py", '"""One line that runs\non in a second."""\n', {"opening"}),
    ("identity/__init__.py", '""" """\n', {"opening"}),
    ("ledger/schema/0001_ledger.sql", "CREATE SCHEMA ledger;\n", {"opening"}),
    ("ledger/events.py", DOC + "x = 1\n" * 400, {"file size"}),
    ("ledger/service.py", LONG, {"function size"}),
    ("ledger/workflows.py", DEEP, {"nesting"}),
    ("ledger/queries.py", DOC, {"furniture"}),
    ("ledger/orders/limit.py", DOC, {"furniture"}),
    ("ledger/store/more.sql", "-- Planted.\n", {"furniture"}),
    ("money.py", DOC, {"furniture"}),
    ("gateway/rest/helpers.py", DOC, {"words"}),
    ("runtime/base_pool.py", DOC, {"words"}),
    ("pricing/types.py", DOC + "class RateManager:\n    pass\n", {"words"}),
    ("pricing/events.py", DOC + "class BaseRate:\n    pass\n", {"words"}),
    ("pricing/settings.py", DOC + "def price(rateInfo: str) -> None:\n    pass\n", {"words"}),
    ("pricing/errors.py", DOC + "def do_price() -> None:\n    raw_data = 1\n", {"words"}),
    ("trading/service.py", DOC + 'QUERY = "SELECT id FROM trading.quote"\n', {"sql"}),
    ("trading/rules.py", DOC + 'QUERY = f"delete from trading.{1}"\n', {"sql"}),
    ("trading/handlers.py", DOC + 'QUERY = "UPDATE trading.quote SET used = true"\n', {"sql"}),
    ("app/health.py", DOC + 'QUERY = """\n  WITH late AS (SELECT 1) SELECT * FROM late"""\n', {"sql"}),
    ("trading/store.py", DOC + 'QUERY = "SELECT id FROM ledger.account"\n', {"schema"}),
    (
        "risk/store/reading.py",
        DOC + 'QUERY = "SELECT 1 FROM risk.usage u JOIN trading.quote q USING (id)"\n',
        {"schema"},
    ),
    ("identity/store.py", DOC + 'QUERY = "INSERT INTO customer (id) VALUES ($1)"\n', {"schema"}),
    ("identity/schema/0001_identity.sql", "-- Planted.\nCREATE TABLE public.person (id uuid);\n", {"schema"}),
    ("funding/rules.py", DOC + 'SHARE = float("0.1")\n', {"floats"}),
    ("pricing/adjustments/skew.py", DOC + "def skew(x: int) -> float:\n    return float(x)\n", {"floats"}),
)

# What looks like a breach and is none.
INNOCENT = (
    ("trading/orders/limit.py", DOC),
    ("venues/bitso.py", DOC),
    ("trading/__init__.py", '"""What the room owns,\nand what it announces."""\n'),
    ("trading/rules/routing.py", DOC + "def route(base: str) -> None:\n    database = undone = base\n"),
    ("trading/errors.py", '"""Planted.\n\nMore of it.\n"""\n' + "class Closed(Exception):\n    pass\n"),
    ("trading/types.py", DOC + 'TITLE = "Select a pair from the list"\nMORE = "update the rate and set it"\n'),
    ("runtime/outbox.py", DOC + 'QUERY = "SELECT 1"\n'),
    ("ledger/store.py", DOC + 'Q = "INSERT INTO ledger.a VALUES (1) ON CONFLICT (id) DO UPDATE SET b = 1"\n'),
    ("risk/store.py", DOC + 'Q = "SELECT id FROM risk.a AS q WHERE q.b IS DISTINCT FROM q.c FOR UPDATE OF q"\n'),
    ("risk/schema/0001_risk.sql", "-- Limits, not ledger.account.\nCREATE TABLE risk.usage (id uuid);\n"),
    ("risk/rules/statistics.py", DOC + "def mean(x: int) -> float:\n    return float(x)\n"),
    ("risk/service.py", DOC + "def f() -> None:\n    if a:\n        pass\n" + "    elif a:\n        pass\n" * 5),
)


def _plant(package: Path, path: str, text: str) -> list[Breach]:
    file = package / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return breaches(package)


def test_the_house_is_in_shape() -> None:
    found = breaches(PACKAGE)
    assert not found, "\n".join(str(breach) for breach in found)


@pytest.mark.parametrize(("path", "text", "rules"), PLANTED, ids=[path for path, *_ in PLANTED])
def test_a_planted_breach_is_found(tmp_path: Path, path: str, text: str, rules: set[str]) -> None:
    found = _plant(tmp_path, path, text)
    assert {breach.rule for breach in found} == rules, found
    assert str(found[0]).startswith(f"{tmp_path / path}:")


@pytest.mark.parametrize(("path", "text"), INNOCENT, ids=[path for path, _ in INNOCENT])
def test_what_only_looks_like_a_breach_is_let_be(tmp_path: Path, path: str, text: str) -> None:
    assert _plant(tmp_path, path, text) == []


def test_the_tools_and_tests_open_with_what_they_are_for() -> None:
    for file in sorted(file for room in ("tools", "tests", "benchmarks") for file in (PROJECT / room).rglob("*.py")):
        first = file.read_text(encoding="utf-8").partition("\n")[0]
        assert first.startswith('"""'), f"{file} does not say what it is for"
