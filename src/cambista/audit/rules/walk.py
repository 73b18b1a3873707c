"""Walks the record from its first entry on and stops at the first that is wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cambista.audit.rules.chain import chain_hash, entry_hash, genesis, read_time
from cambista.audit.rules.checkpoints import NO_PREVIOUS
from cambista.audit.rules.merkle import Frontier, Subtree
from cambista.audit.rules.sealing import KEPT_LEVELS
from cambista.audit.types.chain import Finding, JournalRow, Link, Wrong
from cambista.audit.types.checkpoints import Checkpoint
from cambista.audit.types.entries import Entry

# How far two moments of the record may stand the wrong way round: transactions last up to 30 s, clocks differ a little.
TOLERANCE = timedelta(seconds=60)


class Found(Exception):
    """Ends a walk: the first thing that is wrong."""

    def __init__(self, wrong: Wrong, number: int, subject: str, sentence: str) -> None:
        super().__init__(sentence)
        self.finding = Finding(wrong, number, subject, sentence)


class Clockwork:
    """Whether entries' times fit those around them."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._floor: datetime | None = None
        self._latest: tuple[datetime, int, str] | None = None

    def wrong_with(self, entry: Entry) -> str:
        """In words, what is wrong with the entry's time; empty when nothing is."""
        try:
            time = read_time(entry.time)
        except ValueError as error:
            return str(error)
        for before, what in ((self._last, "the entry before it"), (self._floor, "the checkpoint before it")):
            if before is not None and time < before - TOLERANCE:
                return f"its time {entry.time} lies {(before - time).total_seconds():.0f} s before {what}"
        return ""

    def move(self, number: int, entry: Entry) -> None:
        time = self._last = read_time(entry.time)
        if self._latest is None or time > self._latest[0]:
            self._latest = (time, number, entry.id)

    def meet(self, checkpoint: Checkpoint) -> None:
        """No entry is younger than the first checkpoint that holds it."""
        latest, self._latest, self._floor = self._latest, None, checkpoint.head.time
        if latest is not None and latest[0] > checkpoint.head.time + TOLERANCE:
            raise Found(
                Wrong.AHEAD, latest[1], f"entry:{latest[2]}",
                f"Entry {latest[1]} says it happened at {latest[0].isoformat()}, after checkpoint"
                f" {checkpoint.head.number} that holds it.",
            )  # fmt: skip


class CheckpointLine:
    """Whether checkpoints follow each other: numbers, sizes, times, and each names the one before it."""

    def __init__(self) -> None:
        self.last: Checkpoint | None = None
        self.count = 0

    def meet(self, checkpoint: Checkpoint, *, may_jump: bool = False) -> None:
        """The next checkpoint, its signature known to be true. `may_jump`: not all are there, as in an extract."""
        head, last = checkpoint.head, self.last
        named = f"checkpoint:{head.number}"
        expected = 1 if last is None else last.head.number + 1
        jumps = head.number > expected and may_jump
        if head.number != expected and not jumps:
            raise Found(
                Wrong.CHECKPOINT_MISSING, head.size, f"checkpoint:{expected}",
                f"Checkpoint {expected} is missing; {head.number} follows.",
            )  # fmt: skip
        previous = NO_PREVIOUS if last is None else last.digest
        if not jumps and head.previous != previous:
            raise Found(
                Wrong.CHECKPOINT_BROKEN, head.size, named,
                f"Checkpoint {head.number} does not name the one before it: that was another.",
            )  # fmt: skip
        if last is not None and (head.size < last.head.size or head.time < last.head.time):
            raise Found(Wrong.CHECKPOINT_BROKEN, head.size, named, f"Checkpoint {head.number} runs backwards.")
        self.last, self.count = checkpoint, self.count + 1


def forged(number: int, size: int, said: str = "it is not signed by the audit key") -> Found:
    """The checkpoint that should have this number is no true one."""
    return Found(Wrong.CHECKPOINT_FORGED, size, f"checkpoint:{number}", f"Checkpoint {number}: {said}.")


class Walk:
    """The record so far: number, chain and tree recomputed from the rows themselves."""

    def __init__(self, branch: str) -> None:
        self.branch = branch
        self.number = 0
        self.chain = genesis(branch)
        self.tree = Frontier()
        self.nodes: list[tuple[Subtree, bytes]] = []
        self._clock = Clockwork()
        self._place = (0, -1)
        self._met = 0

    def step(self, link: Link | None, row: JournalRow | None) -> None:
        """The next link with the row it should be of; raises Found when they do not fit."""
        number = self.number + 1
        if link is None:
            assert row is not None
            raise Found(
                Wrong.INSERTED, number, f"entry:{row.id}",
                f"Entry {row.id} stands before entry {number} and was never numbered: it was put in afterwards.",
            )  # fmt: skip
        if link.number != number:
            raise Found(Wrong.LINK_MISSING, number, f"link:{number}", f"The link of entry {number} is missing.")
        if (link.xid, link.position) <= self._place:
            raise Found(Wrong.REORDERED, number, f"entry:{link.id}", f"Entry {number} does not stand in its order.")
        if row is None:
            raise Found(Wrong.MISSING, number, f"entry:{link.id}", f"Entry {number} ({link.id}) is missing.")
        self._compare(number, link, row)
        self.number, self.chain, self._place = number, link.chain_hash, (link.xid, link.position)
        self._clock.move(number, row.entry)
        for node, hash in self.tree.append(link.entry_hash):
            if node.level % KEPT_LEVELS == 0:
                self.nodes.append((node, hash))

    def _compare(self, number: int, link: Link, row: JournalRow) -> None:
        subject, untimely = f"entry:{link.id}", self._clock.wrong_with(row.entry)
        if row.id != link.id:
            raise Found(
                Wrong.REORDERED, number, subject, f"Entry {row.id} stands in the place of entry {number} ({link.id})."
            )
        hash = entry_hash(row.entry)
        if hash != link.entry_hash and not untimely:
            raise Found(Wrong.CHANGED, number, subject, f"Entry {number} ({link.id}) is not what was sealed.")
        if untimely:
            changed = "" if hash == link.entry_hash else " It is not what was sealed."
            raise Found(Wrong.BACK_DATED, number, subject, f"Entry {number} ({link.id}): {untimely}.{changed}")
        if chain_hash(self.chain, hash, number) != link.chain_hash:
            raise Found(Wrong.LINK_CHANGED, number, subject, f"The link of entry {number} does not continue the chain.")

    def meet(self, checkpoint: Checkpoint) -> None:
        """The walk has reached a checkpoint's size: tree and chain must be those that were signed."""
        head = checkpoint.head
        assert head.size == self.number
        if (head.root, head.chain) != (self.tree.root(), self.chain):
            raise Found(
                Wrong.REWRITTEN, self._met + 1, f"checkpoint:{head.number}",
                f"Entries {self._met + 1} to {head.size} are not those that checkpoint {head.number} was signed for.",
            )  # fmt: skip
        self._clock.meet(checkpoint)
        self._met = head.size

    def check_nodes(self, kept: Mapping[Subtree, bytes]) -> None:
        """The tree's kept nodes are those of the entries; forgets what was checked."""
        nodes, self.nodes = self.nodes, []
        for node, hash in nodes:
            if kept.get(node) != hash:
                last = (node.place + 1) << node.level
                raise Found(
                    Wrong.NODE_CHANGED, last, f"node:{node.level}/{node.place}",
                    f"The tree's node over the entries up to {last} is not theirs.",
                )  # fmt: skip

    def end(self, head_size: int, *, chain: bytes, frontier: bytes, due: Sequence[Checkpoint]) -> None:
        """No entry is left: the head must agree, and no checkpoint may be larger."""
        if due:
            raise Found(
                Wrong.TRUNCATED, self.number + 1, f"checkpoint:{due[0].head.number}",
                f"The record ends at entry {self.number}, but checkpoint {due[0].head.number} was signed for"
                f" {due[0].head.size} entries: its tail was cut off.",
            )  # fmt: skip
        if head_size > self.number:
            raise Found(
                Wrong.LINK_MISSING, self.number + 1, f"link:{self.number + 1}",
                f"The record ends at entry {self.number}, but {head_size} were numbered.",
            )  # fmt: skip
        if (head_size, chain, frontier) != (self.number, self.chain, self.tree.to_bytes()):
            raise Found(
                Wrong.LINK_CHANGED, self.number, f"head:{self.branch}", "The end of the chain is not where it was left."
            )
