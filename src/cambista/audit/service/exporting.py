"""Writes bundles: what somebody needs to check one customer's record, or a stretch of everybody's, without us."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from cambista.audit.errors.chain import CheckpointUnknown
from cambista.audit.rules import bundle
from cambista.audit.rules.bundle import BundleWriter, Totals
from cambista.audit.rules.chain import entry_hash, genesis, read_time
from cambista.audit.rules.checkpoints import origin_of
from cambista.audit.service.keys import AuditKey
from cambista.audit.service.proving import frontier_at, prove_consistency, prove_inclusion
from cambista.audit.store import checkpoints as checkpoint_store
from cambista.audit.store import entries
from cambista.audit.types.chain import EntryFilter
from cambista.audit.types.checkpoints import Checkpoint
from cambista.audit.types.entries import Entry
from cambista.audit.types.exports import ExportScope, PublicKey
from cambista.ledger import Ledger, Period
from cambista.runtime import Reader, Runtime
from cambista.trading import Trading

CHUNK = 500
Lines = AsyncIterator[bytes]
Numbered = entries.Numbered
Subjects = Callable[[UUID], Awaitable[Sequence[str]]]


class Export:
    """`receipt_key` checks receipts; `subjects` names what of other rooms is about a customer."""

    def __init__(
        self,
        runtime: Runtime,
        key: AuditKey,
        books: tuple[Ledger, Trading],
        receipt_key: PublicKey,
        subjects: Subjects,
    ) -> None:
        self._runtime = runtime
        self._key = key
        self._ledger, self._trading = books
        self._receipt_key = receipt_key
        self._subjects = subjects

    async def lines(self, scope: ExportScope) -> Lines:
        """The bundle, line by line, of one moment; refuses (`checkpoint_not_found`) where nothing is sealed yet."""
        branch, now = self._runtime.branch, self._runtime.now()
        origin = origin_of(branch)
        write = BundleWriter()
        yield write.line("manifest", bundle.manifest(scope, branch, origin, now))
        for key in (PublicKey("audit", origin, self._key.public_key), self._receipt_key):
            yield write.line("key", bundle.key_line(key))
        async with self._runtime.db.snapshot() as reader:
            newest = await checkpoint_store.newest_checkpoint(reader, branch)
            if newest is None:
                raise CheckpointUnknown
            record = self._range if scope.customer is None else self._subset
            async for line in record(reader, write, scope, newest):
                yield line
        async for line in self._books_of(write, scope, now):
            yield line
        yield write.end(self._key.sign(write.message))

    async def _range(self, reader: Reader, write: BundleWriter, scope: ExportScope, newest: Checkpoint) -> Lines:
        branch = self._runtime.branch
        period = EntryFilter(since=scope.since, until=scope.until)
        numbers = await entries.numbers_of_period(reader, branch, period)
        first, last = numbers or (newest.head.size + 1, newest.head.size)
        last = min(last, newest.head.size)
        reached = await checkpoint_store.newest_of_size(reader, branch, last, at_least=True) or newest
        before = await checkpoint_store.newest_of_size(reader, branch, first - 1, at_least=False)
        async for line in self._checkpoints(reader, write, before, reached):
            yield line
        start = {
            "size": first - 1,
            "frontier": bundle.hexes(await frontier_at(reader, branch, first - 1)),
            "chain": (await self._chain_at(reader, first - 1)).hex(),
        }
        yield write.line("start", start)
        async for number, row in self._numbered(reader, first - 1, last):
            yield write.line("entry", bundle.entry_line(number, row.entry))
        async for number, row in self._numbered(reader, last, reached.head.size):
            yield write.line("leaf", {"number": number, "hash": entry_hash(row.entry).hex()})

    async def _checkpoints(
        self, reader: Reader, write: BundleWriter, before: Checkpoint | None, reached: Checkpoint
    ) -> Lines:
        after = before.head.number - 1 if before else 0
        while chunk := await checkpoint_store.list_after(reader, self._runtime.branch, after, CHUNK):
            for number, _, text in chunk:
                if number > reached.head.number:
                    return
                yield write.line("checkpoint", {"number": number, "text": text})
            after = chunk[-1][0]

    async def _chain_at(self, reader: Reader, number: int) -> bytes:
        link = await entries.find_link(reader, self._runtime.branch, number) if number else None
        return genesis(self._runtime.branch) if link is None else link.chain_hash

    async def _numbered(self, reader: Reader, after: int, to: int) -> AsyncIterator[Numbered]:
        while after < to:
            chunk = await entries.list_numbered(reader, self._runtime.branch, after, CHUNK, to)
            if not chunk:
                return
            for each in chunk:
                yield each
            after = chunk[-1][0]

    async def _subset(self, reader: Reader, write: BundleWriter, scope: ExportScope, newest: Checkpoint) -> Lines:
        assert scope.customer is not None
        branch = self._runtime.branch
        found = [each async for each in self._about(reader, scope.customer, scope) if each[0] <= newest.head.size]
        oldest = newest
        if found:
            oldest = await checkpoint_store.newest_of_size(reader, branch, found[0][0], at_least=True) or newest
        yield write.line("checkpoint", bundle.checkpoint_line(oldest))
        if oldest.head.number != newest.head.number:
            yield write.line("checkpoint", bundle.checkpoint_line(newest))
            proof = await prove_consistency(reader, branch, oldest, newest)
            sizes = {"first": oldest.head.size, "second": newest.head.size}
            yield write.line("consistency", {**sizes, "proof": bundle.hexes(proof)})
        for number, row in found:
            inclusion = await prove_inclusion(reader, branch, number, entry_hash(row.entry), newest)
            yield write.line("entry", bundle.entry_line(number, row.entry, inclusion))

    async def _about(self, reader: Reader, customer: UUID, scope: ExportScope) -> AsyncIterator[Numbered]:
        about, after = (customer, await self._subjects(customer)), 0
        while chunk := await entries.list_about(reader, self._runtime.branch, about, after, CHUNK):
            for each in chunk:
                if _within(each[1].entry, scope):
                    yield each
            after = chunk[-1][0]

    async def _books_of(self, write: BundleWriter, scope: ExportScope, now: datetime) -> Lines:
        until = min(scope.until or now, now)
        period = Period(scope.since or bundle.EARLIEST, until)
        totals = Totals(None if scope.customer is None else str(scope.customer))
        place = None
        while postings := await self._ledger.postings(period, scope.customer, after=place, limit=CHUNK):
            for each in postings:
                totals.add(each)
                yield write.line("posting", bundle.posting_line(each))
            place = postings[-1].place
        trade = None
        while receipts := await self._trading.receipts(period, scope.customer, after=trade, limit=CHUNK):
            for found in receipts:
                line = bundle.receipt_line(str(found.quote_id), str(found.trade_id), found.receipt)
                yield write.line("receipt", line)
            trade = receipts[-1].trade_id
        for values in totals.lines():
            yield write.line("total", values)


def _within(entry: Entry, scope: ExportScope) -> bool:
    time = read_time(entry.time)
    return (scope.since is None or time >= scope.since) and (scope.until is None or time < scope.until)
