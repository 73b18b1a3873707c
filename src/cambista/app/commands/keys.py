"""`cambista keys`: an API key, or a new key-encryption key, for whoever may read the house's home."""

from typing import Annotated

import typer

from cambista.app.commands.running import AsJson, closed_house, out, read_settings, run
from cambista.app.settings import Settings

keys = typer.Typer(help="API keys, and the key over the keys to personal data.", no_args_is_help=True)


@keys.callback()
def _keys() -> None:
    """API keys, and the key over the keys to personal data."""


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


@keys.command()
def rotate(as_json: AsJson = False) -> None:
    """Begin a new key-encryption key and wrap every data key under it; a running house goes on meanwhile."""
    run(_rotate(read_settings(), as_json))


async def _rotate(settings: Settings, as_json: bool) -> int:
    async with closed_house(settings) as house:
        kek, wrapped = await house.runtime.sealing.turn_over(house.runtime.db)
    if as_json:
        out.print_json(data={"kek": kek, "data_keys": wrapped})
    else:
        out.print(f"{wrapped} data keys are wrapped by {kek} now.", soft_wrap=True)
        if kek.startswith("local:"):
            out.print("Back up sealing.keys again: a backup of before cannot open what is wrapped from now on.")
    return 0
