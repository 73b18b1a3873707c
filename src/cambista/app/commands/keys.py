"""`cambista keys create`: an API key from the terminal, for whoever may read the house's home."""

from typing import Annotated

import typer

from cambista.app.commands.running import AsJson, closed_house, out, read_settings, run
from cambista.app.settings import Settings

keys = typer.Typer(help="API keys.", no_args_is_help=True)


@keys.callback()
def _keys() -> None:
    """API keys."""


@keys.command()
def create(
    role: Annotated[str, typer.Option(help="operator, compliance, treasurer, auditor, partner or admin.")],
    name: Annotated[str, typer.Option(help="Who or what will hold the key.")],
    as_json: AsJson = False,
) -> None:
    """Add a principal with that role and print its key, once."""
    run(_create(read_settings(), role, name, as_json))


async def _create(settings: Settings, role: str, name: str, as_json: bool) -> int:
    from cambista.app.capital import OWNER
    from cambista.identity import KeyRequest, NewApiKey, Principal, PrincipalRequest
    from cambista.kernel.callers import Caller, Role

    admin = Caller(OWNER.id, Role.ADMIN)
    async with closed_house(settings) as house:
        [principal] = await house.identity.create_principals([PrincipalRequest(admin, role, name)])
        if not isinstance(principal, Principal):
            raise principal
        [made] = await house.identity.create_keys([KeyRequest(admin, principal.id, name)])
    if not isinstance(made, NewApiKey):
        raise made
    if as_json:
        out.print_json(data={"principal_id": str(principal.id), "key_id": str(made.record.id), "key": made.key})
    else:
        out.print(f"{role} {name!r}: {made.key}", soft_wrap=True)
        out.print("It is shown this once; the house keeps only its hash.")
    return 0
