"""The house's own steps: many due sagas moved on by one transaction, each step's effect and its move together."""

from collections.abc import Mapping, Sequence
from random import Random
from uuid import UUID

import structlog

from cambista.runtime.database import Database, DatabaseAway, Tx
from cambista.runtime.sagas import moves, rules, store
from cambista.runtime.sagas.types import InHouse, Program, Retry, Saga

BATCH_MAX = 512
_log = structlog.get_logger(__name__)


class OwnSteps:
    """Takes what is due and free, runs each deed's sagas as one batch, and commits all of it at once."""

    def __init__(self, db: Database, rng: Random, programs: Mapping[str, Program]) -> None:
        self._db, self._rng, self._programs = db, rng, programs

    async def turn(self, limit: int = BATCH_MAX) -> int:
        """One transaction's worth; how many sagas were due. A deed that raises is tried again alone."""
        taken: list[UUID] = []
        try:
            async with self._db.transaction() as tx:
                due = await store.lock_due(tx, list(self._programs), outside=False, limit=limit)
                taken += [saga.id for saga in due]
                await self._move(tx, due)
        except DatabaseAway:
            raise
        except Exception as error:
            _log.warning("sagas_failed", sagas=len(taken), error=repr(error))
            for id in taken:
                await self._alone(id)
        return len(taken)

    async def _alone(self, id: UUID) -> None:
        try:
            async with self._db.transaction() as tx:
                await self._move(tx, await self._lock(tx, id))
        except DatabaseAway:
            raise
        except Exception as error:
            _log.exception("saga_failed", saga=str(id))
            await self._fail(id, type(error).__name__)

    async def _fail(self, id: UUID, reason: str) -> None:
        async with self._db.transaction() as tx:
            failed = [moves.Move(saga, Retry(reason=reason)) for saga in await self._lock(tx, id)]
            await moves.make(tx, self._programs, failed, self._rng)

    async def _lock(self, tx: Tx, id: UUID) -> list[Saga]:
        """The saga, if it still is one of ours to move: another may have been faster."""
        found = (await store.lock_sagas(tx, [id])).values()
        return [saga for saga in found if rules.is_open(saga) and not saga.outside and saga.due_at <= tx.now]

    async def _move(self, tx: Tx, due: Sequence[Saga]) -> None:
        known, lost = sorted_out(self._programs, due)
        await moves.write(tx, [rules.lost(saga) for saga in lost])
        given = await moves.contexts(tx, known)
        made: list[moves.Move] = []
        for deed, sagas in self._by_deed(known).items():
            outcomes = await deed.run(tx, [given[saga.id] for saga in sagas])
            assert len(outcomes) == len(sagas), "a deed gives one outcome each"
            made += [moves.Move(saga, outcome) for saga, outcome in zip(sagas, outcomes, strict=True)]
        await moves.make(tx, self._programs, made, self._rng)

    def _by_deed(self, sagas: Sequence[Saga]) -> dict[InHouse, list[Saga]]:
        grouped: dict[InHouse, list[Saga]] = {}
        for saga in sagas:
            deed = rules.action(saga, self._programs[saga.kind])
            assert isinstance(deed, InHouse)
            grouped.setdefault(deed, []).append(saga)
        return grouped


def sorted_out(programs: Mapping[str, Program], due: Sequence[Saga]) -> tuple[list[Saga], list[Saga]]:
    """Those whose step this version has, and those whose step it does not."""
    known = [saga for saga in due if programs[saga.kind].find(saga.step) is not None]
    return known, [saga for saga in due if programs[saga.kind].find(saga.step) is None]
