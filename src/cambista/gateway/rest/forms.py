"""The manners of OAuth2's endpoints: forms in, JSON out, and errors as RFC 6749 has them instead of problem+json."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from cambista.gateway import refusals, wire
from cambista.gateway.access import access_to
from cambista.gateway.errors import MediaTypeUnsupported
from cambista.gateway.passage import KEY, Passage
from cambista.gateway.rest.routing import ref
from cambista.identity import ClientInvalid, RequestInvalid
from cambista.kernel.errors import Denied, Refusal, Unauthenticated, Unavailable

FORM_TYPE = b"application/x-www-form-urlencoded"
FIELDS_MAX = 40
FIELD_LENGTH_MAX = 4096
UNAVAILABLE = "temporarily_unavailable"
_BASIC = 'Basic realm="cambista", charset="UTF-8"'
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OAuthErrorOut(msgspec.Struct):
    """An error of OAuth2 (RFC 6749, 5.2): `error` is for machines, `error_description` for people."""

    error: str
    error_description: str


class OAuthRoute(APIRoute):
    """A route whose refusals are told in the form of RFC 6749, those of its guard included."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                return refused(refusal)

        return handled


async def guard(request: Request) -> Passage:
    """Let the caller in as the access table says. Parameters nobody knows are ignored, as RFC 6749 (3.1) wants it."""
    passage: Passage = request.scope[KEY]
    route = request.scope["route"]
    passage.endpoint = route.path
    await passage.enter(access_to(request.method, route.path))
    return passage


def oauth_router(prefix: str) -> APIRouter:
    """Routes of OAuth2's protocol; nobody passes without the guard."""
    return APIRouter(prefix=prefix, tags=["oauth2"], route_class=OAuthRoute, dependencies=[Depends(guard)])


def refused(refusal: Refusal) -> Response:
    """A refusal in the form of RFC 6749."""
    error, status = _error_of(refusal), refusals.status_of(type(refusal))
    headers = {}
    wait_s = refusals.retry_after_s(refusal)
    if wait_s is not None:
        headers["retry-after"] = str(wait_s)
    if status == 401:
        headers["www-authenticate"] = _BASIC if isinstance(refusal, ClientInvalid) else 'Bearer realm="cambista"'
    body = OAuthErrorOut(error, _describable(refusal.detail))
    return Response(wire.encode(body), status, headers, media_type="application/json")


def _error_of(refusal: Refusal) -> str:
    if isinstance(refusal, RequestInvalid | Unauthenticated | Denied):
        return refusal.code
    status = refusals.status_of(type(refusal))
    return UNAVAILABLE if isinstance(refusal, Unavailable) or status == 429 else RequestInvalid.code


def _describable(text: str) -> str:
    """The signs RFC 6749 allows in a description."""
    return "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "?" for sign in text)


async def read_form(passage: Passage) -> dict[str, str]:
    """The form in the body; refuses (`invalid_request`) one that is malformed or has a field twice."""
    if passage.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != FORM_TYPE:
        raise MediaTypeUnsupported("The body must be sent as application/x-www-form-urlencoded.")
    return fields(await passage.read_raw())


def fields(text: bytes) -> dict[str, str]:
    """The fields of a form or a query. Empty ones count as absent (RFC 6749, 3.1)."""
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, strict_parsing=bool(text), errors="strict",
            max_num_fields=FIELDS_MAX,
        )  # fmt: skip
    except ValueError:
        raise RequestInvalid("This is no form.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RequestInvalid("A parameter stands twice.")
    if any(len(value) > FIELD_LENGTH_MAX or not value.isprintable() for value in found.values()):
        raise RequestInvalid("A parameter is too long, or holds what cannot be shown.")
    return {name: value for name, value in found.items() if value}


def needed(form: Mapping[str, str], name: str) -> str:
    """A parameter that must be there."""
    value = form.get(name)
    if value is None:
        raise RequestInvalid(f"The parameter {name} is missing.")
    return value


def tells(
    answer: type,
    example: object,
    *,
    form: Mapping[str, Mapping[str, str]] | None = None,
    errors: Mapping[int, Sequence[str]],
    is_secured: bool = False,
) -> dict[str, Any]:
    """The route's own account of itself, for the decorator; `form` holds an example of each kind of request."""
    said: dict[str, Any] = {"security": [{"apiKey": []}, {"bearer": []}]} if is_secured else {}
    if form is not None:
        properties = {name: {"type": "string"} for each in form.values() for name in each}
        content = {
            "schema": {"type": "object", "properties": properties},
            "examples": {name: {"value": value} for name, value in form.items()},
        }
        said["requestBody"] = {"required": True, "content": {FORM_TYPE.decode(): content}}
    good = {"description": "Done.", "content": {"application/json": {"schema": ref(answer), "example": example}}}
    return {
        "response_class": Response,
        "response_model": None,
        "responses": {200: good, **{status: _told(codes) for status, codes in errors.items()}},
        "openapi_extra": said,
    }


def _told(codes: Sequence[str]) -> dict[str, Any]:
    examples = {code: {"value": {"error": code, "error_description": "…"}} for code in codes}
    content = {"application/json": {"schema": ref(OAuthErrorOut), "examples": examples}}
    return {"description": ", ".join(f"`{code}`" for code in codes), "content": content}
