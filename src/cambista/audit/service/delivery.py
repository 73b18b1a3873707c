"""Brings checkpoints outside: each sink from its own cursor, at its own pace; a failing one holds up nobody."""

from collections.abc import Sequence

import structlog

from cambista.audit.service.keys import AuditKey
from cambista.audit.sinks.port import Parcel, Sink, SinkFailed
from cambista.audit.store import checkpoints as store
from cambista.audit.types.chain import SinkState
from cambista.runtime import Runtime

PARCELS_MAX = 100
POLL_S = 1.0
PAUSE_MAX_S = 60.0
_log = structlog.get_logger(__name__)


class Delivery:
    """At least once, in order. How far each sink is stands in the database, so a restart goes on where it was."""

    def __init__(self, runtime: Runtime, key: AuditKey, sinks: Sequence[Sink]) -> None:
        self._runtime = runtime
        self._key = key
        self._sinks = {sink.name: sink for sink in sinks}

    @property
    def names(self) -> list[str]:
        return list(self._sinks)

    async def run(self, name: str) -> None:
        """Deliver to one sink for as long as the house runs; after a failure ever more slowly."""
        pause = POLL_S
        while True:
            try:
                sent = await self.deliver(name)
            except SinkFailed as failure:
                await self._note_failure(name, failure)
                pause = min(pause * 2, PAUSE_MAX_S)
            else:
                pause = POLL_S
                if sent == PARCELS_MAX:
                    continue
            await self._runtime.clock.sleep(pause)

    async def deliver(self, name: str) -> int:
        """Send the sink's next checkpoints; how many. Raises SinkFailed, and then the cursor stays."""
        branch = self._runtime.branch
        async with self._runtime.db.read() as reader:
            after = await store.delivered(reader, branch, name)
            waiting = await store.list_after(reader, branch, after, PARCELS_MAX)
        if not waiting:
            return 0
        key = self._key.public_text
        await self._sinks[name].send([Parcel(branch, number, size, text, key) for number, size, text in waiting])
        async with self._runtime.db.transaction() as tx:
            await store.note_delivery(tx, branch, name, waiting[-1][0])
        return len(waiting)

    async def states(self) -> list[SinkState]:
        """How far each sink is."""
        async with self._runtime.db.read() as reader:
            return await store.list_deliveries(reader, self._runtime.branch, self.names)

    async def _note_failure(self, name: str, failure: SinkFailed) -> None:
        _log.warning("checkpoints_not_delivered", sink=name, error=str(failure))
        async with self._runtime.db.transaction() as tx:
            await store.note_failure(tx, self._runtime.branch, name, str(failure))
