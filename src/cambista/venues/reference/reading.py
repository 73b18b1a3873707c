"""Small shared readings of published files: bounded CSV rows and dates."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date

from cambista.venues.errors import RatesUnavailable

BODY_MAX = 8 << 20
ROWS_MAX = 100_000


def text_of(body: bytes) -> str:
    """The body as text; refuses one over 8 MiB or not UTF-8."""
    if len(body) > BODY_MAX:
        raise RatesUnavailable("The publisher's answer is too long.", bytes_max=BODY_MAX)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RatesUnavailable("The publisher's answer is not text.") from error


def rows_of(body: bytes) -> Iterator[Mapping[str, str]]:
    """The rows of a CSV body with a header, names in lower case, at most 100,000; a broken one ends where it breaks."""
    reader = csv.reader(io.StringIO(text_of(body)))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        for count, row in enumerate(reader):
            if count >= ROWS_MAX:
                return
            if len(row) >= len(header) - 1:
                yield dict(zip(header, (cell.strip() for cell in row), strict=False))
    except csv.Error:
        return


def day_of(text: str) -> date | None:
    """The date that begins `text` (`2025-08-25` or `2025-08-25T00:00:00.000`), or None."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
