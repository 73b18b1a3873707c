"""Binance spot sockets as recorded: a line is local nanoseconds, a space, and a JSON message or the REST snapshot."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from cambista.kernel.market import Pair
from cambista.venues.binance_spot import Book, Difference, Snapshot, Ticker
from cambista.venues.replay.recording import Recorded, lines
from cambista.venues.types import Observation, RateName, SourceKind

SOURCE = "binance_spot"
LEVELS = 20
STREAM_NAME_MAX = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS = 4_102_444_800 * 10**9  # 2100: a later stamp is no stamp


class _Message(msgspec.Struct):
    stream: str = ""
    body: msgspec.Raw = msgspec.field(name="data", default=msgspec.Raw(b""))


_message = msgspec.json.Decoder(_Message).decode
_snapshot = msgspec.json.Decoder(Snapshot).decode
_difference = msgspec.json.Decoder(Difference).decode
_ticker = msgspec.json.Decoder(Ticker).decode


def read(pair: Pair, path: Path, skipped: Counter[str]) -> Iterator[Recorded]:
    """The book after each difference, and after each ticker that moves the best prices ahead of the next difference."""
    book, symbol = Book(), f"{pair.base.code}{pair.quote.code}"
    for line in lines(path, skipped):
        stamp, _, body = line.partition(b" ")
        if not (stamp.isdigit() and len(stamp) < 20 and int(stamp) < _LATEST_NS):
            skipped["line"] += 1
            continue
        try:
            changed = _feed(book, body, symbol, skipped)
        except (msgspec.DecodeError, UnicodeDecodeError):
            skipped["line"] += 1
            continue
        if changed:
            bids, asks = book.top(LEVELS)
            moment = _EPOCH + timedelta(microseconds=int(stamp) // 1000)
            yield (
                moment,
                Observation(SOURCE, SourceKind.FIRM_BOOK, RateName.MARKET, pair, bids, asks, moment, moment),
            )
    skipped["gap"] += book.gaps


def _feed(book: Book, body: bytes, symbol: str, skipped: Counter[str]) -> bool:
    if body.startswith(b'{"lastUpdateId"'):
        return book.snapshot(_snapshot(body))
    # A trade says nothing about the book that the ticker has not said before it; most lines are trades' or tickers'.
    if b"@trade" in body[:STREAM_NAME_MAX]:
        return False
    message = _message(body)
    kind = message.stream.partition("@")[2]
    if kind.startswith("depth"):
        difference = _difference(message.body)
        return difference.s == symbol and book.difference(difference)
    if kind == "bookTicker":
        ticker = _ticker(message.body)
        return ticker.s == symbol and book.ticker(ticker)
    skipped["other_message"] += 1
    return False
