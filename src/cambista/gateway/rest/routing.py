"""What every endpoint shares: letting the caller in, reading the body, answering, and telling so in the document."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from cambista.gateway import refusals, wire
from cambista.gateway.access import BASE, access_to
from cambista.gateway.errors import (
    BodyNotJson,
    BodyTooLarge,
    FieldInvalid,
    FieldMissing,
    FieldUnknown,
    IdempotencyKeyInvalid,
    IdempotencyKeyRequired,
    InProgress,
    MediaTypeUnsupported,
    ParameterInvalid,
    ParameterUnknown,
    TimedOut,
)
from cambista.gateway.passage import KEY, Passage
from cambista.identity import STAFF
from cambista.kernel.callers import RoleDenied, ScopeMissing
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.kernel.ids import CustomerId
from cambista.runtime import DatabaseAway, HouseBusy, IdempotencyKeyReused, Once, Replay

T = TypeVar("T")
Answer = TypeVar("Answer")
Asked = TypeVar("Asked")
Verdicts = Sequence[Answer | Refusal | Replay]
# Structs that stand in the OpenAPI document, by name.
SCHEMAS: dict[str, type] = {"Problem": refusals.Problem}
REPLAYED_HEADER = {"Idempotent-Replayed": {"description": "`true` on a stored answer.", "schema": {"type": "string"}}}
_ALWAYS: tuple[type[Refusal], ...] = (DatabaseAway, TimedOut)
_OF_CALLERS: tuple[type[Refusal], ...] = (Unauthenticated, RoleDenied, ScopeMissing)
_OF_BODIES: tuple[type[Refusal], ...] = (
    BodyNotJson, BodyTooLarge, MediaTypeUnsupported, FieldUnknown, FieldMissing, FieldInvalid,
)  # fmt: skip
_OF_KEYS: tuple[type[Refusal], ...] = (IdempotencyKeyInvalid, IdempotencyKeyReused, InProgress, HouseBusy)


async def guard(request: Request) -> Passage:
    """Let the caller in as the access table says, and refuse parameters nobody would read or the database could not."""
    passage: Passage = request.scope[KEY]
    route = request.scope["route"]
    passage.endpoint = route.path
    await passage.enter(access_to(request.method, route.path))
    known = {field.alias for field in route.dependant.query_params}
    for name in request.query_params:
        if name not in known:
            raise ParameterUnknown(parameter=name[:64], known=sorted(known))
    for name, value in (*request.query_params.multi_items(), *request.path_params.items()):
        if not wire.printable(value):
            raise ParameterInvalid("The parameter has a control character.", parameter=name)
    return passage


Entered = Annotated[Passage, Depends(guard)]


def rest_router(tag: str, *, prefix: str = BASE) -> APIRouter:
    """A room's routes; nobody passes without the guard."""
    return APIRouter(prefix=prefix, tags=[tag], dependencies=[Depends(guard)])


def body_of(into: type[T], *, optional: bool = False) -> Callable[[Passage], Awaitable[T]]:
    """A dependency that reads the body as `into`, after the caller was let in."""

    async def read(passage: Entered) -> T:
        return wire.shape(await passage.read_json(optional=optional), into)

    return read


def reply(answer: object, status: int = 200) -> Response:
    return Response(wire.encode(answer), status, media_type="application/json")


def owner_of(passage: Passage) -> CustomerId | None:
    """Whose things the caller sees: its own, or (None) everybody's for staff."""
    return None if passage.caller.role in STAFF else CustomerId(passage.caller.id)


class Settling:
    """How a use case's answer is shown: `show` makes the body, sent and stored with `status`; sealed if `personal`."""

    __slots__ = ("personal", "required", "show", "status")

    def __init__(
        self, show: Callable[[Any], object], status: int = 200, *, required: bool = True, personal: bool = False
    ) -> None:
        self.show, self.status, self.required, self.personal = show, status, required, personal

    def render(self, answer: object) -> tuple[int, bytes]:
        return self.status, wire.encode(self.show(answer))

    async def settle(
        self,
        passage: Passage,
        use_case: Callable[[Sequence[Asked], Sequence[Once | None]], Awaitable[Verdicts[Any]]],
        asked: Asked,
        *said: object,
    ) -> Response:
        """Bring one request to a use case, at most once under its Idempotency-Key; `said` is what makes it the same."""
        once = passage.once(
            lambda: wire.fingerprint(list(said)), self.render, required=self.required, personal=self.personal
        )
        [verdict] = await use_case([asked], [once])
        if isinstance(verdict, Refusal):
            raise verdict
        if isinstance(verdict, Replay):
            headers = None if verdict.first else {"Idempotent-Replayed": "true"}
            return Response(verdict.body, verdict.status, headers, media_type="application/json")
        status, body = self.render(verdict)
        return Response(body, status, media_type="application/json")


def ref(of: type) -> dict[str, str]:
    """A reference to a struct's schema, which is then in the document."""
    name = of.__name__
    assert SCHEMAS.setdefault(name, of) is of, f"two schemas of the name {name}"
    return {"$ref": f"#/components/schemas/{name}"}


def speaks(
    answer: type | Sequence[type],
    example: object,
    *,
    status: int = 200,
    refuses: Sequence[type[Refusal]] = (),
    body: type | Sequence[type] | None = None,
    says: Mapping[str, object] | None = None,
    key: bool | None = None,
    public: bool = False,
    optional: bool = False,
) -> dict[str, Any]:
    """The route's own account of itself, for the decorator: answer, refusals, the body with an example of each form.

    Of several answers the example shows one. `key` True: an Idempotency-Key is required; False: it may be given; None:
    there is no such header.
    """
    asked: dict[str, Any] = {} if public else {"security": [{"apiKey": []}, {"bearer": []}]}
    said = [*_ALWAYS, *(() if public else _OF_CALLERS), *refuses, ParameterUnknown, ParameterInvalid]
    if body is not None:
        assert says
        asked["requestBody"] = _request_body(body, says, required=not optional)
        said += _OF_BODIES
    if key is not None:
        asked["parameters"] = [_key_parameter(required=key)]
        said += [*_OF_KEYS, *((IdempotencyKeyRequired,) if key else ())]
    content = {"schema": _schema(answer), "example": example}
    good: dict[str, Any] = {"description": "Done.", "content": {"application/json": content}}
    if key is not None:
        good["headers"] = REPLAYED_HEADER
    return {
        "status_code": status,
        "response_class": Response,
        "response_model": None,
        "responses": {status: good, **_problems(said)},
        "openapi_extra": asked,
    }


def _request_body(body: type | Sequence[type], says: Mapping[str, object], *, required: bool) -> dict[str, Any]:
    examples = {name: {"value": value} for name, value in says.items()}
    return {"required": required, "content": {"application/json": {"schema": _schema(body), "examples": examples}}}


def _schema(forms: type | Sequence[type]) -> dict[str, Any]:
    """One form, or one of several."""
    return ref(forms) if isinstance(forms, type) else {"oneOf": [ref(form) for form in forms]}


def _key_parameter(*, required: bool) -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": required,
        "description": "1 to 128 visible ASCII characters; the same key and body again give the first answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]{1,128}$"},
        "example": "2f6d9a1e-6b1c-4c1e-9f55-0d4f0f0c8a11",
    }


def _problems(said: Sequence[type[Refusal]]) -> dict[int, dict[str, Any]]:
    """The documented errors: one entry a status, one example a code."""
    by_status: dict[int, dict[str, type[Refusal]]] = {}
    for refusal in said:
        by_status.setdefault(refusals.status_of(refusal), {})[refusal.code] = refusal
    return {status: _problem_entry(status, codes) for status, codes in sorted(by_status.items())}


def _problem_entry(status: int, codes: Mapping[str, type[Refusal]]) -> dict[str, Any]:
    examples = {code: {"value": _problem_example(status, refusal)} for code, refusal in sorted(codes.items())}
    return {
        "description": f"{refusals.TITLES[status]}: {', '.join(f'`{code}`' for code in sorted(codes))}",
        "content": {"application/problem+json": {"schema": ref(refusals.Problem), "examples": examples}},
    }


def _problem_example(status: int, refusal: type[Refusal]) -> object:
    body = refusals.problem(
        status=status, code=refusal.code, detail=refusal.sentence, facts={}, trace_id="0199a3c07b3f7c1e8d2f4a5b6c7d8e9f"
    )
    return msgspec.json.decode(body)
