"""The command line: one place that lists every command of `cambista`."""

import typer

from cambista.app.commands import audit, books, demo, doctor, keys, oauth, prices, serve
from cambista.app.commands.running import err

app = typer.Typer(
    name="cambista",
    help="A complete currency-exchange house.",
    no_args_is_help=True,
    add_completion=False,
    # A variable may be a secret.
    pretty_exceptions_show_locals=False,
)
app.command()(serve.serve)
app.command()(serve.migrate)
app.command()(demo.demo)
app.command()(doctor.doctor)
app.add_typer(books.ledger, name="ledger")
app.add_typer(books.tills, name="tills")
app.add_typer(prices.pricing, name="pricing")
app.add_typer(keys.keys, name="keys")
app.add_typer(oauth.oauth, name="oauth")
app.add_typer(audit.audit, name="audit")


def main() -> None:
    """The entry point. Refuses to run under `python -O`, which would take the assertions away."""
    if not __debug__:
        err.print("Cambista does not run under python -O: its assertions guard money.")
        raise SystemExit(2)
    app()


if __name__ == "__main__":
    main()
