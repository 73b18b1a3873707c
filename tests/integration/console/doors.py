"""A console before a real house, and a browser at its door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx2
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from cambista.app.build import House
from cambista.app.guards import guards_of
from cambista.console import ConsoleDoors, Gate
from cambista.console.gate import Site
from cambista.console.seat import SCOPE_KEY
from cambista.identity import Identity, KeyRequest, NewApiKey, Principal, PrincipalRequest
from cambista.kernel.callers import Caller, Role

ADMIN = Caller(UUID(int=0xAD), Role.ADMIN)
ADDRESS = "203.0.113.9"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def console_doors(house: House) -> ConsoleDoors:
    return ConsoleDoors(
        house.runtime, house.identity, house.pricing, house.trading, house.ledger, house.venues, house.analytics,
        house.audit, house.solvency, guards_of(house, None), house.till_targets,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Door:
    """The gate, a browser before it, and who may make keys."""

    gate: Gate
    browser: httpx2.AsyncClient
    identity: Identity

    async def key(self, role: str, *scopes: str) -> NewApiKey:
        [owner] = await self.identity.create_principals([PrincipalRequest(ADMIN, role, "Somebody")])
        assert isinstance(owner, Principal)
        [made] = await self.identity.create_keys([KeyRequest(ADMIN, owner.id, "Console", scopes)])
        assert isinstance(made, NewApiKey), made
        return made

    async def sign_in(self, key: str, **headers: str) -> httpx2.Response:
        return await self.browser.post("/console/sign-in", data={"key": key, "lang": "en"}, headers=headers)

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        return await self.browser.post(f"/console{path}", data=fields)

    async def get(self, path: str) -> httpx2.Response:
        return await self.browser.get(f"/console{path}")

    def put_cookie(self, name: str, value: str) -> None:
        """As the browser would keep it: for this house and the console's path."""
        self.browser.cookies.set(name, value, domain="house.local", path="/console")

    async def desk(self) -> httpx2.Response:
        return await self.browser.get("/console/")


@asynccontextmanager
async def open_door(house: House, *, base_url: str = "http://house") -> AsyncIterator[Door]:
    """The console without NiceGUI: its desk says only whose it is."""

    async def desk(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await PlainTextResponse(f"the desk of {scope[SCOPE_KEY].session.caller.role.value}")(scope, receive, send)

    async def close() -> None:
        return None

    async def opened() -> Site:
        return Site(desk, close)

    app = FastAPI()
    gate = Gate(console_doors(house), secret="test", site=opened)
    app.mount("/console", gate)
    transport = httpx2.ASGITransport(app, client=(ADDRESS, 4711))
    async with httpx2.AsyncClient(transport=transport, base_url=base_url, headers={"user-agent": AGENT}) as browser:
        yield Door(gate, browser, house.identity)
