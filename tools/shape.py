"""The shape of the house, read from its source: furniture, sizes, words, and where SQL and floats may stand."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 60
# Given out as one file that runs alone, so it cannot be a folder: more lines, everything else as everywhere.
STANDING_ALONE: dict[tuple[str, ...], int] = {("audit", "verifier", "cambista_verify"): 700}
NESTING = 3

FURNITURE = {
    "__init__", "types", "events", "errors", "rules", "service", "store", "schema", "handlers", "workflows", "settings",
}  # fmt: skip
PLUGS_AND_SETS = {
    "audit": {"sinks", "verifier"},
    "compliance": {"providers"},
    "notifications": {"channels"},
    "funding": {"rails"},
    "trading": {"orders", "book"},
    "desk": {"strategies"},
    "pricing": {"adjustments"},
}
# No business word to keep apart here: ground and cellar, faces and roof. `venues` as a whole is a plug folder.
FREELY_FURNISHED = {"kernel", "runtime", "venues", "gateway", "console", "app"}
ROOMS = {
    "app", "gateway", "console", "notifications", "audit", "growth", "analytics", "desk", "trading", "funding", "risk",
    "compliance", "pricing", "identity", "ledger", "venues", "runtime", "kernel",
}  # fmt: skip
MONEY_ROOMS = {"ledger", "pricing", "trading", "funding", "risk", "desk"}
STATISTICS = {"statistics", "volatility", "value_at_risk"}
DECIDING = {"rules", "types", "events", "errors", "orders", "book", "adjustments", "strategies"}

BANNED_WORDS = {
    "manager", "managers", "helper", "helpers", "util", "utils", "common", "misc", "data", "info", "process", "do",
}  # fmt: skip
# What asyncio calls a method of its protocols, we must call so too.
NOT_OURS = {"data_received"}
# `base` is also the market's word for a pair's first asset; it is banned only where it would name a module or a class.
BANNED_IN_TITLES = BANNED_WORDS | {"base"}

_SQL = re.compile(
    r"^\s*(SELECT\b|INSERT\s+INTO\b|UPDATE\s+[\w.{}]+(\s+(AS\s+)?\w+)?\s+SET\b|DELETE\s+FROM\b|WITH\s+(RECURSIVE\s+)?\w+\s+AS\b"
    r"|(CREATE|ALTER|DROP|TRUNCATE|LOCK)\s+(TABLE|SCHEMA|INDEX|ROLE|FUNCTION|TRIGGER|VIEW|MATERIALIZED)\b"
    r"|TRUNCATE\s+\w+\.|(NOTIFY|LISTEN)\s+\w+|(GRANT|REVOKE)\s+[A-Z, ]+\s+ON\b)"
    r"|\b(INSERT\s+INTO|DELETE\s+FROM)\s+[\w{]"
)
_SQL_IN_LOWER_CASE = re.compile(
    r"^\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+[\w.]+\s+set\s|delete\s+from\s)", re.DOTALL
)
_WRITTEN = re.compile(
    r"\b(?:INSERT\s+INTO|DELETE\s+FROM|(?<!FOR )(?<!DO )UPDATE(?=\s+[\w.]+\s+(?:(?:AS\s+)?\w+\s+)?SET\b)"
    r"|CREATE\s+TABLE(?:\s+IF\s+NOT\s+EXISTS)?|CREATE\s+SCHEMA(?:\s+IF\s+NOT\s+EXISTS)?)\s+([\w.]+)",
    re.IGNORECASE,
)
_SCHEMA_USED = re.compile(r"(?<![\w.'\"])(public|" + "|".join(sorted(ROOMS)) + r")\.\w+")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Breach:
    """A place where the house is not as house.md says: which rule, where, and what to do."""

    rule: str
    path: Path
    line: int
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.advice}"


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the package. `parts` is its path below `src/cambista` without the suffix."""

    path: Path
    parts: tuple[str, ...]
    text: str
    tree: ast.Module | None

    @property
    def room(self) -> str:
        return self.parts[0] if len(self.parts) > 1 else ""

    def breach(self, rule: str, line: int, advice: str) -> Breach:
        return Breach(rule, self.path, line, advice)


def sources(package: Path) -> list[Source]:
    """Every Python and SQL file below the package's folder."""
    found = []
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.sql")]):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path)) if path.suffix == ".py" else None
        found.append(Source(path, path.relative_to(package).with_suffix("").parts, text, tree))
    return found


def breaches(package: Path) -> list[Breach]:
    """All that is out of shape in the package."""
    return [breach for source in sources(package) for check in CHECKS for breach in check(source)]


def opening(source: Source) -> Iterator[Breach]:
    """Every file opens with one line that says what it is for; a door's sentence may run on."""
    if source.tree is None:
        spoken = source.text.startswith("-- ")
    else:
        lines = (ast.get_docstring(source.tree) or "").splitlines()
        door = source.parts == (source.room, "__init__")
        spoken = bool(lines) and (door or len(lines) == 1 or not lines[1].strip())
    if not spoken:
        yield source.breach("opening", 1, "open the file with one line: what it is for")


def size(source: Source) -> Iterator[Breach]:
    """Files, functions and nesting stay small."""
    lines = source.text.count("\n") + (not source.text.endswith("\n"))
    most = STANDING_ALONE.get(source.parts, FILE_LINES)
    if lines > most:
        yield source.breach("file size", most, f"{lines} lines; make it a folder of the same name")
    for function in _functions(source):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines >= FUNCTION_LINES:
            yield source.breach("function size", function.lineno, f"`{function.name}` has {lines} lines; split it")
        depth = _depth(function.body)
        if depth > NESTING:
            yield source.breach(
                "nesting", function.lineno, f"`{function.name}` nests {depth} deep; return early or split"
            )


def _functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(source.tree) if source.tree else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def _depth(body: list[ast.stmt]) -> int:
    return max((_depth_of(statement) for statement in body), default=0)


def _depth_of(statement: ast.stmt) -> int:
    if not isinstance(statement, _BLOCKS):
        return 0
    inner: list[ast.stmt] = list(getattr(statement, "body", []))
    inner += getattr(statement, "finalbody", [])
    for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        inner += part.body
    otherwise: list[ast.stmt] = getattr(statement, "orelse", [])
    # `elif` reads as one more branch, not as one more level.
    chained = isinstance(statement, ast.If) and len(otherwise) == 1 and isinstance(otherwise[0], ast.If)
    return max(1 + _depth(inner), _depth(otherwise) + (not chained if otherwise else 0))


def furniture(source: Source) -> Iterator[Breach]:
    """A room holds known furniture only; a piece that outgrew its file is a folder of the same name."""
    if not source.room:
        if source.parts != ("__init__",):
            yield source.breach("furniture", 1, "beside the rooms stands nothing; which room's word is it?")
        return
    if source.room in FREELY_FURNISHED:
        return
    piece = source.parts[1]
    if piece not in FURNITURE | PLUGS_AND_SETS.get(source.room, set()):
        yield source.breach("furniture", 1, f"`{piece}` is no known furniture of `{source.room}`; see house.md")
    if (piece == "schema") != (source.path.suffix == ".sql"):
        yield source.breach("furniture", 1, "SQL files, and only they, stand in schema/")


def words(source: Source) -> Iterator[Breach]:
    """Names say what a thing is; words that fit everything are banned."""
    for word in _banned(source.path.stem, BANNED_IN_TITLES):
        yield source.breach("words", 1, f"the file is called `{source.path.stem}`; `{word}` says nothing")
    for name, line, title in _names(source):
        if name in NOT_OURS:
            continue
        for word in _banned(name, BANNED_IN_TITLES if title else BANNED_WORDS):
            yield source.breach("words", line, f"`{name}`: `{word}` says nothing; name what it is")


def _banned(name: str, words: set[str]) -> list[str]:
    return [word for word in map(str.lower, _WORDS.findall(name)) if word in words]


def _names(source: Source) -> Iterator[tuple[str, int, bool]]:
    for node in ast.walk(source.tree) if source.tree else ():
        match node:
            case ast.ClassDef():
                yield node.name, node.lineno, True
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node.lineno, False
            case ast.arg():
                yield node.arg, node.lineno, False
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno, False
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno, False


def sql(source: Source) -> Iterator[Breach]:
    """SQL stands in stores, schemas and the runtime, and names its own room's schema only."""
    own = source.room
    if own == "runtime":
        return
    in_store = len(source.parts) > 1 and source.parts[1] in ("store", "schema")
    for text, line in _statements(source):
        if not in_store:
            yield source.breach("sql", line, "SQL belongs in the room's store")
        for schema in sorted({name for name in _SCHEMA_USED.findall(text) if name != own}):
            if not (schema == "runtime" and source.tree is None):
                yield source.breach("schema", line, f"`{schema}` is another room's schema; ask at its door")
        for table in _WRITTEN.findall(text):
            if table.partition(".")[0] != own:
                yield source.breach("schema", line, f"`{table}` is not in the schema `{own}`; write `{own}.{table}`")


def _statements(source: Source) -> Iterator[tuple[str, int]]:
    if source.tree is None:
        yield re.sub(r"--[^\n]*", "", source.text), 1
        return
    for text, line in _strings(source.tree):
        if _SQL.search(text) or _SQL_IN_LOWER_CASE.search(text):
            yield text, line


def _strings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    pieces = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    spoken = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield "".join(map(str, parts)), node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces | spoken:
            yield node.value, node.lineno


def floats(source: Source) -> Iterator[Breach]:
    """Money is whole units and prices are decimals: no float is made where a money room decides, but in statistics."""
    if source.room not in MONEY_ROOMS or not DECIDING & set(source.parts[1:]) or source.parts[-1] in STATISTICS:
        return
    for node in ast.walk(source.tree) if source.tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield source.breach("floats", node.lineno, "no float decides about money; use Amount or Decimal")


CHECKS: tuple[Callable[[Source], Iterator[Breach]], ...] = (opening, size, furniture, words, sql, floats)
