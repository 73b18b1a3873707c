"""The audit's door: the record of every action, its proofs, checks and exports."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from cambista.audit.errors.chain import CheckpointUnknown, EntryUnknown
from cambista.audit.rules import chain
from cambista.audit.rules.checkpoints import origin_of
from cambista.audit.service.delivery import Delivery
from cambista.audit.service.exporting import Export
from cambista.audit.service.keys import AuditKey
from cambista.audit.service.opening import check_opening
from cambista.audit.service.proving import prove_consistency, prove_inclusion
from cambista.audit.service.sealer import Sealer, SealerState
from cambista.audit.service.verifying import Verification
from cambista.audit.settings import AuditSettings
from cambista.audit.sinks.file import FileSink
from cambista.audit.sinks.port import Sink
from cambista.audit.store import checkpoints as checkpoint_store
from cambista.audit.store import entries
from cambista.audit.types.chain import ConsistencyProof, EntryFilter, EntryProof, ListedEntry, SinkState, Verdict
from cambista.audit.types.checkpoints import Checkpoint
from cambista.audit.types.exports import ExportScope
from cambista.kernel.callers import Caller, Role
from cambista.runtime import Action, Runtime

READERS = (Role.AUDITOR, Role.COMPLIANCE, Role.ADMIN)
PAGE_MAX = 200


class Audit:
    """Reads are for auditor, compliance and admin, and are entries themselves; sealing and delivery are tasks."""

    def __init__(
        self, runtime: Runtime, settings: AuditSettings, key: AuditKey, sinks: Sequence[Sink], export: Export
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._export = export
        self.key = key
        self.sealer = Sealer(runtime, settings, key)
        self.delivery = Delivery(runtime, key, sinks)
        self.file = next((sink for sink in sinks if isinstance(sink, FileSink)), None)

    async def open(self) -> None:
        """Refuse (`audit_rolled_back`, `journal_foreign`) to open on a database older than what was exported."""
        if self.file is not None:
            await check_opening(self._runtime, self._settings, self.file)

    async def entries(
        self, caller: Caller, asked: EntryFilter, *, before: tuple[int, int] | None = None, limit: int = 50
    ) -> list[ListedEntry]:
        """Entries, newest first, from below the place `before`; at most 200."""
        await self._note_read(caller, "audit.read", "audit")
        async with self._runtime.db.read() as reader:
            return await entries.list_entries(reader, self._runtime.branch, asked, before, min(limit, PAGE_MAX))

    async def proof(self, caller: Caller, id: UUID) -> EntryProof:
        """That an entry is in the newest checkpoint's tree; `entry_not_found` before it is in one."""
        await self._note_read(caller, "audit.prove", f"entry:{id}")
        branch = self._runtime.branch
        async with self._runtime.db.snapshot() as reader:
            found = await entries.find_numbered(reader, branch, id)
            newest = await checkpoint_store.newest_checkpoint(reader, branch)
            if found is None or newest is None or found[0] > newest.head.size:
                raise EntryUnknown(entry=str(id))
            number, row = found
            hash = chain.entry_hash(row.entry)
            return EntryProof(
                number, row.entry, hash, newest, await prove_inclusion(reader, branch, number, hash, newest)
            )

    async def consistency(self, first: int, second: int) -> ConsistencyProof:
        """That the tree of the checkpoint numbered `second` begins with that of `first`; `checkpoint_not_found`."""
        branch = self._runtime.branch
        async with self._runtime.db.snapshot() as reader:
            old = await checkpoint_store.find_checkpoint(reader, branch, first)
            new = await checkpoint_store.find_checkpoint(reader, branch, second)
            if old is None or new is None or old.head.size > new.head.size:
                raise CheckpointUnknown(first=first, second=second)
            return ConsistencyProof(old, new, await prove_consistency(reader, branch, old, new))

    async def checkpoints(self, *, before: int | None = None, limit: int = 50) -> list[Checkpoint]:
        """Checkpoints, newest first, from below number `before`; at most 200."""
        async with self._runtime.db.read() as reader:
            return await checkpoint_store.list_checkpoints(
                reader, self._runtime.branch, before or 2**62, min(limit, PAGE_MAX)
            )

    async def sinks(self) -> list[SinkState]:
        """How far each sink is."""
        return await self.delivery.states()

    @property
    def origin(self) -> str:
        """What checkpoints and their key are called."""
        return origin_of(self._runtime.branch)

    @property
    def sealing(self) -> SealerState:
        return self.sealer.state

    async def verify(self) -> Verdict:
        """Recompute everything and compare it with the exported file; names the first entry that is wrong."""
        exported = self.file.lines() if self.file is not None else iter(())
        async with self._runtime.db.snapshot() as reader:
            return await Verification(reader, self._runtime.branch, self.key.public_key, exported).run()

    async def export(self, caller: Caller, scope: ExportScope) -> AsyncIterator[bytes]:
        """The lines of a bundle that anybody can check alone (docs/audit.md); what was done so far is sealed first."""
        subject = f"customer:{scope.customer}" if scope.customer else f"branch:{self._runtime.branch}"
        await self._note_read(caller, "audit.export", subject)
        await self.sealer.seal()
        await self.sealer.checkpoint(now=True)
        return self._export.lines(scope)

    async def _note_read(self, caller: Caller, name: str, subject: str) -> None:
        await self._runtime.record(Action(caller, name, subject))
