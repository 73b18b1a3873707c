"""The documents tell the truth: their tables are the code's, their commands exist, their links lead somewhere."""

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

import cambista
from cambista.app.cli import app
from cambista.app.settings import Settings
from cambista.gateway.access import BASE, TABLE
from cambista.gateway.refusals import status_of
from cambista.identity import SCOPES_OF, STAFF, Scope
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.kernel.events import Event
from tests.recordings import PROJECT

DOCS = PROJECT / "docs"
DOCUMENTS = (PROJECT / "README.md", *sorted(DOCS.rglob("*.md")))
ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DECISION_LINES_MAX = 60


def _rows(name: str) -> Iterator[list[str]]:
    for row in ROW.findall((DOCS / name).read_text(encoding="utf-8")):
        yield [cell.strip() for cell in f" {row} ".split("|")]


def _ids(document: Path) -> str:
    return str(document.relative_to(PROJECT))


def _import_all() -> None:
    for module in pkgutil.walk_packages(cambista.__path__, "cambista."):
        # The console's site is NiceGUI, which wires itself up when it is imported.
        if not module.name.startswith(("cambista.console.site", "cambista.console.panels")):
            importlib.import_module(module.name)


def _heirs(kind: type) -> Iterator[type[Any]]:
    heirs: list[type[Any]] = kind.__subclasses__()
    for heir in heirs:
        if heir.__module__.startswith("cambista."):
            yield heir
        yield from _heirs(heir)


# --------------------------------------------------------------------------------------------------------------- api.md
def test_every_refusal_is_documented_with_its_status_and_none_is_invented() -> None:
    _import_all()
    told = {(row[0].strip("`"), int(row[1])) for row in _rows("api.md") if len(row) == 3 and row[1].isdigit()}
    assert told == {(heir.code, status_of(heir)) for heir in _heirs(Refusal)}


def _roles(cell: str) -> frozenset[Role]:
    groups = {"staff": STAFF, "owner": {Role.CUSTOMER, Role.PARTNER}, "anyone": frozenset[Role]()}
    return frozenset(role for word in cell.split(", ") for role in (groups[word] if word in groups else {Role(word)}))


def test_every_endpoint_is_documented_with_who_may_call_it() -> None:
    told = {}
    for row in _rows("api.md"):
        call = re.fullmatch(r"`(GET|POST|DELETE) (/\S*)`", row[0])
        if call:
            told[call[1], call[2]] = (row[1].strip("`–"), _roles(row[2]))
    real = {
        (method, path.removeprefix(BASE)): (access.scope, frozenset(access.roles))
        for (method, path), access in TABLE.items()
    }
    assert told == real


def test_the_table_of_scopes_is_the_houses() -> None:
    columns = (Role.CUSTOMER, Role.OPERATOR, Role.COMPLIANCE, Role.TREASURER, Role.ADMIN, Role.AUDITOR)
    told = {
        row[0].strip("`"): {role for role, cell in zip(columns, row[1:], strict=True) if cell}
        for row in _rows("api.md")
        if len(row) == 7 and ":" in row[0]
    }
    assert told == {scope.value: {role for role in columns if scope in SCOPES_OF[role]} for scope in Scope}
    assert SCOPES_OF[Role.CUSTOMER] == SCOPES_OF[Role.PARTNER]


# -------------------------------------------------------------------------------------------------------- operations.md
def _settings(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from _settings(type(default), f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", default


def _as_written(default: object) -> str:
    if default is None:
        return "–"
    if isinstance(default, Mapping | tuple | frozenset):
        return "…" if default else f"`{'{}' if isinstance(default, Mapping) else '[]'}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_setting_is_documented_with_its_default_and_none_is_invented() -> None:
    told = {row[0].strip("`"): row[1] for row in _rows("operations.md") if row[0].startswith("`CAMBISTA_")}
    real = dict(_settings(Settings, "CAMBISTA_"))
    assert told == {name: _as_written(default) for name, default in real.items()}


def test_every_way_not_to_start_is_documented() -> None:
    runtime = PROJECT / "src" / "cambista" / "runtime"
    sources = (*sorted((runtime / "postgres").glob("*.py")), runtime / "migrations.py")
    codes = {code for source in sources for code in re.findall(r'code="(\w+)"', source.read_text(encoding="utf-8"))}
    told = {code for row in _rows("operations.md") for code in re.findall(r"`([a-z_]+)`", row[0])}
    assert len(codes) > 20
    assert codes - told == set()


def test_every_counter_is_documented() -> None:
    pattern = re.compile(r'(Counter|Histogram)\(\s*"(\w+)"')
    sources = (PROJECT / "src" / "cambista").rglob("metrics.py")
    found = [each for source in sources for each in pattern.findall(source.read_text(encoding="utf-8"))]
    names = {f"{name.removesuffix('_total')}_total" if kind == "Counter" else name for kind, name in found}
    assert len(names) >= 5
    assert names - {row[0].strip("`") for row in _rows("operations.md")} == set()


def test_every_command_is_in_the_table_of_commands() -> None:
    told = {row[0] for row in _rows("operations.md") if row[0].startswith("`cambista ")}
    assert told == {f"`cambista {' '.join(path)}`" for path in _commands()}


# ------------------------------------------------------------------------------------------------------ other documents
def test_every_event_is_documented() -> None:
    _import_all()
    told = {row[0].strip("`") for row in _rows("architecture.md")}
    assert {heir.NAME for heir in _heirs(Event) if hasattr(heir, "NAME")} - told == set()


def test_every_direct_dependency_has_a_reason_and_a_licence() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    for name in ("core.in", "dev.in"):
        asked += (PROJECT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    names = {found[0] for each in asked if (found := re.match(r"[a-z0-9][a-z0-9-]*", each))}
    rows = [row for row in _rows("dependencies.md") if row[0] not in ("package", "---")]
    assert {row[0] for row in rows} == names
    assert all(len(row) == 3 and row[1] and row[2] for row in rows)


def test_decisions_are_short_numbered_and_listed() -> None:
    folder = DOCS / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    files = sorted(folder.glob("[0-9]*.md"))
    assert len(files) >= 9
    for file in files:
        text = file.read_text(encoding="utf-8")
        number = int(file.name[:4])
        assert text.startswith(f"# {number}. "), file.name
        assert len(text.splitlines()) <= DECISION_LINES_MAX, file.name
        assert f"[{number}]({file.name})" in index, file.name


# ------------------------------------------------------------------------------------------------ all documents, README
@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(FENCED.sub("", document.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert broken == []


def _anchors(file: Path) -> set[str]:
    text = FENCED.sub("", file.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(document: Path) -> Iterator[str]:
    text = document.read_text(encoding="utf-8")
    for language, block in FENCED.findall(text):
        if language in ("sh", "bash"):
            yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", FENCED.sub("", text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {found for code in _code(document) for found in re.findall(r"\bmake ([a-z][a-z-]*)", code)}
    assert named - targets == set()


def _commands() -> dict[tuple[str, ...], set[str]]:
    """Each command's path with the options it knows."""
    found: dict[tuple[str, ...], set[str]] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                walk(inner, (*path, name))
        else:
            found[path] = {option for parameter in command.params for option in parameter.opts}

    walk(typer.main.get_command(app), ())
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_every_command_and_option_exists(document: Path) -> None:
    commands = _commands()
    for code in _code(document):
        call = re.search(r"(?:^|[/ ])cambista ([a-z].*)", code)
        if call is None:
            continue
        words = call[1].split()
        path = next((key for key in (tuple(words[:1]), tuple(words[:2])) if key in commands), None)
        assert path is not None, code
        options = {word.strip("[]") for word in words if word.strip("[]").startswith("--")}
        assert options - commands[path] == set(), code
