"""The OpenAPI document: what FastAPI gathers, the hot routes, and the schemas of the wire's structs."""

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from cambista.gateway.rest.hot import HotRoute
from cambista.gateway.rest.routing import SCHEMAS

_INTRODUCTION = """
Quotes, trades, deposits, withdrawals and the books of a currency-exchange house.

* Amounts and prices are decimal strings; requests may send JSON integers too. A JSON float is refused.
* Times are RFC 3339 in UTC, ids are UUIDs, a pair is `BASE/QUOTE` and its price is QUOTE for one BASE.
* Every error is `application/problem+json` with a stable `code`, `facts` and the `trace_id` of the request.
* Requests that move money need an `Idempotency-Key`; the same key with the same body gives the same answer again.
* Send the key as `X-API-Key`, or as `Authorization: Bearer`.
"""
_SECURITY = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def openapi_document(app: FastAPI, routes: Sequence[BaseRoute], hot: Sequence[HotRoute]) -> dict[str, Any]:
    """The whole document, of every endpoint that is part of the contract."""
    document = get_openapi(
        title="Cambista", version=app.version, description=_INTRODUCTION.strip(), routes=app.routes, servers=app.servers
    )
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            _restore(document["paths"][route.path], route)
    for each in hot:
        document["paths"].setdefault(each.path, {})["post"] = _operation(each)
    components = document.setdefault("components", {})
    _, schemas = msgspec.json.schema_components(SCHEMAS.values(), ref_template="#/components/schemas/{name}")
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = _SECURITY
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("422", {"description": "Not valid."})
            _plain_errors(operation)
    return document


def _restore(operations: dict[str, Any], route: APIRoute) -> None:
    """FastAPI drops every null, also those that examples mean."""
    for method in route.methods or ():
        responses = operations[method.lower()]["responses"]
        responses.update({str(status): {**responses[str(status)], **told} for status, told in route.responses.items()})


def _operation(route: HotRoute) -> dict[str, Any]:
    responses = {str(status): told for status, told in route.told["responses"].items()}
    return {
        "tags": ["trading"],
        "summary": route.summary.partition("\n")[0],
        "operationId": f"post{route.path.replace('/', '_')}",
        **route.told["openapi_extra"],
        "responses": responses,
    }


def _plain_errors(operation: dict[str, Any]) -> None:
    """FastAPI describes its own validation error, which never leaves this house."""
    content = operation["responses"]["422"].get("content", {})
    content.pop("application/json", None)
