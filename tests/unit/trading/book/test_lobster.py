"""An hour of NASDAQ, order by order, through the own book: every recorded snapshot and execution comes out."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from cambista.kernel.market import Side
from cambista.trading.book.commands import Cancel, Place, Reduce, Terms, TimeInForce
from cambista.trading.book.engine import Book
from cambista.trading.book.events import Rejected, Traded
from cambista.trading.book.snapshot import restore, state_hash, take

NEW, PARTIAL, DELETED, EXECUTED = 1, 2, 3, 4
EMPTY = 9_999_999_999
Depth = tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int]]]
STRANGER, TAKER = 1, 2


@dataclass
class Replay:
    """A book that is told what the recording says. Depth that was there before it began is one order a level."""

    book: Book = field(default_factory=Book)
    before: dict[tuple[Side, int], int] = field(default_factory=dict)
    taken: int = 10**12

    def stand(self, side: Side, price: int, quantity: int) -> None:
        """Depth the recording did not see coming."""
        self.taken += 1
        self.before[side, price] = self.taken
        said = self.book.apply(Place(self.taken, STRANGER, side, quantity, price))
        assert not [each for each in said if isinstance(each, Traded | Rejected)]

    def tell(self, kind: int, id: int, quantity: int, price: int, side: Side) -> None:
        if kind == NEW:
            said = self.book.apply(Place(id, STRANGER, side, quantity, price))
            assert not [each for each in said if isinstance(each, Traded)]
        elif kind == EXECUTED:
            self._execute(id, quantity, price, side)
        elif kind in (PARTIAL, DELETED):
            self._take_off(id if id in self.book.live else self.before.get((side, price), 0), quantity)

    def _execute(self, id: int, quantity: int, price: int, side: Side) -> None:
        """An incoming order takes from the best quote; it may only meet the recorded price."""
        other = Side.SELL if side is Side.BUY else Side.BUY
        self.taken += 1
        at_once = Terms(TimeInForce.IOC)
        said = self.book.apply(Place(self.taken, TAKER, other, quantity, price, at_once))
        trades = [each for each in said if isinstance(each, Traded)]
        assert {each.price for each in trades} <= {price}
        assert sum(each.quantity for each in trades) == quantity, (id, said)
        if id in self.before.values() or len(trades) != 1:
            return
        assert trades[0].maker in (id, self.before.get((side, price)))

    def _take_off(self, id: int, quantity: int) -> None:
        found = self.book.live.get(id)
        if found is None or isinstance(found, tuple):
            return
        said = self.book.apply(Cancel(id) if quantity >= found.left else Reduce(id, quantity))
        assert not [each for each in said if isinstance(each, Rejected)]


def rows(path: Path) -> Iterator[list[str]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    yield from csv.reader(text.decode().splitlines())


def messages(path: Path) -> Iterator[tuple[int, int, int, int, Side]]:
    for _, kind, id, size, price, direction, *_ in rows(path):
        yield int(kind), int(id), int(size), int(price), Side.BUY if direction == "1" else Side.SELL


def depths(path: Path) -> Iterator[Depth]:
    """Bids and asks of each snapshot, best first."""
    for row in rows(path):
        cells = [int(cell) for cell in row]
        asks = [(price, size) for price, size in zip(cells[0::4], cells[1::4], strict=True) if abs(price) < EMPTY]
        bids = [(price, size) for price, size in zip(cells[2::4], cells[3::4], strict=True) if abs(price) < EMPTY]
        yield bids, asks


def reveal(replay: Replay, shown: Depth) -> None:
    """Levels that come into view from beyond what the recording shows: at its end and nowhere else."""
    for side, levels in zip((Side.BUY, Side.SELL), shown, strict=True):
        known = replay.book.bids.levels if side is Side.BUY else replay.book.asks.levels
        beyond = [level for level in levels if level[0] not in known]
        assert beyond == list(levels[len(levels) - len(beyond) :])
        for price, size in beyond:
            replay.stand(side, price, size)


def lose_sight(replay: Replay) -> None:
    """What happens beyond the tenth level is not recorded, so what stands there is forgotten."""
    for ladder in (replay.book.bids, replay.book.asks):
        for level in list(ladder)[10:]:
            for resting in list(level):
                replay.book.apply(Cancel(resting.order.id))


def test_every_snapshot_of_the_first_999_events_is_reproduced(shared_data: Path) -> None:
    folder = shared_data / "market" / "lob"
    said = list(messages(folder / "lobster_AAPL_2012-06-21_first999_message_10.csv"))
    seen = list(depths(folder / "lobster_AAPL_2012-06-21_first999_orderbook_10.csv"))
    assert len(said) == len(seen) == 999
    replay = Replay()
    for bid in seen[0][0]:
        replay.stand(Side.BUY, *bid)
    for ask in seen[0][1]:
        replay.stand(Side.SELL, *ask)
    executions = 0
    for message, (before, after) in zip(said[1:], pairwise(seen), strict=True):
        best = {Side.BUY: before[0][0], Side.SELL: before[1][0]}
        if message[0] == EXECUTED:
            executions += 1
            assert message[3] == best[message[4]][0]
        replay.tell(*message)
        reveal(replay, after)
        bids, asks = replay.book.depth(10)
        assert (list(bids), list(asks)) == (list(after[0]), list(after[1]))
        lose_sight(replay)
    assert executions + (said[0][0] == EXECUTED) == 98


def test_an_hour_leaves_a_book_that_is_rebuilt_bit_for_bit(shared_data: Path) -> None:
    path = shared_data / "market" / "lob" / "lobster_AAPL_2012-06-21_1h_message_50.csv.gz"
    replay = Replay()
    told = 0
    for kind, id, size, price, side in messages(path):
        if kind == EXECUTED and id not in replay.book.live:
            continue  # of an order that was there before the recording began
        if kind == NEW and _would_cross(replay.book, side, price):
            continue  # the depth it would have met had been there before
        if kind == EXECUTED:
            replay.book.apply(Reduce(id, size)) if _left(replay.book, id) > size else replay.book.apply(Cancel(id))
        else:
            replay.tell(kind, id, size, price, side)
        told += 1
    assert told > 80_000
    assert state_hash(restore(take(replay.book))) == state_hash(replay.book)


def _left(book: Book, id: int) -> int:
    found = book.live[id]
    assert not isinstance(found, tuple)
    return found.left


def _would_cross(book: Book, side: Side, price: int) -> bool:
    best = (book.asks if side is Side.BUY else book.bids).best()
    return best is not None and (price >= best.price if side is Side.BUY else price <= best.price)
