"""Notices lent out to whoever sends them, and what became of each."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from cambista.identity.store import notices as store
from cambista.identity.types.notices import DueNotice, Notice, NoticeFailure
from cambista.runtime import Runtime, Tx

LEASE = timedelta(minutes=2)
ATTEMPTS_MAX = 8
KEPT = timedelta(days=30)


class Notices:
    """The queue of letters and short messages. A notice is lent to one sender at a time; a lost sender's comes back."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def post(self, tx: Tx, notices: Sequence[Notice]) -> list[UUID]:
        """Put notices on their way when the transaction commits; their ids."""
        return await store.insert_notices(tx, self._runtime, notices)

    async def take(self, limit: int) -> list[DueNotice]:
        """Up to `limit` notices that are due, for two minutes; each is tried eight times at most."""
        async with self._runtime.db.transaction() as tx:
            return await store.take_due(tx, self._runtime, limit, LEASE, ATTEMPTS_MAX)

    async def report(self, sent: Sequence[UUID], failed: Sequence[NoticeFailure]) -> None:
        """What became of notices that were taken. Contents of those sent or given up are removed."""
        async with self._runtime.db.transaction() as tx:
            await store.set_sent(tx, sent)
            await store.set_failed(tx, failed)

    async def sweep(self) -> None:
        """Give up the expired ones; forget after thirty days that there was one."""
        async with self._runtime.db.transaction() as tx:
            await store.sweep(tx, ATTEMPTS_MAX, KEPT)
