"""The gateway as one FastAPI application: the frame, the hot routes first, the rooms' routes, and the document."""

from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Route

from cambista import __version__
from cambista.gateway import wire
from cambista.gateway.access import methods_at
from cambista.gateway.docs_page import CONTENT_SECURITY_POLICY, docs_page
from cambista.gateway.document import openapi_document
from cambista.gateway.doors import Doors
from cambista.gateway.errors import MethodNotAllowed, ParameterInvalid, RouteUnknown
from cambista.gateway.frame import Frame
from cambista.gateway.limiter import AddressLimiter
from cambista.gateway.metrics import RequestMetrics
from cambista.gateway.rest import accounts, customers, deposits, health, keys, ledger, market, trading, withdrawals
from cambista.gateway.rest.health import Health
from cambista.gateway.rest.hot import HOT_ROUTES
from cambista.gateway.settings import GatewaySettings
from cambista.kernel.errors import Refusal

_ROOMS = (market, customers, keys, deposits, accounts, trading, withdrawals, ledger, health)


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = openapi_document(self, HOT_ROUTES)
        return self.openapi_schema


def create_app(doors: Doors, settings: GatewaySettings | None = None) -> FastAPI:
    """The ASGI application in front of `doors`. Starts nothing; other faces may be mounted beside it."""
    settings = settings or GatewaySettings()
    app = _Application(
        title="Cambista",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={StarletteHTTPException: _http_refusal, RequestValidationError: _parameter_refusal},
    )
    app.state.settings = settings
    clock = doors.runtime.clock
    app.state.price_limiter = AddressLimiter(
        clock.monotonic, per_minute=settings.price_calls_per_minute, addresses_max=settings.price_callers_max
    )
    app.state.health = Health(doors, settings.health_kept_s)
    for hot in HOT_ROUTES:
        app.router.routes.append(Route(hot.path, hot, methods=["POST"], include_in_schema=False))
    for room in _ROOMS:
        app.include_router(room.router)
    app.add_api_route("/openapi.json", _openapi, methods=["GET"], include_in_schema=False, response_model=None)
    app.add_api_route("/docs", _docs, methods=["GET"], include_in_schema=False, response_model=None)
    app.add_middleware(Frame, doors=doors, settings=settings, metrics=RequestMetrics(doors.metrics))
    return app


async def _openapi(request: Request) -> Response:
    return Response(wire.encode(request.app.openapi()), media_type="application/json")


async def _docs(request: Request) -> Response:
    page = docs_page(request.app.openapi())
    return Response(page, media_type="text/html", headers={"content-security-policy": CONTENT_SECURITY_POLICY})


async def _http_refusal(request: Request, error: Exception) -> Response:
    """The framework's own noes in the house's form; the frame answers them."""
    assert isinstance(error, StarletteHTTPException | HTTPException)
    raise _http(error, request.scope["path"]) from None


def _http(error: StarletteHTTPException, path: str) -> Refusal:
    if error.status_code == 404:
        return RouteUnknown()
    if error.status_code == 405:
        return MethodNotAllowed(allowed=", ".join(methods_at(path)))
    return ParameterInvalid(str(error.detail)[:200])


async def _parameter_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])[:64]
    raise ParameterInvalid(str(first["msg"])[:200], parameter=name) from None
