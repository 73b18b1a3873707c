"""`cambista audit solvency` and `audit script`, from the terminal and on to the verifier."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest


@dataclass(slots=True)
class Terminal:
    """Commands of a house on this test's database, with a home of its own."""

    home: Path
    dsn: str

    async def run(self, *command: str) -> tuple[int, str]:
        # The tests' own settings must not reach the house.
        plain = {name: value for name, value in os.environ.items() if not name.startswith("CAMBISTA_")}
        env = plain | {"CAMBISTA_HOME": str(self.home), "CAMBISTA_DATABASE_URL": self.dsn}
        pipe = asyncio.subprocess.PIPE
        started = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=env, cwd=self.home)
        told, complaints = await asyncio.wait_for(started.communicate(), 120)
        assert b"Traceback" not in complaints, complaints.decode()
        assert started.returncode is not None
        return started.returncode, told.decode()

    async def audit(self, *arguments: str) -> tuple[int, str]:
        return await self.run(sys.executable, "-m", "cambista.app.cli", "audit", *arguments)


@pytest.fixture
def terminal(tmp_path: Path, dsn: str) -> Terminal:
    return Terminal(tmp_path, dsn)


async def _owe(dsn: str) -> None:
    """A customer was paid out of a till that had nothing."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            """
            INSERT INTO ledger.account (kind, owner, asset, posted, floor) VALUES
            ('customer', '00000000-0000-0000-0000-000000000007', 'COP', 25000, 0), ('till', '', 'COP', -25000, -25000)
            """
        )
    finally:
        await connection.close()


async def test_the_terminal_makes_a_certificate_once_a_day_and_the_verifier_takes_it(terminal: Terminal) -> None:
    status, told = await terminal.audit("solvency", "--json")
    assert status == 0
    (terminal.home / "certificate.json").write_text(told)
    certificate = json.loads(told)
    again, of_the_day, of_none, (handed_out, script) = await asyncio.gather(
        terminal.audit("solvency", "--json"),
        terminal.audit("solvency", "--day", certificate["statement"]["day"]),
        terminal.audit("solvency", "--day", "1999-01-01"),
        terminal.audit("script"),
    )
    assert json.loads(again[1]) == certificate
    assert [again[0], of_the_day[0], of_none[0], handed_out] == [0, 0, 1, 0]

    (terminal.home / "verify.py").write_text(script)
    bare = (sys.executable, "-I", "-S", "verify.py", "certificate.json", "--key", certificate["public_key"])
    status, told = await terminal.run(*bare)
    assert (status, told.splitlines()[-1]) == (0, "All of it holds.")


async def test_an_asset_that_is_not_covered_is_said_and_ends_with_status_1(terminal: Terminal, dsn: str) -> None:
    await _owe(dsn)
    status, told = await terminal.audit("solvency", "--json")
    [position] = json.loads(told)["statement"]["assets"]
    assert (status, position["solvent"], position["surplus"]) == (1, False, "-250.00")
