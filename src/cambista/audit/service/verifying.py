"""Checks a live house: every row, link, node and checkpoint, recomputed; and what was exported."""

from collections.abc import AsyncIterator, Iterator, Sequence

from cambista.audit.rules.checkpoints import CheckpointMalformed, key_hash, origin_of, read_checkpoint
from cambista.audit.rules.merkle import Subtree
from cambista.audit.rules.walk import CheckpointLine, Found, Walk, forged
from cambista.audit.service.keys import signed_by
from cambista.audit.store import checkpoints as checkpoint_store
from cambista.audit.store import entries, tree
from cambista.audit.store.sealing import find_head
from cambista.audit.types.chain import Finding, Head, JournalRow, Link, Verdict, Wrong
from cambista.audit.types.checkpoints import Checkpoint
from cambista.runtime import Reader

CHUNK = 2_000
Pair = tuple[Link | None, JournalRow | None]
Exported = Iterator[tuple[int, str]]


class Verification:
    """One check of one branch, in one snapshot of the database. `exported`: number and text, by number."""

    def __init__(self, reader: Reader, branch: str, public_key: bytes, exported: Exported) -> None:
        self._reader = reader
        self._branch = branch
        self._public_key = public_key
        self._key_hash = key_hash(origin_of(branch), public_key)
        self._exported = exported
        self._outside = next(exported, None)
        self._walk = Walk(branch)
        self._line = CheckpointLine()
        self._unsealed = 0

    async def run(self) -> Verdict:
        """Walk from the first entry; the verdict names the first that is wrong."""
        finding: Finding | None = None
        try:
            await self._run()
        except Found as found:
            finding = await self._told_apart(found.finding)
        return Verdict(self._walk.number, self._line.count, self._unsealed, self._line.last, finding)

    async def _run(self) -> None:
        head = await find_head(self._reader, self._branch)
        checkpoints = self._checkpoints()
        due = await anext(checkpoints, None)
        async for link, row in self._pairs(head):
            self._walk.step(link, row)
            while due is not None and due.head.size == self._walk.number:
                self._walk.meet(due)
                due = await anext(checkpoints, None)
            if len(self._walk.nodes) >= CHUNK // 256:
                await self._check_nodes()
        await self._check_nodes()
        self._end(head, [due] if due is not None else [])
        self._require_all_exported()

    def _end(self, head: Head | None, due: Sequence[Checkpoint]) -> None:
        if head is not None:
            self._walk.end(head.size, chain=head.chain, frontier=head.frontier, due=due)
        elif due or self._walk.number:
            raise Found(Wrong.TRUNCATED, 1, f"head:{self._branch}", "The end of the chain is gone.")

    async def _checkpoints(self) -> AsyncIterator[Checkpoint]:
        after = 0
        while chunk := await checkpoint_store.list_after(self._reader, self._branch, after, CHUNK):
            for number, size, text in chunk:
                checkpoint = self._judge(number, size, text)
                self._compare_exported(checkpoint)
                yield checkpoint
            after = chunk[-1][0]

    def _judge(self, number: int, size: int, text: str) -> Checkpoint:
        try:
            checkpoint = read_checkpoint(text)
        except CheckpointMalformed as error:
            raise forged(number, size, str(error)) from None
        genuine = (
            checkpoint.head.number == number
            and checkpoint.head.size == size
            and checkpoint.head.origin == origin_of(self._branch)
            and checkpoint.key_hash == self._key_hash
            and signed_by(self._public_key, checkpoint.signature, checkpoint.signed)
        )
        if not genuine:
            raise forged(number, size)
        self._line.meet(checkpoint)
        return checkpoint

    def _compare_exported(self, checkpoint: Checkpoint) -> None:
        number = checkpoint.head.number
        while self._outside is not None and self._outside[0] <= number:
            if self._outside == (number, checkpoint.text):
                pass
            elif self._outside[0] == number:
                raise Found(
                    Wrong.ROLLED_BACK, checkpoint.head.size, f"checkpoint:{number}",
                    f"Checkpoint {number} is not the one that was exported.",
                )  # fmt: skip
            self._outside = next(self._exported, None)

    def _require_all_exported(self) -> None:
        if self._outside is None:
            return
        number, text = self._outside
        try:
            size = read_checkpoint(text).head.size
        except CheckpointMalformed:
            size = 0
        raise Found(
            Wrong.ROLLED_BACK, self._walk.number + 1, f"checkpoint:{number}",
            f"Checkpoint {number} over {size} entries was exported; the database ends at checkpoint {self._line.count}"
            f" and entry {self._walk.number}: its tail was cut off, or it was put back to an older copy.",
        )  # fmt: skip

    async def _check_nodes(self) -> None:
        kept: dict[Subtree, bytes] = {}
        for level in {node.level for node, _ in self._walk.nodes}:
            wanted = [(node.place, node.place + 1) for node, _ in self._walk.nodes if node.level == level]
            found = await tree.find_hashes(self._reader, self._branch, level, wanted)
            kept |= {Subtree(level, index): hash for index, hash in found.items()}
        self._walk.check_nodes(kept)

    async def _pairs(self, head: Head | None) -> AsyncIterator[Pair]:
        """Links and rows side by side, by their places; a None stands where one of them is lacking."""
        links, rows = self._links(), self._rows()
        link, row = await anext(links, None), await anext(rows, None)
        sealed_to = (head.xid, head.position) if head else (0, 0)
        while link is not None or row is not None:
            at_link = (link.xid, link.position) if link else None
            at_row = (row.xid, row.position) if row else None
            if at_link is None and at_row is not None and at_row > sealed_to:
                self._unsealed += 1
                row = await anext(rows, None)
            elif at_row is None or (at_link is not None and at_link < at_row):
                yield link, None
                link = await anext(links, None)
            elif at_link is None or at_row < at_link:
                yield None, row
                row = await anext(rows, None)
            else:
                yield link, row
                link, row = await anext(links, None), await anext(rows, None)

    async def _links(self) -> AsyncIterator[Link]:
        after = 0
        while chunk := await entries.list_links(self._reader, self._branch, after, CHUNK):
            for each in chunk:
                yield each
            after = chunk[-1].number

    async def _rows(self) -> AsyncIterator[JournalRow]:
        after = (0, -1)
        while chunk := await entries.list_rows(self._reader, self._branch, after, CHUNK):
            for each in chunk:
                yield each
            after = (chunk[-1].xid, chunk[-1].position)

    async def _told_apart(self, finding: Finding) -> Finding:
        """A row that is not in its place may have been moved: then it is somewhere else."""
        if finding.wrong is not Wrong.MISSING:
            return finding
        link = await entries.find_link(self._reader, self._branch, finding.number)
        if link is None or not await entries.has_row(self._reader, self._branch, link.id):
            return finding
        return Finding(
            Wrong.REORDERED, finding.number, finding.subject, f"Entry {finding.number} ({link.id}) was moved elsewhere."
        )
