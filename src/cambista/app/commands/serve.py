"""`cambista serve` and `cambista migrate`."""

from pathlib import Path
from typing import Annotated

import typer

from cambista.app.commands.running import AsJson, err, out, read_settings, run


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [CAMBISTA_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 = any free [CAMBISTA_PORT].")] = None,
    replay: Annotated[Path | None, typer.Option(help="Play the recordings in this folder as today's market.")] = None,
    speed: Annotated[float, typer.Option(help="Replay speed: 1 = as recorded, 60 = a minute a second.")] = 1.0,
) -> None:
    """Open the house: database, prices, API and console, in the foreground until interrupted."""
    from cambista.app.certificate import TlsRefused
    from cambista.app.serve import PortTaken, Serving, serve_until_told
    from cambista.runtime.logs import configure_logs

    settings = read_settings(host=host, port=port)
    configure_logs(level=settings.log_level)
    if replay is not None:
        settings = settings.replaying(replay, speed)

    def announce(running: Serving) -> None:
        home = settings.home_folder
        out.print(f"[bold green]Cambista is open[/]  {running.url}")
        out.print(f"  API        {running.url}/docs")
        if settings.console:
            out.print(f"  Console    {running.url}/console")
        out.print(f"  Admin key  {home / 'admin.key'}")
        if settings.on_paper:
            out.print("  [yellow]On paper: prices and money are not real[/]")
        out.print("  Stop with Ctrl-C")

    async def work() -> int:
        try:
            await serve_until_told(settings, announce)
        except PortTaken as taken:
            err.print(f"[red]{taken}[/] Choose another with --port or CAMBISTA_PORT.")
            return 1
        except TlsRefused as refused:
            err.print(f"[red]No TLS:[/] {refused}", soft_wrap=True)
            return 1
        return 0

    run(work())


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to the shape this code expects."""
    from cambista.app.databases import reach_database
    from cambista.app.rooms import ROOMS
    from cambista.runtime.migrations import migrate as apply

    settings = read_settings()

    async def work() -> int:
        async with reach_database(settings) as dsn:
            applied = await apply(dsn, ROOMS)
        labels = [each.label for each in applied.migrations]
        if as_json:
            out.print_json(data={"applied": labels, "total": applied.total})
        else:
            out.print(f"{applied.total} migrations, all applied.")
        return 0

    run(work())
