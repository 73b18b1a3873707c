"""The operators' console: a desk page over the house's own doors, behind sign-in with a key. Stores nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from cambista.console.doors import ConsoleDoors
from cambista.console.gate import Gate
from cambista.console.security import Guards, Keeping, Limits, Policy, Tier, Ways

__all__ = ["ConsoleDoors", "Gate", "Guards", "Keeping", "Limits", "Policy", "Tier", "Ways", "mount"]


def mount(app: FastAPI, doors: ConsoleDoors, *, secret: str, path: str = "/console") -> Gate:
    """Put the console at `path`. Costs nothing until somebody opens it; closes with the application's lifespan.

    `secret` keys the digests of session tokens: any random text, a new one at each start is fine.
    """
    gate = Gate(doors, secret=secret)
    app.mount(path, gate, name="console")
    app.router.routes.append(Route(path, _to_the_door, include_in_schema=False))
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: Any) -> AsyncIterator[Any]:
        async with inner(running) as state:
            try:
                yield state
            finally:
                await gate.close()

    app.router.lifespan_context = lifespan
    return gate


async def _to_the_door(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.url.path}/", 307)
