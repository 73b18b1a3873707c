"""A book as a value and back, bit for bit; and its state's hash, by which a replay is compared."""

from hashlib import sha256

import msgspec

from cambista.trading.book.commands import Place
from cambista.trading.book.engine import Book
from cambista.trading.book.ladder import Resting


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A resting order: what it still wants, and what of that is shown."""

    order: Place
    left: int
    shown: int


class Sleeping(msgspec.Struct, frozen=True, gc=False):
    """A sleeping order: its number, and the best mark it has seen if it trails."""

    number: int
    best: int | None
    order: Place


class Snapshot(msgspec.Struct, frozen=True):
    """Everything a book will act upon: queues best price first, oldest first."""

    numbers: int
    mark: int | None
    resting: tuple[Standing, ...]
    sleeping: tuple[Sleeping, ...]


def take(book: Book) -> Snapshot:
    """The book's state as a value."""
    resting = [
        Standing(each.order, each.left, each.shown)
        for ladder in (book.bids, book.asks)
        for level in ladder
        for each in level
    ]
    sleeping = [Sleeping(number, best, order) for number, best, order in book.sleepers]
    sleeping.sort(key=lambda each: (each.order.side, each.best is None, -(each.best or 0), each.number))
    return Snapshot(book.numbers, book.mark, tuple(resting), tuple(sleeping))


def restore(snapshot: Snapshot) -> Book:
    """The book whose state that is."""
    book = Book()
    book.numbers, book.mark = snapshot.numbers, snapshot.mark
    for each in snapshot.resting:
        resting = Resting(each.order, each.left, each.shown)
        assert each.order.price is not None
        (book.bids if each.order.side == "buy" else book.asks).add(resting, each.order.price)
        book.live[each.order.id] = resting
        book.expect(each.order)
    for asleep in _fit_to_add(snapshot.sleeping):
        book.live[asleep.order.id] = asleep.number, asleep.order
        book.sleepers.add(asleep.number, asleep.order, asleep.best or 0)
        book.expect(asleep.order)
    return book


def _fit_to_add(sleeping: tuple[Sleeping, ...]) -> list[Sleeping]:
    """The best mark first: the highest for sells, the lowest for buys."""
    sells = [each for each in sleeping if each.order.side == "sell"]
    buys = [each for each in sleeping if each.order.side == "buy"]
    return [*sells, *sorted(buys, key=lambda each: (each.best or 0, each.number))]


_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def state_hash(book: Book) -> str:
    """SHA-256 of the book's state, as hex."""
    return sha256(_encode(take(book))).hexdigest()
