"""The table of OWASP ASVS in `docs/security.md`: every chapter, a known state, and tests for what is said to be met."""

import re
from pathlib import Path

SECURITY = Path(__file__).parents[3] / "docs" / "security.md"
ROW = re.compile(r"^\|(?P<number>[^|]+)\|(?P<state>[^|]*)\|(?P<how>[^|]+)\|(?P<tests>[^|]*)\|$", re.MULTILINE)
LINK = re.compile(r"\]\(\.\./(tests/[^)]+)\)")


def rows() -> list[re.Match[str]]:
    table = SECURITY.read_text(encoding="utf-8").partition("## OWASP ASVS")[2]
    return [row for row in ROW.finditer(table) if row["number"].strip(" *")[:1].isdigit() or "**V" in row["number"]]


def test_every_chapter_is_there_in_order() -> None:
    chapters = [row["number"].strip(" *") for row in rows() if "**V" in row["number"]]
    assert chapters == [f"V{number}" for number in range(1, 18)]


def test_every_requirement_stands_in_its_chapter_with_a_known_state() -> None:
    chapter = ""
    for row in rows():
        number = row["number"].strip(" *")
        if number.startswith("V"):
            chapter = number[1:]
            continue
        assert all(each.strip().startswith(f"{chapter}.") for each in re.split("[,–]", number)), number
        assert row["state"].strip() in ("met", "open", "not applicable"), number
        assert row["how"].strip(), number


def test_what_is_said_to_be_met_names_a_test_or_a_document_and_each_exists() -> None:
    named = set()
    for row in rows():
        found = LINK.findall(row["how"] + row["tests"])
        named.update(found)
        # What cannot be shown by a test, since there is nothing there, says so with a dash.
        shown = found or "](" in row["how"] or row["tests"].strip() == "–"
        assert row["state"].strip() != "met" or shown, row["number"]
    missing = [path for path in named if not (SECURITY.parents[1] / path).is_file()]
    assert missing == []
    assert len(named) > 40
