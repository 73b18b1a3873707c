"""What a recording is: a file read line by line within bounds, giving observations in the order they were seen."""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cambista.kernel.market import Pair
from cambista.kernel.registry import ASSETS
from cambista.venues.types import Observation

LINE_MAX = 1 << 20
FILE_MAX = 4 << 30
TIME_LENGTH_MAX = 40
_BROKEN = (EOFError, OSError, zlib.error)

Recorded = tuple[datetime, Observation]


class _Readable(Protocol):
    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of one known form. `read` starts it from its beginning and counts what it skips."""

    path: Path
    pairs: frozenset[Pair]
    read: Callable[[Path, Counter[str]], Iterator[Recorded]]
    skipped: Counter[str] = field(default_factory=Counter)

    def events(self) -> Iterator[Recorded]:
        """Times never go back: a line stamped earlier than the one before it takes that one's time."""
        latest: datetime | None = None
        for moment, observation in self.read(self.path, self.skipped):
            if observation.pair not in self.pairs:
                self.skipped["other_pair"] += 1
                continue
            latest = moment if latest is None or moment > latest else latest
            yield latest, observation

    def begins(self) -> datetime | None:
        """When its first observation was seen; None when it holds none. Counts nothing as skipped."""
        first = next(Recording(self.path, self.pairs, self.read).events(), None)
        return None if first is None else first[0]


def lines(path: Path, skipped: Counter[str]) -> Iterator[bytes]:
    """The file's lines, gzip or plain. Lines over 1 MiB are skipped; a broken file ends where it breaks."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield from _whole_lines(stream, skipped)
    except _BROKEN:
        skipped["broken_file"] += 1


def _whole_lines(stream: _Readable, skipped: Counter[str]) -> Iterator[bytes]:
    read, part_of_long = 0, False
    while line := stream.readline(LINE_MAX):
        read += len(line)
        if read > FILE_MAX:
            skipped["file_too_long"] += 1
            return
        cut = len(line) == LINE_MAX and not line.endswith(b"\n")
        if cut or part_of_long:
            skipped["line_too_long"] += not part_of_long
            part_of_long = cut
        else:
            yield line


def rows(path: Path, skipped: Counter[str], columns: tuple[str, ...]) -> Iterator[Mapping[str, str]]:
    """The rows of a CSV file with a header that holds `columns`; short or undecodable rows are skipped and counted."""
    text = (line.decode("utf-8", "replace") for line in lines(path, skipped))
    reader = csv.DictReader(text)
    try:
        if not set(columns) <= set(reader.fieldnames or ()):
            skipped["header"] += 1
            return
        for row in reader:
            if all(row.get(column) for column in columns):
                yield row
            else:
                skipped["row"] += 1
    except csv.Error:
        skipped["broken_file"] += 1


def moment_of(text: str) -> datetime | None:
    """An ISO time, taken as UTC when it names no zone; None when it is none."""
    if len(text) > TIME_LENGTH_MAX:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def pair_of(base: str, quote: str) -> Pair | None:
    """The pair of two asset codes, in any case; None when the house does not know one of them."""
    first, second = ASSETS.get(base.upper()), ASSETS.get(quote.upper())
    return None if first is None or second is None or first == second else Pair(first, second)
