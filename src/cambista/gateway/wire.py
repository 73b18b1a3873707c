"""JSON in and out: exact, bounded, and without the liberties JSON parsers take."""

import base64
import binascii
import hashlib
import json
import re
from typing import Any, TypeVar

import msgspec

from cambista.gateway.errors import (
    BodyNotJson,
    CursorInvalid,
    FieldInvalid,
    FieldMissing,
    FieldUnknown,
)
from cambista.kernel.money import AmountNotExact

T = TypeVar("T")
CURSOR_LENGTH_MAX = 200
_NAMED = re.compile(r"`([^`]{1,64})`")
_PLACE = re.compile(r" - at `([^`]{1,120})`$")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
encode = msgspec.json.Encoder().encode
_stable = msgspec.json.Encoder(order="deterministic").encode


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyNotJson("The body has a field twice.")
    return found


def _no_constant(text: str) -> object:
    raise BodyNotJson(f"{text} is not JSON.")


_decode = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant).decode


def parse_json(raw: bytes) -> object:
    """Read JSON; refuses (`body_not_json`) bad UTF-8, NaN, a field twice, deep nesting and control characters."""
    try:
        found = _decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BodyNotJson from None
    # Only an escape can bring in what the database or the answer could not hold.
    if (b"\\" in raw or b"\x7f" in raw) and not printable(found):
        raise BodyNotJson("The body has a control character or half a surrogate pair in a text.")
    return found


def printable(value: object) -> bool:
    """Whether all texts in parsed JSON are without control characters and halves of surrogate pairs."""
    if isinstance(value, str):
        return _UNPRINTABLE.search(value) is None
    if isinstance(value, dict):
        return all(printable(name) and printable(each) for name, each in value.items())
    return all(map(printable, value)) if isinstance(value, list) else True


def shape(found: object, into: type[T]) -> T:
    """The parsed JSON as a struct; refuses `unknown_field`, `field_missing`, `field_invalid`."""
    try:
        return msgspec.convert(found, into)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None


def _refusal(text: str) -> FieldUnknown | FieldMissing | FieldInvalid:
    place = _PLACE.search(text)
    facts = {"path": place[1]} if place else {}
    named = _NAMED.search(text)
    if "unknown field" in text and named:
        return FieldUnknown(field=named[1], **facts)
    if "missing required field" in text and named:
        return FieldMissing(field=named[1], **facts)
    return FieldInvalid(text[:200], **facts)


def exact(value: str | int | float, field: str) -> str | int:
    """An amount or a price as sent; refuses a JSON number with a point or an exponent (`amount_not_exact`)."""
    if isinstance(value, float):
        raise AmountNotExact("A JSON float has already lost digits; send a decimal string.", field=field)
    return value


def fingerprint(body: object, *path: object) -> bytes:
    """SHA-256 of the decoded request: bodies that say the same, however spaced or ordered, are one request."""
    return hashlib.sha256(_stable([*map(str, path), body])).digest()


def cursor(kind: str, last: object) -> str:
    """An opaque mark of where a list stopped."""
    return base64.urlsafe_b64encode(f"{kind}:{last}".encode()).decode().rstrip("=")


def read_cursor(kind: str, text: str | None) -> str | None:
    """What `cursor` was given; refuses a mark of another list or none of ours (`cursor_invalid`)."""
    if text is None:
        return None
    try:
        if len(text) > CURSOR_LENGTH_MAX:
            raise CursorInvalid
        opened = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise CursorInvalid from None
    found, _, last = opened.partition(":")
    if found != kind or not last:
        raise CursorInvalid
    return last
