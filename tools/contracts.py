"""Two contracts for import-linter: rooms are entered by the door, and some rooms know no strangers."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def within(module: str, patterns: Iterable[str]) -> bool:
    """Whether `module` is, or lies inside, one of the packages; `*` in a pattern stands for one name."""
    parts = module.split(".")
    return any(_opens(parts, pattern.split(".")) for pattern in patterns)


def _opens(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) >= len(pattern) and all(want in ("*", part) for part, want in zip(parts, pattern, strict=False))


def _imports(graph: ImportGraph, unwanted: Callable[[str, str], bool]) -> Iterator[str]:
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            if unwanted(importer, imported):
                for found in graph.get_import_details(importer=importer, imported=imported):
                    yield f"{importer}:{found['line_number']}: {found['line_contents']}"


class _Imports(Contract):
    advice = ""

    def unwanted(self, importer: str, imported: str) -> bool:
        raise NotImplementedError

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = list(_imports(graph, self.unwanted))
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        output.print_error(self.advice)
        for line in check.metadata["broken"]:
            output.print_error("  " + line)
        output.new_line()


class DoorsContract(_Imports):
    """Outside a room only the room's own package may be named, not what stands inside; `open_rooms` have no door."""

    package: Any = fields.StringField()
    open_rooms: Any = fields.SetField(subfield=fields.StringField(), required=False)
    advice = "These imports climb in through a window; use the room's door (its __init__):"

    def unwanted(self, importer: str, imported: str) -> bool:
        if not within(imported, [f"{self.package}.*.*"]):
            return False
        room = imported.split(".")[self.package.count(".") + 1]
        return room not in (self.open_rooms or ()) and not within(importer, [f"{self.package}.{room}"])


class KnowsContract(_Imports):
    """Modules `nobody_in` these packages (but `except_in` those) import one of the `strangers` themselves."""

    nobody_in: Any = fields.ListField(subfield=fields.StringField())
    except_in: Any = fields.ListField(subfield=fields.StringField(), required=False)
    strangers: Any = fields.ListField(subfield=fields.StringField())
    advice = "These imports know what they should be told instead:"

    def unwanted(self, importer: str, imported: str) -> bool:
        if not within(importer, self.nobody_in) or within(importer, self.except_in or ()):
            return False
        return within(imported, self.strangers)
