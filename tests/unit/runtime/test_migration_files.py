"""Which files count as migrations, in what order, and which sets of them are refused."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import cambista
from cambista.runtime.migrations import MigrationRefused, find_migrations


def house(folder: Path, files: Mapping[str, str]) -> Path:
    for name, sql in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sql.encode())
    return folder


def refusal(folder: Path, *names: str, sql: str = "SELECT 1;") -> str:
    written = house(folder, {f"ledger/schema/{name}": sql for name in names})
    with pytest.raises(MigrationRefused) as refused:
        find_migrations(["ledger"], house=written)
    return refused.value.code


def test_files_come_room_by_room_as_given_and_then_by_number(tmp_path: Path) -> None:
    names = ["trading/schema/0001_quote.sql", "ledger/schema/0002_hold.sql", "ledger/schema/0001_account.sql"]
    found = find_migrations(["ledger", "trading"], house=house(tmp_path, dict.fromkeys(names, "")))
    assert [m.label for m in found] == [
        "ledger/schema/0001_account.sql",
        "ledger/schema/0002_hold.sql",
        "trading/schema/0001_quote.sql",
    ]


def test_a_room_without_a_schema_folder_has_no_migrations(tmp_path: Path) -> None:
    assert find_migrations(["gateway"], house=house(tmp_path, {"gateway/__init__.py": ""})) == []


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    written = house(tmp_path, {"ledger/schema/README.md": "", "ledger/schema/0001_account.sql": ""})
    assert [m.name for m in find_migrations(["ledger"], house=written)] == ["account"]


def test_the_fingerprint_does_not_depend_on_line_ends(tmp_path: Path) -> None:
    unix = house(tmp_path / "unix", {"ledger/schema/0001_a.sql": "SELECT 1;\nSELECT 2;\n"})
    windows = house(tmp_path / "windows", {"ledger/schema/0001_a.sql": "SELECT 1;\r\nSELECT 2;\r\n"})
    other = house(tmp_path / "other", {"ledger/schema/0001_a.sql": "SELECT 1;\nSELECT 3;\n"})
    one, two, three = (find_migrations(["ledger"], house=folder)[0].sha256 for folder in (unix, windows, other))
    assert one == two
    assert one != three


def test_a_gap_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "0001_a.sql", "0003_c.sql") == "migration_gap"


def test_numbers_that_do_not_begin_with_one_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "0002_b.sql") == "migration_gap"


def test_a_number_taken_twice_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "0001_a.sql", "0001_b.sql") == "migration_duplicate"


@pytest.mark.parametrize("name", ["1_a.sql", "0001.sql", "0001-a.sql", "0001_A.sql", "a.sql", "0001_a.up.sql"])
def test_a_misnamed_file_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, name) == "migration_malformed"


@pytest.mark.parametrize("sql", ["SELECT 1;\nCOMMIT;", "begin;\nSELECT 1;", "  ROLLBACK ;", "START TRANSACTION;"])
def test_a_file_with_a_transaction_of_its_own_is_refused(tmp_path: Path, sql: str) -> None:
    assert refusal(tmp_path, "0001_a.sql", sql=sql) == "migration_malformed"


def test_a_functions_begin_and_end_are_no_transaction(tmp_path: Path) -> None:
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND;\n$$;"
    assert find_migrations(["ledger"], house=house(tmp_path, {"ledger/schema/0001_f.sql": body}))


def test_the_houses_own_files_are_in_order() -> None:
    rooms = sorted({path.parents[1].name for path in Path(cambista.__file__).parent.glob("*/schema/*.sql")})
    assert "runtime" in rooms
    assert {m.room for m in find_migrations(rooms)} == set(rooms)
