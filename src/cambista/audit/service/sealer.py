"""Chains the journal's rows, a second behind the deeds, and signs checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from cambista.audit.errors.chain import ChainRolledBack
from cambista.audit.rules import sealing
from cambista.audit.rules.checkpoints import NO_PREVIOUS, origin_of, write_checkpoint
from cambista.audit.rules.merkle import Frontier
from cambista.audit.service.keys import AuditKey
from cambista.audit.service.witness import Witness
from cambista.audit.settings import AuditSettings
from cambista.audit.store import checkpoints as checkpoint_store
from cambista.audit.store import sealing as store
from cambista.audit.types.chain import Head
from cambista.audit.types.checkpoints import Checkpoint, TreeHead
from cambista.kernel.callers import Caller, Credential, Role
from cambista.runtime import Action, Runtime

# As many at once as hold the event loop for a few milliseconds.
BATCH_MAX = 500
SEALER = Caller(UUID(int=0), Role.AUDITOR, credential=Credential.HOUSE)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SealerState:
    """What the sealer knows without asking: entries sealed by this process, and those that were gone before."""

    sealed: int
    missing: int
    unwitnessed: int


class Sealer:
    """The only writer of a branch's chain at a time: it holds the chain's end locked while it adds to it."""

    def __init__(self, runtime: Runtime, settings: AuditSettings, key: AuditKey) -> None:
        self._runtime = runtime
        self._settings = settings
        self._key = key
        self._witness = Witness()
        self._last: Head | None = None
        self._sealed = self._missing = 0
        runtime.db.on_journal(self._witness.note)

    @property
    def state(self) -> SealerState:
        return SealerState(self._sealed, self._missing, self._witness.forgotten)

    async def run_once(self) -> Checkpoint | None:
        """Seal what can be sealed, look for entries that vanished, and make a checkpoint when one is due."""
        await self.seal()
        return await self.checkpoint()

    async def seal(self) -> int:
        """Chain every row below the oldest running transaction; how many."""
        suspects = self._witness.suspects()
        async with self._runtime.db.read() as reader:
            ended_below, _ = await store.snapshot_bounds(reader)
        count = 0
        while (added := await self._seal_batch()) == BATCH_MAX:
            count += added
        await self._look_for(suspects, ended_below)
        return count + added

    async def checkpoint(self, *, now: bool = False) -> Checkpoint | None:
        """Sign the tree as it stands, if it grew and it is time (or `now`)."""
        async with self._runtime.db.transaction() as tx:
            head = await store.lock_head(tx, self._runtime.branch)
            last = await checkpoint_store.newest_checkpoint(tx, head.branch)
            if head.size == 0 or not (
                self._is_due(head, last) or (now and (last is None or last.head.size < head.size))
            ):
                return None
            origin = origin_of(head.branch)
            number = 1 if last is None else last.head.number + 1
            time = tx.now if last is None else max(tx.now, last.head.time)
            previous = NO_PREVIOUS if last is None else last.digest
            root = Frontier.from_bytes(head.size, head.frontier).root()
            tree = TreeHead(origin, number, head.size, root, time, head.chain, previous)
            made = write_checkpoint(tree, self._key.public_key, self._key.sign)
            await checkpoint_store.insert_checkpoint(tx, head.branch, made)
        return made

    def _is_due(self, head: Head, last: Checkpoint | None) -> bool:
        if last is None:
            return True
        grown = head.size - last.head.size
        waited = self._runtime.now() - last.head.time
        return grown > 0 and (
            waited >= timedelta(seconds=self._settings.checkpoint_s) or grown >= self._settings.checkpoint_entries
        )

    async def _seal_batch(self) -> int:
        async with self._runtime.db.transaction() as tx:
            await store.commit_without_waiting(tx)
            head = await store.lock_head(tx, self._runtime.branch)
            self._require_not_behind(head)
            rows = await store.list_unsealed(tx, head, BATCH_MAX)
            if rows:
                sealed = sealing.seal(head, rows)
                await store.insert_links(tx, head.branch, sealed.links)
                await store.insert_nodes(tx, head.branch, sealed.nodes)
                await store.move_head(tx, sealed.head)
                head = sealed.head
        self._last = head
        self._sealed += len(rows)
        self._witness.seen(row.id for row in rows)
        return len(rows)

    def _require_not_behind(self, head: Head) -> None:
        """A chain only grows; one that is shorter than it was, or ends otherwise, was rolled back under us."""
        last = self._last
        if last is None or head.size > last.size or (head.size == last.size and head.chain == last.chain):
            return
        _log.critical("audit_chain_rolled_back", branch=head.branch, was=last.size, found=head.size)
        raise ChainRolledBack(branch=head.branch, was=last.size, found=head.size)

    async def _look_for(self, suspects: Sequence[UUID], ended_below: int) -> None:
        async with self._runtime.db.read() as reader:
            _, begun_below = await store.snapshot_bounds(reader)
            missing = self._witness.doubt(suspects, ended_below, begun_below)
            gone = await store.not_linked(reader, missing) if missing else []
        if not gone:
            return
        self._missing += len(gone)
        _log.critical("audit_entries_vanished", entries=[str(id) for id in gone[:20]], count=len(gone))
        await self._runtime.record(*(Action(SEALER, "audit.entry_vanished", f"entry:{id}", "found") for id in gone))
