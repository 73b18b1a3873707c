"""`cambista ledger check`, `ledger balance` and `tills fund`: the books from the terminal."""

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from cambista.app.commands.running import AsJson, closed_house, err, out, read_settings, run
from cambista.app.settings import Settings

ledger = typer.Typer(help="The books.", no_args_is_help=True)
tills = typer.Typer(help="The house's own inventory.", no_args_is_help=True)


@ledger.command()
def check(as_json: AsJson = False) -> None:
    """Recompute everything from the postings and say what differs (status 1 when something does)."""
    run(_check(read_settings(), as_json))


async def _check(settings: Settings, as_json: bool) -> int:
    async with closed_house(settings) as house:
        differences = await house.ledger.check()
        trial = await house.ledger.trial_balance()
    if as_json:
        found = [
            {"check": each.check, "subject": each.subject, "expected": each.expected, "found": each.found}
            for each in differences
        ]
        out.print_json(data={"balanced": trial.balanced, "differences": found})
    elif differences:
        for each in differences:
            err.print(f"[red]{each.check}[/] {each.subject}: expected {each.expected}, found {each.found}")
    else:
        accounts = sum(line.accounts for line in trial.items)
        out.print(f"[green]The books balance.[/] {accounts} accounts in {len(trial.items)} assets recomputed.")
    return 1 if differences or not trial.balanced else 0


@ledger.command()
def balance(
    as_of: Annotated[str | None, typer.Option(help="A past moment, RFC 3339.")] = None, as_json: AsJson = False
) -> None:
    """The trial balance, now or as of a moment."""
    from cambista.kernel.errors import Refusal
    from cambista.kernel.time import parse_time

    try:
        moment = parse_time(as_of) if as_of else None
    except Refusal as refusal:
        err.print(f"[red]{refusal.code}[/]: {refusal.detail}")
        raise SystemExit(2) from None
    run(_balance(read_settings(), moment, as_json))


async def _balance(settings: Settings, as_of: datetime | None, as_json: bool) -> int:
    async with closed_house(settings) as house:
        trial = await house.ledger.trial_balance(as_of)
    if as_json:
        items = [
            {"asset": each.asset.code, "total": str(each.total), "accounts": each.accounts} for each in trial.items
        ]
        out.print_json(data={"as_of": trial.as_of.isoformat(), "balanced": trial.balanced, "items": items})
    else:
        table = Table("asset", "accounts", "sum of balances", title=f"Trial balance {trial.as_of:%Y-%m-%d %H:%M:%S}")
        for each in trial.items:
            table.add_row(each.asset.code, str(each.accounts), str(each.total))
        out.print(table)
    return 0 if trial.balanced else 1


@tills.command()
def fund(
    asset: Annotated[str, typer.Argument(help="The asset's code, e.g. USDT.")],
    amount: Annotated[str, typer.Argument(help="How much, e.g. 100000.00.")],
) -> None:
    """Put the owner's capital into a till."""
    run(_fund(read_settings(), asset, amount))


async def _fund(settings: Settings, code: str, text: str) -> int:
    from cambista.app.capital import OWNER, fund_tills
    from cambista.kernel import registry
    from cambista.kernel.errors import Refusal
    from cambista.kernel.ids import TransferId
    from cambista.kernel.money import Amount

    amount = Amount.parse_positive(text, registry.asset(code))
    async with closed_house(settings) as house:
        id = TransferId(house.runtime.new_id())
        [posted] = await fund_tills(house.runtime, house.ledger, [(id, amount)], caller=OWNER)
    if isinstance(posted, Refusal):
        raise posted
    out.print(f"{amount} put into the till (transfer {id}).")
    return 0
