"""The console's outer door: who stands before it, and what is behind it for whom."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cambista.console.board import Board
from cambista.console.doors import ConsoleDoors
from cambista.console.entrance import Entrance
from cambista.console.guilloche import rosette
from cambista.console.office.office import Office
from cambista.console.requests import root_of, same_origin, with_headers
from cambista.console.seat import SCOPE_KEY, Seat
from cambista.console.sessions import Session, Sessions
from cambista.console.texts import texts
from cambista.kernel.errors import Refusal

DESKS_MAX = 64
REVALIDATE_S = 2.0
_ASSETS = {
    "desk.css": "text/css",
    "mark.svg": "image/svg+xml",
    "rosette.svg": "image/svg+xml",
    "passkey.js": "text/javascript",
}
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# NiceGUI starts from inline scripts and compiles its templates in the browser; nothing comes from elsewhere.
_DESK = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'self'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_NICEGUI = ("/_nicegui/", "/_nicegui_ws/")


@dataclass(frozen=True, slots=True)
class Site:
    """What stands behind the gate, and how to let it go."""

    app: ASGIApp
    close: Callable[[], Awaitable[None]]


SiteOpener = Callable[[], Awaitable[Site]]


class Gate:
    """An ASGI application. Whoever is not signed in reaches the sign-in page and nothing else."""

    def __init__(self, doors: ConsoleDoors, *, secret: str, site: SiteOpener | None = None) -> None:
        self.doors = doors
        self.board = Board(doors)
        self.sessions = Sessions(doors.runtime.clock, secret)
        self.entrance = Entrance(doors, self.sessions)
        self.office = Office(doors)
        self._open_site = site or _open_site
        self._site: Site | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send, path=path)
            return
        request = Request(scope, receive)
        session = None if path.startswith("/assets/") else await self.entrance.recognise(request)
        own = await self._own(request, path, session)
        if own is not None:
            await own(scope, receive, with_headers(send, {"Content-Security-Policy": STRICT, **_HEADERS}))
            return
        assert session is not None
        scope[SCOPE_KEY] = Seat(self.board, session, self.doors.house, self.doors.identity.note_use)
        desk = await self.desk()
        await desk(scope, receive, with_headers(send, {"Content-Security-Policy": _DESK, **_HEADERS}))

    async def desk(self) -> ASGIApp:
        """NiceGUI with the desk's page; its first import takes about a second, in a thread of its own."""
        async with self._opening:
            if self._site is None:
                self._site = await self._open_site()
                self.doors.runtime.tasks.keep("console.board", self.board.run)
                self.doors.runtime.tasks.keep("console.sessions", self._revalidate_always)
            return self._site.app

    async def close(self) -> None:
        """Let the desks go."""
        if self._site is not None:
            await self._site.close()

    async def revalidate(self) -> None:
        """End the sessions of keys and logins that no longer open anything; a database that is away ends none."""
        self.sessions.end_old()
        key_ids = self.sessions.key_ids()
        if not key_ids:
            return
        try:
            async with self.doors.runtime.db.transaction() as tx:
                refused = await self.doors.identity.refused_keys(tx, key_ids)
        except Refusal:
            return
        self.sessions.end(self.sessions.of_keys(refused))

    async def _revalidate_always(self) -> None:
        while True:
            await self.doors.runtime.clock.sleep(REVALIDATE_S)
            await self.revalidate()

    async def _socket(self, scope: Scope, receive: Receive, send: Send, *, path: str) -> None:
        ours = same_origin(Headers(scope=scope)) and path.startswith("/_nicegui_ws/")
        session = await self.entrance.recognise(HTTPConnection(scope)) if ours else None
        if session is None or self._site is None or not self.entrance.is_enrolled(session):
            await receive()
            await send({"type": "websocket.close", "code": 4401})
            return
        await self._site.app(scope, receive, send)

    async def _own(self, request: Request, path: str, session: Session | None) -> Response | None:
        """The gate's own answer; None = the desk's business."""
        if request.method == "POST" and not path.startswith(_NICEGUI) and not same_origin(request.headers):
            return PlainTextResponse("403", 403)
        if path.startswith("/assets/"):
            return _asset(path.removeprefix("/assets/"))
        if path == "/sign-in":
            return await self._sign_in(request, session)
        if path == "/sign-out" and request.method == "POST":
            return await self.entrance.sign_out(request, session)
        if session is None:
            return self._outside(request, path)
        if path == "/enrol":
            return await self.entrance.enrol(request, session)
        if not self.entrance.is_enrolled(session):
            return RedirectResponse(f"{root_of(request)}/enrol", 303) if request.method == "GET" else _nothing(401)
        return await self._inside(request, path, session)

    async def _sign_in(self, request: Request, session: Session | None) -> Response:
        if request.method == "POST":
            return await self.entrance.sign_in(request, session)
        if session is not None:
            return RedirectResponse(f"{root_of(request)}/", 303)
        tasks = self.doors.runtime.tasks
        if self._site is None and "console.open" not in tasks.running():
            # Whoever stands at the door will want the desk: it is made ready while the password is looked for.
            tasks.keep("console.open", self._warm)
        return self.entrance.form(request)

    async def _warm(self) -> None:
        await self.desk()

    def _outside(self, request: Request, path: str) -> Response:
        if path.startswith(_NICEGUI):
            return _nothing(401)
        if path in ("/", "/enrol") or self.office.has(path):
            return RedirectResponse(f"{root_of(request)}/sign-in", 303)
        return _nothing(404)

    async def _inside(self, request: Request, path: str, session: Session) -> Response | None:
        if path == "/" and request.method in ("GET", "HEAD"):
            if self.board.watchers >= DESKS_MAX:
                return PlainTextResponse(texts(session.language).too_many_desks, 503, {"Retry-After": "30"})
            return None
        if path.startswith(_NICEGUI):
            return None
        return await self.office.answer(request, path, session) or _nothing(404)


async def _open_site() -> Site:
    app, close = await (await asyncio.to_thread(_site_module)).open_site()
    return Site(app, close)


def _site_module() -> Any:
    from cambista.console import site

    return site


def _nothing(status: int) -> Response:
    return PlainTextResponse(str(status), status)


@cache
def _read_asset(name: str) -> bytes:
    if name == "rosette.svg":
        return rosette().encode()
    return resources.files("cambista.console").joinpath("assets", name).read_bytes()


def _asset(name: str) -> Response:
    if name not in _ASSETS:
        return _nothing(404)
    return Response(_read_asset(name), media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=300"})
