"""The yardstick: pgbench -N of the very PostgreSQL that serves the house."""

import asyncio
import os
import re

from cambista.runtime.postgres import EmbeddedPostgres

CLIENTS, THREADS, SCALE = 8, 2, 20


class Pgbench:
    """pgbench in its own database on the house's server (`-N`: update an account, insert a history row, commit)."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self._dsn = postgres.dsn(database="pgbench")

    async def prepare(self) -> None:
        import asyncpg

        connection = await asyncpg.connect(self._postgres.dsn())
        await connection.execute("CREATE DATABASE pgbench")
        await connection.close()
        await self._run("-i", "-q", "-s", str(SCALE))

    async def tps(self, seconds: int) -> float:
        said = await self._run(
            "-N", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-T", str(seconds)
        )  # fmt: skip
        found = re.search(r"tps = ([\d.]+)", said)
        assert found, said
        return float(found[1])

    async def _run(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._postgres.binaries.tool("pgbench"),
            *arguments,
            self._dsn,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(os.environ),
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()
