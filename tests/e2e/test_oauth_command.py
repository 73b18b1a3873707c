"""`cambista oauth turn-keys`, from the terminal."""

import sys
from pathlib import Path

import asyncpg

from tests.e2e.test_solvency_command import Terminal


async def test_keys_are_turned_from_the_terminal(tmp_path: Path, dsn: str) -> None:
    terminal, command = Terminal(tmp_path, dsn), (sys.executable, "-m", "cambista.app.cli", "oauth", "turn-keys")
    for arguments, published in (((), 1), ((), 2), (("--at-once",), 1)):
        status, told = await terminal.run(*command, *arguments)
        assert status == 0, told
        assert f"Published keys: {published}." in " ".join(told.split())
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval("SELECT count(*) FROM identity.oauth_key WHERE verifies_until > now()") == 1
    finally:
        await connection.close()
