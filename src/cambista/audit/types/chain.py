"""Nouns of the chain: where it ends, its links, what is asked of it and what a check found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from cambista.audit.types.checkpoints import Checkpoint
from cambista.audit.types.entries import Entry


@dataclass(frozen=True, slots=True)
class Head:
    """Where a branch's chain ends: its size, last chain hash, the tree's frontier, and the last row's place."""

    branch: str
    size: int
    chain: bytes
    frontier: bytes
    xid: int
    position: int


class JournalRow(NamedTuple):
    """A row of the journal: its place in the order of transactions, its id, and what is hashed of it."""

    xid: int
    position: int
    id: UUID
    entry: Entry


class Link(NamedTuple):
    """A sealed entry: its number, which row it is, its hash and the chain's after it."""

    number: int
    xid: int
    position: int
    id: UUID
    entry_hash: bytes
    chain_hash: bytes


class Wrong(StrEnum):
    """What can be wrong with the record."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    BACK_DATED = "back_dated"
    AHEAD = "ahead_of_time"
    LINK_MISSING = "link_missing"
    LINK_CHANGED = "link_changed"
    NODE_CHANGED = "node_changed"
    TRUNCATED = "truncated"
    CHECKPOINT_FORGED = "checkpoint_forged"
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_BROKEN = "checkpoint_broken"
    REWRITTEN = "rewritten"
    ROLLED_BACK = "rolled_back"
    BUNDLE_BROKEN = "bundle_broken"
    RECEIPT_FORGED = "receipt_forged"
    TOTAL_WRONG = "total_wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong: what, at which number (0: none in particular), which entry, and in words."""

    wrong: Wrong
    number: int
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check looked at, and what it found first (None: all is well). `unsealed` entries wait for the sealer."""

    entries: int
    checkpoints: int
    unsealed: int
    last: Checkpoint | None
    finding: Finding | None
    notes: Sequence[str] = ()

    @property
    def good(self) -> bool:
        return self.finding is None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are asked for; what is None does not narrow. `since` is included, `until` is not."""

    actor: UUID | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry, its number once it is sealed, and its place for the next page."""

    number: int | None
    place: tuple[int, int]
    entry: Entry


@dataclass(frozen=True, slots=True)
class EntryProof:
    """That an entry is in the tree of a checkpoint."""

    number: int
    entry: Entry
    hash: bytes
    checkpoint: Checkpoint
    proof: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the tree of `second` begins with the tree of `first`."""

    first: Checkpoint
    second: Checkpoint
    proof: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class SinkState:
    """How far a sink is: the last checkpoint it has, how many it lacks, failures since, and the last error's words."""

    sink: str
    number: int
    behind: int
    failures: int
    error: str
