"""`cambista oauth turn-keys`: the keys of access tokens, turned by hand."""

from typing import Annotated

import typer

from cambista.app.commands.running import closed_house, out, read_settings, run
from cambista.app.settings import Settings
from cambista.kernel.time import wire_time

oauth = typer.Typer(help="OAuth2: clients of partners and their tokens.", no_args_is_help=True)


@oauth.callback()
def _oauth() -> None:
    """OAuth2: clients of partners and their tokens."""


@oauth.command()
def turn_keys(
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Keys may be stolen: end the present ones, and every access token.")
    ] = False,
) -> None:
    """Make the next key of access tokens; a running house finds it by itself."""
    run(_turn_keys(read_settings(), at_once=at_once))


async def _turn_keys(settings: Settings, *, at_once: bool) -> int:
    async with closed_house(settings) as house:
        signs_from = await house.identity.oauth.keys.turn(at_once=at_once)
        published = await house.identity.oauth.keys.published()
    out.print(f"The new key signs from {wire_time(signs_from)}. Published keys: {len(published)}.")
    return 0
