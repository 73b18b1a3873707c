"""The frame around every request: trace, bounds, timeout, metrics, access log, and a form for every error."""

import asyncio
from collections.abc import Mapping

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from cambista.gateway import refusals
from cambista.gateway.addresses import TrustedProxies
from cambista.gateway.cors import Cors
from cambista.gateway.doors import Doors
from cambista.gateway.errors import Overloaded, TimedOut
from cambista.gateway.metrics import RequestMetrics
from cambista.gateway.passage import KEY, OWN_PATHS, Passage, Rules, refused
from cambista.gateway.shedding.gate import Gate
from cambista.gateway.terms import Priority, priority_of
from cambista.kernel.errors import Refusal

_log = structlog.get_logger(__name__)
# Stands for the endpoint of a request that was turned away: counted under it, and not logged one by one.
SHED = "shed"


class Frame:
    """Pure ASGI; the outermost layer. Puts the Passage into the scope, where every endpoint finds it.

    `hot` are endpoints by method and path that are reached from here, past the framework.
    """

    def __init__(self, app: ASGIApp, doors: Doors, rules: Rules, *, hot: Mapping[tuple[str, str], ASGIApp]) -> None:
        self._app = app
        self._doors = doors
        self._rules = rules
        self._settings = settings = rules.settings
        self._hot = hot
        self._proxies = TrustedProxies(settings.trusted_proxies, settings.proxy_header)
        self._cors = Cors(settings.cors_origins)
        self._hsts = (b"strict-transport-security", b"max-age=%d" % settings.hsts_s)
        self._metrics = RequestMetrics(doors.metrics)
        self._gate = Gate(settings.work, doors.runtime.clock.monotonic)
        self._metrics.watch(self._gate)
        self._monotonic = doors.runtime.clock.monotonic
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        self._proxies.see_through(scope)
        if scope["type"] == "websocket":
            await self._open_socket(scope, receive, send)
            return
        passage = scope[KEY] = Passage(self._doors, self._rules, scope, receive, send)
        passage.extra_headers += self._cors.headers(passage.headers) if passage.is_own else ()
        if scope["scheme"] == "https" and self._settings.hsts_s:
            passage.extra_headers.append(self._hsts)
        started = self._monotonic()
        try:
            await self._pass(passage, scope)
        finally:
            self._note(passage, scope, self._monotonic() - started)

    async def _open_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The house itself speaks no WebSocket; its guests may."""
        if not scope["path"].startswith(OWN_PATHS):
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})

    async def _pass(self, passage: Passage, scope: Scope) -> None:
        try:
            passage.admit()
            if passage.is_own:
                priority = priority_of(passage.method, scope["path"], keyed=passage.is_keyed)
                if priority is not None and self._gate.turns_away(priority):
                    await self._turn_away(passage)
                    return
                async with asyncio.timeout(self._settings.request_timeout_s) as timer:
                    passage.timer = timer
                    await self._work(passage, scope, priority)
            else:
                await self._app(scope, passage.receive, passage.send)
        except Refusal as refusal:
            if passage.status:
                raise
            if isinstance(refusal, Overloaded):
                self._metrics.shed.inc()
                passage.endpoint = SHED
            await passage.refuse(refusal)
        except Exception as error:
            await self._fail(passage, error)

    async def _turn_away(self, passage: Passage) -> None:
        """Refuse at the least cost there is: in an overload this is what most requests get."""
        self._metrics.shed.inc()
        passage.endpoint = SHED
        status, headers, before, after = _TURNED_AWAY
        body = before + passage.trace_id.encode() + after
        await passage.answer(status, body, media_type=refusals.PROBLEM_TYPE, headers=headers)

    async def _work(self, passage: Passage, scope: Scope, priority: Priority | None) -> None:
        """Answer a request of the house's own, when its turn has come."""
        method, path = passage.method, scope["path"]
        told = self._cors.preflight(method, path, passage.headers)
        if told is not None:
            await passage.send({"type": "http.response.start", "status": 204, "headers": told})
            await passage.send({"type": "http.response.body", "body": b""})
            return
        await passage.gather()
        app = self._hot.get((method, path), self._app)
        if priority is None:
            await app(scope, passage.receive, passage.send)
            return
        seat = passage.seat = self._gate.enter_now() or await self._gate.enter(priority)
        try:
            await app(scope, passage.receive, passage.send)
        finally:
            seat.leave()

    async def _fail(self, passage: Passage, error: Exception) -> None:
        if passage.status and not passage.ended:
            # The answer is on its way: only breaking the connection tells the client that it is not whole.
            raise error
        timer = passage.timer
        if isinstance(error, TimeoutError) and timer is not None and timer.expired() and not passage.status:
            await passage.refuse(TimedOut())
            return
        _log.error("request_failed", trace_id=passage.trace_id, endpoint=passage.endpoint, exc_info=error)
        if not passage.status:
            await passage.answer(500, refusals.internal_error(passage.trace_id), media_type=refusals.PROBLEM_TYPE)

    def _note(self, passage: Passage, scope: Scope, seconds: float) -> None:
        endpoint = passage.endpoint or _template(scope)
        self._metrics.count(endpoint, passage.method, passage.status, seconds)
        self._requests += 1
        status = passage.status
        failed = status >= 500 and endpoint != SHED
        if failed or seconds > self._settings.slow_s or self._requests % self._settings.access_log_every == 0:
            _log.info(
                "request",
                endpoint=endpoint,
                method=passage.method,
                status=status,
                seconds=round(seconds, 4),
                trace_id=passage.trace_id,
            )


def _turned_away() -> tuple[int, list[tuple[bytes, bytes]], bytes, bytes]:
    """The refusal, encoded once, with its body cut where the trace goes."""
    status, headers, body = refused(Overloaded(), "(trace)")
    before, _, after = body.partition(b"(trace)")
    return status, headers, before, after


_TURNED_AWAY = _turned_away()


def _template(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "")) or ("guest" if "endpoint" in scope else "unmatched")
