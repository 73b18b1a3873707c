"""Which PostgreSQL the house uses: the one it is given, its own, or its own that another process has started."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cambista.app.rooms import ROOMS
from cambista.app.settings import Settings
from cambista.runtime.migrations import migrate
from cambista.runtime.postgres import EmbeddedPostgres, PostgresStartFailed, running_dsn


def embedded(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.home_folder / "postgres", port=settings.database_port)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """The DSN of a migrated database; an embedded server is started for it and stopped at the end."""
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        await migrate(dsn, ROOMS)
        yield dsn
        return
    postgres = embedded(settings)
    dsn = await asyncio.to_thread(postgres.start)
    try:
        await migrate(dsn, ROOMS)
        yield dsn
    finally:
        await asyncio.to_thread(postgres.stop)


@asynccontextmanager
async def reach_database(settings: Settings) -> AsyncIterator[str]:
    """For commands beside a running house: its embedded server if one runs, else as `open_database`."""
    if settings.database_url is None:
        dsn = await asyncio.to_thread(running_dsn, settings.home_folder / "postgres")
        if dsn is not None:
            yield dsn
            return
    async with open_database(settings) as dsn:
        yield dsn


__all__ = ["PostgresStartFailed", "embedded", "open_database", "reach_database"]
