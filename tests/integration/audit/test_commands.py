"""`cambista audit verify` and `audit export`: statuses for scripts, the first bad entry for people."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from cambista.app.commands import record as commands
from cambista.app.commands.running import closed_house
from cambista.app.settings import Settings
from cambista.audit import AuditKey
from cambista.runtime import Action
from tests.databases import TestServer
from tests.integration.audit.records import EVA, owner


@pytest.fixture
async def home(server: TestServer, tmp_path: Path) -> AsyncIterator[Settings]:
    """The settings of a house of its own with three sealed entries."""
    async with server.database() as dsn:
        settings = Settings(_env_file=None, home=tmp_path, database_url=SecretStr(dsn))
        async with closed_house(settings) as house:
            for subject in ("a", "b", "c"):
                await house.runtime.record(Action(EVA, "thing.do", subject))
            await house.audit.sealer.run_once()
            await house.audit.delivery.deliver("file")
        yield settings


async def verify(settings: Settings, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    status = await commands._verify(settings, as_json=True)
    return status, json.loads(capsys.readouterr().out)


async def test_a_good_record_is_status_zero(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = await verify(home, capsys)
    assert (status, told["good"], told["entries"], told["checkpoints"], told["finding"]) == (0, True, 3, 1, None)


async def test_a_bad_one_is_status_one_and_names_the_entry(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.database_url is not None
    async with owner(home.database_url.get_secret_value()) as connection:
        await connection.execute("DELETE FROM runtime.journal WHERE subject = 'b'")
    status, told = await verify(home, capsys)
    finding = told["finding"]
    assert isinstance(finding, dict)
    assert (status, finding["wrong"], finding["number"]) == (1, "missing", 2)
    assert await commands._verify(home, as_json=False) == 1
    assert "missing" in capsys.readouterr().err


async def test_an_export_is_verified_from_its_file(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle.jsonl"
    assert await commands._export(home, bundle, None, (None, None)) == 0
    key = AuditKey.open(tmp_path / "audit.key").public_text
    capsys.readouterr()
    assert await commands._verify_bundle(bundle, key, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["good"]
    assert (tmp_path / "cambista_verify.py").read_text().startswith("#!")
    whole = bundle.read_bytes()
    bundle.write_bytes(whole.replace(b'"outcome":"done"', b'"outcome":"gone"', 1))
    assert await commands._verify_bundle(bundle, key, as_json=False) == 1


async def test_what_cannot_be_read_is_status_two(tmp_path: Path) -> None:
    assert await commands._verify_bundle(tmp_path / "nothing.jsonl", None, as_json=False) == 2
    (tmp_path / "empty.jsonl").touch()
    assert await commands._verify_bundle(tmp_path / "empty.jsonl", "no key!", as_json=False) == 2
