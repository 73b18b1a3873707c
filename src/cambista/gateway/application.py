"""The gateway as one FastAPI application: the frame, the hot routes first, the rooms' routes, and the document."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from cambista import __version__
from cambista.gateway import wire
from cambista.gateway.access import methods_at
from cambista.gateway.docs_page import CONTENT_SECURITY_POLICY, docs_page
from cambista.gateway.document import openapi_document
from cambista.gateway.doors import Doors
from cambista.gateway.errors import MethodNotAllowed, ParameterInvalid, RouteUnknown
from cambista.gateway.frame import Frame
from cambista.gateway.limiting.guesses import Guesses
from cambista.gateway.limiting.limiter import Limiter
from cambista.gateway.limiting.policies import Policies
from cambista.gateway.limiting.shared import SharedWindows
from cambista.gateway.noting import Denials
from cambista.gateway.passage import KEY, STRANGE, Passage, Rules, refused
from cambista.gateway.refusals import PROBLEM_TYPE, internal_error
from cambista.gateway.rest import (
    accounts,
    audit,
    auth,
    clients,
    consent,
    customers,
    deposits,
    enrolling,
    factors,
    health,
    keys,
    ledger,
    market,
    oauth,
    orders,
    sagas,
    solvency,
    trading,
    wellknown,
    withdrawals,
)
from cambista.gateway.rest.health import Health
from cambista.gateway.rest.hot import HOT_ROUTES
from cambista.gateway.settings import GatewaySettings
from cambista.kernel.errors import Refusal

ROOMS = (
    market, customers, auth, factors, enrolling, keys, clients, consent, oauth, wellknown, deposits, accounts, trading,
    orders, withdrawals, ledger, sagas, audit, solvency, health,
)  # fmt: skip


class _Application(FastAPI):
    def __init__(self, doors: Doors, rules: Rules) -> None:
        super().__init__(
            title="Cambista",
            version=__version__,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
            # Looked up anew for every request otherwise; the frame counts already.
            telemetry={"tracing": False, "metrics": False, "logs": False},
            exception_handlers={
                Refusal: _refuse,
                StarletteHTTPException: _refuse_as_framework,
                RequestValidationError: _refuse_parameter,
                Exception: _fail,
            },
        )
        self._doors = doors
        self._rules = rules

    def build_middleware_stack(self) -> ASGIApp:
        """The frame stands outside everything the framework does, and leads straight to the hot routes."""
        hot = {("POST", each.path): each for each in HOT_ROUTES}
        return Frame(super().build_middleware_stack(), self._doors, self._rules, hot=hot)

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = openapi_document(
                self, [each for room in ROOMS for each in room.router.routes], HOT_ROUTES
            )
        return self.openapi_schema


def create_app(
    doors: Doors,
    settings: GatewaySettings | None = None,
    *,
    shared_windows: SharedWindows | None = None,
    certificate_ends_at: Callable[[], datetime] | None = None,
) -> FastAPI:
    """The ASGI application in front of `doors`. Starts nothing; other faces may be mounted beside it.

    With `shared_windows` several processes count their callers together; `certificate_ends_at` is what health tells of
    the certificate the house is served with.
    """
    settings = settings or GatewaySettings()
    clock, kept = doors.runtime.clock, settings.counted_max
    rules = Rules(
        settings,
        Policies(settings),
        Limiter(clock, keys_max=kept, shared=shared_windows),
        Guesses(clock.monotonic, per_minute=settings.failures_per_minute, keys_max=kept),
        Denials(doors.runtime),
    )
    app = _Application(doors, rules)
    app.state.settings = settings
    app.state.health = Health(doors, settings.health_kept_s, certificate_ends_at)
    for hot in HOT_ROUTES:
        app.router.routes.append(Route(hot.path, hot, methods=["POST"], include_in_schema=False))
    for room in ROOMS:
        app.include_router(room.router)
    app.add_api_route("/openapi.json", _openapi, methods=["GET"], include_in_schema=False, response_model=None)
    app.add_api_route("/docs", _docs, methods=["GET"], include_in_schema=False, response_model=None)
    return app


async def _openapi(request: Request) -> Response:
    return Response(wire.encode(request.app.openapi()), media_type="application/json")


async def _docs(request: Request) -> Response:
    page = docs_page(request.app.openapi())
    return Response(page, media_type="text/html", headers={"content-security-policy": CONTENT_SECURITY_POLICY})


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    passage: Passage = request.scope[KEY]
    status, headers, body = refused(error, passage.trace_id)
    answer = Response(body, status, media_type=PROBLEM_TYPE.decode())
    answer.raw_headers += headers
    return answer


async def _refuse_as_framework(request: Request, error: Exception) -> Response:
    """The framework's own noes in the house's form."""
    assert isinstance(error, StarletteHTTPException)
    passage: Passage = request.scope[KEY]
    try:
        await passage.charge_address(STRANGE)
    except Refusal as refusal:
        return await _refuse(request, refusal)
    if error.status_code == 404:
        return await _refuse(request, RouteUnknown())
    if error.status_code == 405:
        return await _refuse(request, MethodNotAllowed(allowed=", ".join(methods_at(request.scope["path"]))))
    return await _refuse(request, ParameterInvalid(str(error.detail)[:200]))


async def _refuse_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return await _refuse(request, ParameterInvalid(str(first["msg"])[:200], parameter=str(first["loc"][-1])[:64]))


async def _fail(request: Request, error: Exception) -> Response:
    """What the client hears of a bug; the framework raises it again, and the frame logs it."""
    passage: Passage = request.scope[KEY]
    return Response(internal_error(passage.trace_id), 500, media_type=PROBLEM_TYPE.decode())
