"""Lists in pages: `?limit=&cursor=`, and where each stopped."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from cambista.gateway import wire
from cambista.gateway.errors import CursorInvalid
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import parse_id

PAGE_MAX = 200
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="How many at most.")]
CursorIn = Annotated[
    str | None, Query(max_length=wire.CURSOR_LENGTH_MAX, description="`next_cursor` of the page before.")
]


def id_from(kind: str, cursor: str | None) -> UUID | None:
    """The id a list stopped at; refuses a cursor of another list (`cursor_invalid`)."""
    last = wire.read_cursor(kind, cursor)
    if last is None:
        return None
    try:
        return parse_id(last)
    except Refusal:
        raise CursorInvalid from None


def text_from(kind: str, cursor: str | None) -> str | None:
    """As `id_from`, in the form doors take."""
    found = id_from(kind, cursor)
    return None if found is None else str(found)


def number_from(kind: str, cursor: str | None) -> int | None:
    """The number a list stopped at."""
    last = wire.read_cursor(kind, cursor)
    if last is None:
        return None
    if not last.isdigit() or len(last) > 18:
        raise CursorInvalid
    return int(last)


def cursor_to(kind: str, last: object | None) -> str | None:
    return None if last is None else wire.cursor(kind, last)
