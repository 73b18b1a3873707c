"""Figures gathered in passes, their medians, and the table and JSON they are printed as."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass(slots=True)
class Figure:
    """One thing measured: a value a pass, and the yardstick of the same pass where a ratio is meant."""

    name: str
    unit: str
    values: list[float] = field(default_factory=list)
    yardsticks: list[float] = field(default_factory=list)

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        if not self.yardsticks:
            return None
        return median(value / yard for value, yard in zip(self.values, self.yardsticks, strict=True))


class Report:
    """Adds up what the passes say."""

    def __init__(self) -> None:
        self._figures: dict[str, Figure] = {}

    def add(self, name: str, value: float, unit: str, *, yardstick: float | None = None) -> None:
        figure = self._figures.setdefault(name, Figure(name, unit))
        figure.values.append(value)
        if yardstick is not None:
            figure.yardsticks.append(yardstick)
        ratio = f"  {value / yardstick:.2f}x pgbench" if yardstick else ""
        print(f"  {name}: {value:,.1f} {unit}{ratio}", flush=True)

    def table(self) -> str:
        lines = ["| what | median | passes | of pgbench -N -c 8 |", "| --- | ---: | --- | ---: |"]
        for each in self._figures.values():
            passes = ", ".join(f"{value:,.1f}" for value in each.values)
            ratio = f"{each.ratio:.2f}×" if each.ratio is not None else ""
            lines.append(f"| {each.name} | {each.value:,.1f} {each.unit} | {passes} | {ratio} |")
        return "\n".join(lines)

    def as_json(self) -> Mapping[str, object]:
        return {
            "machine": {"python": platform.python_version(), "system": platform.platform()},
            "figures": [
                {"name": f.name, "unit": f.unit, "median": f.value, "passes": f.values, "ratio_to_pgbench": f.ratio}
                for f in self._figures.values()
            ],
        }

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.json").write_text(json.dumps(self.as_json(), indent=2) + "\n")
        (folder / "bench.md").write_text(self.table() + "\n")
