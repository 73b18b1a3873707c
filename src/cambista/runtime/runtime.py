"""Everything a room may take from the outside world, in one value."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cambista.kernel.errors import Refusal
from cambista.kernel.ids import uuid7, uuid7s
from cambista.runtime.clock import Clock
from cambista.runtime.database import Database, Tx
from cambista.runtime.group_commit import GroupCommit
from cambista.runtime.journal import Action
from cambista.runtime.sealing import Sealing
from cambista.runtime.secrets import Secrets
from cambista.runtime.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Runtime:
    """Clock, chance, ids, database, group commit, tasks, sealing and secrets. A seed and a clock fix a run."""

    clock: Clock
    rng: random.Random
    db: Database
    writer: GroupCommit
    tasks: Tasks
    sealing: Sealing
    branch: str = "main"
    secrets: Secrets = field(default_factory=Secrets)

    def now(self) -> datetime:
        return self.clock.now()

    def new_id(self) -> UUID:
        return uuid7(self.clock.now(), self.rng)

    def new_ids(self, count: int) -> list[UUID]:
        return uuid7s(self.clock.now(), self.rng, count)

    async def record(self, *actions: Action) -> None:
        """Journal what has no transaction of its own, as a read or a refusal; on disk when this returns."""
        for verdict in await self.writer.submit(_record, actions):
            if isinstance(verdict, Refusal):
                raise verdict


async def _record(tx: Tx, actions: Sequence[Action]) -> Sequence[Refusal | None]:
    tx.record(*actions)
    return [None] * len(actions)
