"""Before the house opens: is its database as new as what it has shown the world?"""

from datetime import datetime

import structlog

from cambista.audit.errors.chain import ChainRolledBack, JournalForeign
from cambista.audit.service.sealer import SEALER
from cambista.audit.settings import AuditSettings
from cambista.audit.sinks.file import FileSink
from cambista.audit.store import checkpoints as store
from cambista.audit.store import sealing
from cambista.runtime import Action, Runtime

_log = structlog.get_logger(__name__)


async def check_opening(runtime: Runtime, settings: AuditSettings, file: FileSink) -> None:
    """Refuse (`audit_rolled_back`, `journal_foreign`) a database that is older than the exported checkpoints.

    With `rollback` set to `alarm` the house opens all the same: it says so in log and journal, keeps the old file as
    evidence and begins a new one.
    """
    async with runtime.db.read() as reader:
        if await sealing.journal_is_foreign(reader):
            raise JournalForeign
        newest = await store.newest_checkpoint(reader, runtime.branch)
        outside = file.newest()
        inside = await store.find_text(reader, runtime.branch, outside[0]) if outside else None
    if outside is None:
        await _begin_again(runtime, file, lost=newest is not None)
    elif inside != outside[1]:
        has = 0 if newest is None else newest.head.number
        _log.critical("audit_rolled_back", exported=outside[0], found=has, file=str(file.path))
        if settings.rollback == "refuse":
            raise ChainRolledBack(exported=outside[0], found=has, file=str(file.path))
        await _open_all_the_same(runtime, file, outside[0], has)


async def _begin_again(runtime: Runtime, file: FileSink, *, lost: bool) -> None:
    """There is no file: a new house, or it was taken away. Everything is exported again."""
    if lost:
        _log.error("checkpoints_file_missing", file=str(file.path))
    async with runtime.db.transaction() as tx:
        await store.reset_delivery(tx, runtime.branch, file.name)


async def _open_all_the_same(runtime: Runtime, file: FileSink, exported: int, has: int) -> None:
    kept = file.set_aside(_mark(runtime.now()))
    async with runtime.db.transaction() as tx:
        await store.reset_delivery(tx, runtime.branch, file.name)
        facts = {"exported": str(exported), "found": str(has), "kept": kept.name}
        tx.record(Action(SEALER, "audit.rolled_back", f"branch:{runtime.branch}", "found", facts))


def _mark(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%SZ}"
