"""The console's outer door: sign-in, sign-out. Behind it stands NiceGUI, loaded when somebody first comes here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cambista.console.board import Board
from cambista.console.doors import ConsoleDoors
from cambista.console.guilloche import rosette
from cambista.console.seat import SCOPE_KEY, Seat
from cambista.console.sessions import LIFE_S, Attempts, Session, Sessions
from cambista.console.sign_in import sign_in_page
from cambista.console.texts import Language, preferred, texts
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Denied, Refusal, Unauthenticated
from cambista.runtime import Action

COOKIE = "cambista_console"
STAFF = (Role.OPERATOR, Role.TREASURER, Role.COMPLIANCE, Role.ADMIN, Role.AUDITOR)
FORM_MAX = 4096
DESKS_MAX = 64
REVALIDATE_S = 2.0
_ASSETS = {"desk.css": "text/css", "mark.svg": "image/svg+xml", "rosette.svg": "image/svg+xml"}
_STRICT = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
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
_log = structlog.get_logger(__name__)


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
        self._attempts = Attempts(doors.runtime.clock)
        self._open_site = site or _open_site
        self._site: Site | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        session = self.sessions.find(_cookie(scope))
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send, path=path, session=session)
            return
        request = Request(scope, receive)
        own = await self._own(request, path, session)
        if own is not None:
            await own(scope, receive, _with_headers(send, {"Content-Security-Policy": _STRICT, **_HEADERS}))
            return
        assert session is not None
        scope[SCOPE_KEY] = Seat(self.board, session, self.doors.house)
        desk = await self.desk()
        await desk(scope, receive, _with_headers(send, {"Content-Security-Policy": _DESK, **_HEADERS}))

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
        """End the sessions of keys that no longer open anything; a database that is away ends none."""
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

    async def _socket(self, scope: Scope, receive: Receive, send: Send, *, path: str, session: Session | None) -> None:
        ours = _same_origin(Headers(scope=scope)) and path.startswith("/_nicegui_ws/")
        if session is None or self._site is None or not ours:
            await receive()
            await send({"type": "websocket.close", "code": 4401})
            return
        await self._site.app(scope, receive, send)

    async def _own(self, request: Request, path: str, session: Session | None) -> Response | None:
        """The gate's own answer; None = the desk's business."""
        if path.startswith("/assets/"):
            return _asset(path.removeprefix("/assets/"))
        if path == "/sign-in":
            answered = self._sign_in if request.method == "POST" else self._sign_in_form
            return await answered(request, session)
        if path == "/sign-out" and request.method == "POST":
            return await self._sign_out(request, session)
        if path == "/" and request.method in ("GET", "HEAD"):
            if session is None:
                return RedirectResponse(f"{_root(request)}/sign-in", 303)
            if self.board.watchers >= DESKS_MAX:
                return PlainTextResponse(texts(session.language).too_many_desks, 503, {"Retry-After": "30"})
            return None
        if path.startswith(("/_nicegui/", "/_nicegui_ws/")):
            return None if session is not None else PlainTextResponse("", 401)
        return PlainTextResponse("404", 404)

    async def _sign_in_form(self, request: Request, session: Session | None) -> Response:
        if session is not None:
            return RedirectResponse(f"{_root(request)}/", 303)
        tasks = self.doors.runtime.tasks
        if self._site is None and "console.open" not in tasks.running():
            # Whoever stands at the door will want the desk: it is made ready while the key is looked for.
            tasks.keep("console.open", self._warm)
        language = _language(request.query_params.get("lang"), request)
        message = texts(language).sign_in_ended if "ended" in request.query_params else ""
        return self._page(request, language, message)

    async def _warm(self) -> None:
        await self.desk()

    async def _sign_in(self, request: Request, session: Session | None) -> Response:
        if not _same_origin(request.headers):
            return PlainTextResponse("403", 403)
        form = await _form(request)
        language, address = _language(form.get("lang"), request), _address(request)
        words = texts(language)
        wait_s = self._attempts.wait_s(address)
        if wait_s:
            locked = self._page(request, language, words.sign_in_locked.format(minutes=-(-wait_s // 60)), 429)
            locked.headers["Retry-After"] = str(wait_s)
            return locked
        try:
            caller = await self._authenticate(form.get("key", "").strip(), address)
        except Unauthenticated:
            self._attempts.failed(address)
            return self._page(request, language, words.sign_in_refused, 401)
        except Denied:
            self._attempts.failed(address)
            return self._page(request, language, words.sign_in_role_refused, 403)
        except Refusal:
            return self._page(request, language, words.sign_in_away, 503)
        self._attempts.succeeded(address)
        if session is not None:
            self.sessions.end([session])
        answer = RedirectResponse(f"{_root(request)}/", 303)
        answer.set_cookie(
            COOKIE, self.sessions.open(caller, language), max_age=LIFE_S, path=_root(request) or "/",
            secure=request.url.scheme == "https", httponly=True, samesite="strict",
        )  # fmt: skip
        return answer

    async def _authenticate(self, key: str, address: str) -> Caller:
        trace_id = str(self.doors.runtime.new_id())
        caller = await self.doors.identity.authenticate(key[:256], address=address, trace_id=trace_id)
        caller.require("ledger:read", *STAFF)
        caller.require("trades:read", *STAFF)
        await self._record(caller, "console.sign_in")
        return caller

    async def _sign_out(self, request: Request, session: Session | None) -> Response:
        if not _same_origin(request.headers):
            return PlainTextResponse("403", 403)
        if session is not None:
            self.sessions.end([session])
            try:
                await self._record(session.caller, "console.sign_out")
            except Refusal as refusal:
                _log.warning("sign_out_not_recorded", code=refusal.code)
        answer = RedirectResponse(f"{_root(request)}/sign-in", 303)
        answer.delete_cookie(COOKIE, path=_root(request) or "/", httponly=True, samesite="strict")
        return answer

    async def _record(self, caller: Caller, deed: str) -> None:
        async with self.doors.runtime.db.transaction() as tx:
            tx.record(Action(caller, deed, f"key:{caller.key_id}"))

    def _page(self, request: Request, language: Language, message: str, status: int = 200) -> HTMLResponse:
        page = sign_in_page(language, root=_root(request), house=self.doors.house, message=message)
        return HTMLResponse(page, status, {"Cache-Control": "no-store"})


async def _open_site() -> Site:
    app, close = await (await asyncio.to_thread(_site_module)).open_site()
    return Site(app, close)


def _site_module() -> Any:
    from cambista.console import site

    return site


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _cookie(scope: Scope) -> str | None:
    if scope["type"] not in ("http", "websocket"):
        return None
    return Request({**scope, "type": "http"}).cookies.get(COOKIE)


def _language(wanted: str | None, request: Request) -> Language:
    if wanted in tuple(each.value for each in Language):
        return Language(wanted)
    return preferred(request.headers.get("accept-language", ""))


def _same_origin(headers: Headers) -> bool:
    """Whether our own page sent it. Browsers say where a form or a socket comes from, in one header or in two; who says
    nothing is no browser, and sends nobody's cookie unknowingly."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def _form(request: Request) -> Mapping[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_MAX:
            return {}
    try:
        found = parse_qs(body.decode(), max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


@cache
def _read_asset(name: str) -> bytes:
    if name == "rosette.svg":
        return rosette().encode()
    return resources.files("cambista.console").joinpath("assets", name).read_bytes()


def _asset(name: str) -> Response:
    if name not in _ASSETS:
        return PlainTextResponse("404", 404)
    return Response(_read_asset(name), media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=300"})


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    names = {name for name, _ in added}

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if bytes(pair[0]).lower() not in names]
            message: Message = {**message, "headers": [*kept, *added]}  # type: ignore[no-redef]
        await send(message)

    return send_with_headers
