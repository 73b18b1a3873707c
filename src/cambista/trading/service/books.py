"""The books in memory, each no more than a copy of its journal: brought up to it before a transaction moves it on."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from cambista.runtime import Runtime, Tx
from cambista.trading.book.commands import Command, Place
from cambista.trading.book.engine import Book
from cambista.trading.book.events import Event
from cambista.trading.book.ladder import Resting
from cambista.trading.book.snapshot import Snapshot, restore, state_hash, take
from cambista.trading.store import books as store
from cambista.trading.store.books import Head

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Command).decode
_decode_snapshot = msgspec.msgpack.Decoder(Snapshot).decode


class BookDiverged(RuntimeError):
    """A replay gave another book than the one that was running: a bug; the pair stands still until it is found."""


class Market:
    """A pair's book in this process, and the last command it has seen."""

    __slots__ = ("book", "number", "stamp")

    def __init__(self, book: Book, number: int, stamp: UUID | None) -> None:
        self.book, self.number, self.stamp = book, number, stamp

    def follow(self, rows: Iterable[tuple[int, UUID, bytes]], seen: dict[int, str] | None = None) -> None:
        """Apply stored commands in order; where `seen` knows a state's hash, it must come out the same."""
        for number, stamp, command in rows:
            assert number == self.number + 1, "no command is missing"
            self.book.apply(_decode(command))
            self.number, self.stamp = number, stamp
            if seen and number in seen and seen[number] != state_hash(self.book):
                raise BookDiverged(f"at command {number}")


class Books:
    """All books of this process. A transaction that failed leaves a book ahead of its journal: its stamp then tells,
    and it is built anew; so does what another process has written, which is followed."""

    def __init__(self, runtime: Runtime, snapshot_every: int) -> None:
        self._runtime = runtime
        self._every = snapshot_every
        self._markets: dict[str, Market] = {}

    async def open(self, tx: Tx, pairs: Iterable[str]) -> "Session":
        """Lock those books for this transaction and bring them up to their journals."""
        wanted = sorted(set(pairs))
        heads = await store.lock_heads(tx, wanted) if wanted else {}
        for pair, head in heads.items():
            market = self._markets.get(pair)
            if market is None or market.stamp != head.stamp:
                # Out of the way first: should the reading fail, nothing half-read stays.
                self._markets.pop(pair, None)
                self._markets[pair] = await self._read(tx, pair, market)
            assert self._markets[pair].number == head.number
        markets = {pair: self._markets[pair] for pair in wanted}
        return Session(markets, self._runtime.new_id(), self._every)

    async def _read(self, tx: Tx, pair: str, known: Market | None) -> Market:
        if known is not None and known.number:
            rows = await store.list_commands(tx, pair, known.number)
            if rows and rows[0][:2] == (known.number, known.stamp):
                known.follow(rows[1:])
                return known
        return await load(tx, pair)


async def load(tx: Tx, pair: str) -> Market:
    """A book from its last snapshot but one and the commands since; at the last one it must have the stored state."""
    snapshots = await store.list_snapshots(tx, pair, 2)
    market = Market(Book(), 0, None)
    if len(snapshots) > 1:
        number, hash, state = snapshots[1]
        market = Market(restore(_decode_snapshot(state)), number, None)
        if state_hash(market.book) != hash:
            raise BookDiverged(f"{pair}: the snapshot at {number}")
    rows = await store.list_commands(tx, pair, market.number + 1)
    market.follow(rows, {number: hash for number, hash, _ in snapshots})
    return market


class Session:
    """What one transaction tells some books, and what they say. Written with `write`, in the same transaction."""

    def __init__(self, markets: dict[str, Market], stamp: UUID, snapshot_every: int) -> None:
        self._markets = markets
        self._stamp = stamp
        self._every = snapshot_every
        self._commands: list[tuple[str, int, UUID, bytes]] = []
        self._before = {pair: market.number for pair, market in markets.items()}
        self.said: dict[str, list[Event]] = {}

    def book(self, pair: str) -> Book:
        return self._markets[pair].book

    def next_number(self, pair: str) -> int:
        """The number the next command of the pair will have; an order's number is that of its placing."""
        return self._markets[pair].number + 1

    def tell(self, pair: str, command: Command) -> list[Event]:
        """Apply a command and note it."""
        market = self._markets[pair]
        assert not isinstance(command, Place) or command.id == market.number + 1
        market.number += 1
        # From here on the book is ahead of its journal; only the commit makes this stamp true.
        market.stamp = self._stamp
        self._commands.append((pair, market.number, self._stamp, _encode(command)))
        events = market.book.apply(command)
        self.said.setdefault(pair, []).extend(events)
        return events

    def shown(self, pair: str, numbers: Iterable[int]) -> dict[int, int]:
        """Of those orders that rest, what is shown."""
        live = self._markets[pair].book.live
        found = {number: live.get(number) for number in numbers}
        return {number: each.shown for number, each in found.items() if isinstance(each, Resting)}

    async def write(self, tx: Tx) -> None:
        """Journal the commands; every so many, also the state."""
        if not self._commands:
            return
        moved = {pair: market for pair, market in self._markets.items() if market.number > self._before[pair]}
        await store.insert_commands(tx, self._commands)
        await store.move_heads(tx, {pair: Head(market.number, market.stamp) for pair, market in moved.items()})
        await store.insert_snapshots(tx, self._snapshots(moved))

    def _snapshots(self, moved: dict[str, Market]) -> Sequence[tuple[str, int, str, bytes]]:
        return [
            (pair, market.number, state_hash(market.book), _encode(take(market.book)))
            for pair, market in moved.items()
            if market.number // self._every > self._before[pair] // self._every
        ]
