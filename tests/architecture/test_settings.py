"""`.env.example` tells the truth: every line is a setting of the house, and shows its default."""

import re
from pathlib import Path

from pydantic import BaseModel

from cambista.app.settings import Settings
from tests.recordings import PROJECT

LINE = re.compile(r"^#?CAMBISTA_([A-Z0-9_]+)=(.*)$", re.MULTILINE)


def _examples(text: str) -> dict[str, str]:
    return dict(LINE.findall(text))


def _default(name: str) -> object:
    found: object = Settings.model_construct()
    for part in name.lower().split("__"):
        assert isinstance(found, BaseModel), name
        assert part in type(found).model_fields, f"CAMBISTA_{name} is no setting"
        found = getattr(found, part)
    return found


def test_each_line_of_the_example_is_a_setting_at_its_default() -> None:
    examples = _examples((PROJECT / ".env.example").read_text(encoding="utf-8"))
    assert len(examples) > 15
    shown = {name: value.lower() for name, value in examples.items()}
    assert shown == {name: _as_written(_default(name)) for name in examples}


def _as_written(value: object) -> str:
    return {"None": "", "()": "[]"}.get(str(value), str(value)).lower()


def test_the_house_reads_the_example_as_it_stands(tmp_path: Path) -> None:
    text = LINE.sub(lambda line: line[0].lstrip("#") if line[2] else "", (PROJECT / ".env.example").read_text())
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    assert Settings(_env_file=tmp_path / ".env") == Settings(_env_file=None)
