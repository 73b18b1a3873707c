"""`cambista pricing explain`: how a stored quote came to its price, recomputed bit for bit."""

from typing import Annotated

import typer

from cambista.app.commands.running import AsJson, closed_house, err, out, read_settings, run
from cambista.app.settings import Settings

pricing = typer.Typer(help="Prices and their receipts.", no_args_is_help=True)


@pricing.callback()
def _pricing() -> None:
    """Prices and their receipts."""


@pricing.command()
def explain(quote_id: Annotated[str, typer.Argument(help="The quote's id.")], as_json: AsJson = False) -> None:
    """Recompute a stored quote from its signed receipt and print how; status 1 when it comes out otherwise."""
    run(_explain(read_settings(), quote_id, as_json))


async def _explain(settings: Settings, text: str, as_json: bool) -> int:
    from cambista.kernel.ids import QuoteId, parse_id

    quote_id = QuoteId(parse_id(text))
    async with closed_house(settings) as house:
        issued = await house.trading.issued_quote(quote_id, None)
        explanation = house.pricing.explain(issued.receipt)
    fine = explanation.matches and bool(explanation.signature_valid)
    if as_json:
        out.print_json(
            data={
                "quote_id": text,
                "matches": explanation.matches,
                "signature_valid": explanation.signature_valid,
                "steps": list(explanation.steps),
                "differences": list(explanation.differences),
            }
        )
    else:
        for step in explanation.steps:
            out.print(step, markup=False)
        for each in explanation.differences:
            err.print(f"[red]differs[/] {each}")
        said = "[green]The receipt is genuine and recomputes bit for bit.[/]" if fine else "[red]It does not match.[/]"
        out.print(said)
    return 0 if fine else 1
