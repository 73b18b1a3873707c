"""`cambista audit solvency` and `audit script`: what the house owes and has, and the verifier to hand out."""

from typing import Annotated, Any

import typer
from rich.table import Table

from cambista.app.commands.running import AsJson, closed_house, err, out, read_settings, run
from cambista.app.settings import Settings


def solvency(
    day: Annotated[
        str | None, typer.Option(help="A past day, YYYY-MM-DD; today's is made if it does not stand.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The day's certificate of solvency (status 1 when an asset is not covered)."""
    run(_solvency(read_settings(), day, as_json))


async def _solvency(settings: Settings, text: str | None, as_json: bool) -> int:
    from cambista.audit import parse_day
    from cambista.gateway.rest.solvency import show_certificate
    from cambista.gateway.wire import encode

    day = None if text is None else parse_day(text)
    async with closed_house(settings) as house:
        found = await (house.solvency.certify() if day is None else house.solvency.certificate(day))
    shown = show_certificate(found)
    if as_json:
        typer.echo(encode(shown))
    else:
        out.print(_table(shown.statement))
        out.print(f"Signed by the audit key {shown.key_id}. The reserves are what the house's own books say.")
    for each in shown.statement.assets:
        if not each.solvent:
            err.print(f"[red]not covered[/] {each.asset}: {each.surplus}")
    return 0 if all(each.solvent for each in shown.statement.assets) else 1


def _table(statement: Any) -> Table:
    table = Table("asset", title=f"{statement.branch}, {statement.as_of}")
    for name in ("owed to customers", "in suspense", "said to be there", "left"):
        table.add_column(name, justify="right")
    for each in statement.assets:
        table.add_row(each.asset, each.liabilities, each.suspense, each.reserve, each.surplus)
    return table


def script() -> None:
    """Print the verifier: one Python file that checks bundles, certificates and leaves without the house."""
    from cambista.audit import verifier_script

    typer.echo(verifier_script(), nl=False)
