"""`cambista audit …`: what proves the house's deeds and debts, from the terminal."""

import typer

from cambista.app.commands import solvency

audit = typer.Typer(help="Proofs of what the house did and owes.", no_args_is_help=True)
audit.command()(solvency.solvency)
audit.command()(solvency.script)
