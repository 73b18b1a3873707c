"""`cambista audit …`: what proves the house's deeds and debts, from the terminal."""

import typer

from cambista.app.commands import record, solvency

audit = typer.Typer(help="Proofs of what the house did and owes.", no_args_is_help=True)
audit.command()(record.verify)
audit.command()(record.export)
audit.command()(solvency.solvency)
audit.command()(solvency.script)
