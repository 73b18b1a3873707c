"""How every command runs: uvloop, one exit status, and trouble said in a line instead of a traceback."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cambista.app.settings import Settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a machine to read.")]


def read_settings(**given: Any) -> Settings:
    """The settings, with what the command line gave on top; unreadable ones end the command with status 2."""
    from pydantic import ValidationError

    try:
        settings = Settings()
        chosen = {name: value for name, value in given.items() if value is not None}
        return settings.model_copy(update=chosen) if chosen else settings
    except ValidationError as error:
        for each in error.errors():
            place = "__".join(str(part) for part in each["loc"]).upper()
            err.print(f"[red]CAMBISTA_{place}[/]: {each['msg']}")
        raise SystemExit(2) from None


def run(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a command to its exit status."""
    import structlog
    import uvloop

    from cambista.kernel.errors import Refusal
    from cambista.runtime.logs import configure_logs
    from cambista.runtime.migrations import MigrationRefused
    from cambista.runtime.postgres import PostgresStartFailed
    from cambista.runtime.sealing import KeyFileRefused, KeyUnreadable
    from cambista.runtime.secrets import SecretUnreadable

    if not structlog.is_configured():
        # structlog by itself writes among the answers, and shows the variables of a traceback.
        configure_logs(level="warning")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            status = runner.run(work)
    except (PostgresStartFailed, MigrationRefused, KeyFileRefused, KeyUnreadable, SecretUnreadable) as failure:
        err.print(f"[red]{escape(str(failure))}[/]", soft_wrap=True)
        status = 1
    except Refusal as refusal:
        err.print(f"[red]{refusal.code}[/]: {escape(f'{refusal.detail} {refusal.facts or str()}')}", soft_wrap=True)
        status = 1
    except KeyboardInterrupt:
        status = 130
    raise SystemExit(status)


@asynccontextmanager
async def closed_house(settings: Settings) -> AsyncIterator[Any]:
    """The house's rooms on its database, not open for business: for commands that read or mend."""
    from cambista.app.build import build, open_runtime
    from cambista.app.databases import reach_database
    from cambista.app.secrets import with_secrets
    from cambista.audit import AuditKey
    from cambista.pricing import Signer

    async with (
        with_secrets(settings) as (filled, secrets),
        reach_database(filled) as dsn,
        open_runtime(dsn, filled, secrets) as runtime,
    ):
        signer = Signer.open(settings.home_folder / "receipt.key")
        yield build(runtime, filled, signer, AuditKey.open(settings.home_folder / "audit.key"))
