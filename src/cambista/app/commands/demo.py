"""`cambista demo`."""

from pathlib import Path
from typing import Annotated

import typer

from cambista.app.commands.running import AsJson, err, out, read_settings, run


def demo(  # noqa: PLR0913  a command's options are its interface
    *,
    seed: Annotated[int, typer.Option(help="Fixes who comes, what they set out to do, and the paper market.")] = 1,
    customers: Annotated[int, typer.Option(min=1, max=500, help="How many simulated customers.")] = 8,
    rate: Annotated[float, typer.Option(min=0.01, max=200, help="Trades a second, on average.")] = 5.0,
    duration: Annotated[float | None, typer.Option(min=0, help="Seconds to run; without it, until Ctrl-C.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [CAMBISTA_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 = any free [CAMBISTA_PORT].")] = None,
    home: Annotated[Path | None, typer.Option(help="The demo's own home [CAMBISTA_HOME/demo].")] = None,
    as_json: AsJson = False,
) -> None:
    """See the house live in seconds: paper prices, and customers who deposit, ask, trade and withdraw.

    The demo has a home and a database of its own; the real house is not touched. Status 1 when the books do not hold.
    """
    from cambista.app.demo import DemoFailed, Display, Options, demo_settings, run_demo, screen
    from cambista.app.demo import as_json as to_json
    from cambista.app.serve import PortTaken
    from cambista.runtime.logs import configure_logs

    settings = demo_settings(read_settings(host=host, port=port), home, seed)
    configure_logs(level="warning" if settings.log_level == "info" else settings.log_level)
    options = Options(seed, customers, rate, duration)

    async def work() -> int:
        try:
            summary = await run_demo(settings, options, Display(err if as_json else out))
        except PortTaken as taken:
            err.print(f"[red]{taken}[/] Choose another with --port or CAMBISTA_PORT.")
            return 1
        except DemoFailed as failed:
            err.print(f"[red]{failed}[/]", soft_wrap=True)
            return 1
        if as_json:
            out.print_json(data=to_json(summary))
        else:
            out.print(screen(summary))
        return summary.status

    run(work())
