"""A database password that changes while the house runs: new connections bring the new one."""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from cambista.app.build import open_runtime
from cambista.app.settings import Settings
from cambista.runtime import DatabaseAway, Runtime
from cambista.runtime.secrets import Secrets

OLD, NEW = "old-password-1", "new-password-2"


def _as_visitor(dsn: str, password: str) -> str:
    parts = urlsplit(dsn)
    return parts._replace(netloc=f"visitor:{password}@{parts.netloc.rpartition('@')[2]}").geturl()


async def _user(runtime: Runtime) -> str:
    async with runtime.db.read() as reader:
        return str(await reader.value("SELECT session_user::text"))


async def _read_for_ever(runtime: Runtime) -> None:
    while True:
        await _user(runtime)


async def test_a_changed_database_url_is_taken_up_without_a_restart(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "database-url"
    file.write_text(_as_visitor(dsn, OLD))
    owner = await asyncpg.connect(dsn)
    await owner.execute(f"CREATE ROLE visitor LOGIN PASSWORD '{OLD}'; GRANT cambista_app TO visitor")
    secrets = Secrets()
    settings = Settings(_env_file=None, home=tmp_path, database_url=SecretStr(f"file:{file}"))
    filled = await secrets.fill(settings)
    assert filled.database_url is not None
    try:
        async with open_runtime(filled.database_url.get_secret_value(), filled, secrets) as runtime:
            assert await _user(runtime) == "visitor"
            await owner.execute(f"ALTER ROLE visitor PASSWORD '{NEW}'")
            await owner.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'visitor'")
            with pytest.raises(DatabaseAway):
                await _read_for_ever(runtime)
            file.write_text(_as_visitor(dsn, NEW))
            await secrets.refresh()
            assert await _user(runtime) == "visitor"
    finally:
        await owner.execute("DROP ROLE visitor")
        await owner.close()
