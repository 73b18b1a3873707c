"""One table from refusals to HTTP, and the one form every error has: problem+json (RFC 9457)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from cambista.gateway.errors import (
    BodyNotJson,
    BodyTooLarge,
    EncodingUnsupported,
    HeaderRepeated,
    HeadersTooLarge,
    HostMissing,
    HostUnknown,
    MediaTypeUnsupported,
    MethodNotAllowed,
    RequestMalformed,
    RequestTooSlow,
)
from cambista.identity import RequestInvalid
from cambista.kernel.errors import (
    Conflict,
    Denied,
    Invalid,
    Limited,
    NotFound,
    Refusal,
    Unauthenticated,
    Unavailable,
)
from cambista.kernel.time import wire_time

PROBLEM_TYPE = b"application/problem+json"
# The six kinds, and the few refusals for which HTTP has a word of its own. The nearest class counts.
STATUS: Mapping[type[Refusal], int] = {
    Invalid: 422,
    Denied: 403,
    Unauthenticated: 401,
    NotFound: 404,
    Conflict: 409,
    Limited: 429,
    Unavailable: 503,
    BodyNotJson: 400,
    HeaderRepeated: 400,
    HostMissing: 400,
    RequestMalformed: 400,
    MethodNotAllowed: 405,
    RequestTooSlow: 408,
    BodyTooLarge: 413,
    EncodingUnsupported: 415,
    MediaTypeUnsupported: 415,
    HostUnknown: 421,
    HeadersTooLarge: 431,
    RequestInvalid: 400,
}
TITLES: Mapping[int, str] = {
    400: "Malformed request",
    401: "Who is asking?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "In conflict with the current state",
    413: "Body too large",
    415: "Unsupported media type",
    421: "Misdirected",
    422: "Not valid",
    429: "Over a limit",
    431: "Headers too large",
    500: "Internal error",
    503: "Not available now",
}
RETRY_AFTER_S: Mapping[str, int] = {
    "in_progress": 1,
    "house_busy": 1,
    "overloaded": 1,
    "timeout": 1,
    "database_unavailable": 2,
}
RETRY_AFTER_LIMITED_S = 60


class Problem(msgspec.Struct, omit_defaults=True):
    """What every error looks like: `code` is stable, for machines; `detail` for people; `facts` are ids and amounts."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any]
    trace_id: str


def status_of(refusal: type[Refusal]) -> int:
    """The HTTP status of a refusal: its own, or that of the nearest class that has one; a bare Refusal is 422."""
    return next((STATUS[each] for each in refusal.__mro__ if each in STATUS), 422)


def retry_after_s(refusal: Refusal) -> int | None:
    """After how many seconds another try makes sense, if it does."""
    told = refusal.facts.get("retry_after_s")
    if isinstance(told, int):
        return max(1, told)
    if isinstance(refusal, Limited):
        return RETRY_AFTER_LIMITED_S
    return RETRY_AFTER_S.get(refusal.code, 5 if isinstance(refusal, Unavailable) else None)


def problem(*, status: int, code: str, detail: str, facts: Mapping[str, object], trace_id: str) -> bytes:
    """The body of an error."""
    return msgspec.json.encode(
        Problem(f"urn:cambista:problem:{code}", TITLES[status], status, detail, code, _wire(facts), trace_id)
    )


def internal_error(trace_id: str) -> bytes:
    """The body of a 500: says nothing but where to look in the log."""
    return problem(
        status=500,
        code="internal_error",
        detail="Something went wrong in the house. It is logged under this trace_id.",
        facts={},
        trace_id=trace_id,
    )


def _wire(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: _fact(value) for name, value in facts.items()}


def _fact(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return wire_time(value)
    if isinstance(value, UUID | str):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_fact(each) for each in value]
    return _wire(value) if isinstance(value, Mapping) else str(value)
