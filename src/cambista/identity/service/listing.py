"""Lists of identity in pages, newest first."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from cambista.identity.types.principals import Page
from cambista.kernel.ids import parse_id

T = TypeVar("T")
PAGE_MAX = 200


def before(cursor: str | None) -> UUID | None:
    """The id a list stopped at."""
    return None if cursor is None else parse_id(cursor)


def page_size(limit: int) -> int:
    """`limit` as far as a page may go."""
    return max(1, min(limit, PAGE_MAX))


def page(rows: Sequence[T], limit: int, ids: Sequence[UUID]) -> Page[T]:
    """The page out of rows read with one to spare, which says whether there are more."""
    shown = page_size(limit)
    return Page(tuple(rows[:shown]), str(ids[shown - 1]) if len(rows) > shown else None)
