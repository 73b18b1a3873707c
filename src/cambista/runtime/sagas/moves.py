"""Writes where sagas go: their rows, their steps' results, and the events of those that ended or are stuck."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

from cambista.runtime.database import Tx
from cambista.runtime.sagas import rules, store
from cambista.runtime.sagas.events import SagaEnded, SagaStuck
from cambista.runtime.sagas.types import (
    Context,
    Done,
    Elsewhere,
    Json,
    Outcome,
    Program,
    Refused,
    Saga,
    SagaStatus,
    step_id,
)


@dataclass(frozen=True, slots=True)
class Move:
    """What came of a saga's deed; `asked`: learnt by asking."""

    saga: Saga
    outcome: Outcome
    asked: bool = False


async def make(tx: Tx, programs: Mapping[str, Program], moves: Sequence[Move], rng: Random) -> list[Saga]:
    """Bring the sagas of `moves`, whose rows are locked, to where their outcomes lead; where they stand then."""
    after = [
        rules.advance(
            move.saga, programs[move.saga.kind], move.outcome, asked=move.asked, at=rules.Moment(tx.now, rng.random())
        )
        for move in moves
    ]
    own, outside = [], []
    for move in moves:
        deed = rules.action(move.saga, programs[move.saga.kind])
        if isinstance(deed, Elsewhere):
            outside.extend(_result(move))
        elif isinstance(move.outcome, Done):
            own.append(store.Result(move.saga, "done", move.outcome.value))
    await store.insert_done(tx, own)
    await store.put_steps(tx, outside)
    await write(tx, after)
    return after


def _result(move: Move) -> list[store.Result]:
    match move.outcome:
        case Done(value):
            return [store.Result(move.saga, "done", value)]
        case Refused():
            return [store.Result(move.saga, "refused")]
        case _:
            return []


async def write(tx: Tx, sagas: Sequence[Saga]) -> None:
    """Store where these sagas stand now, and announce it where it is an end or needs people."""
    await store.set_sagas(tx, sagas)
    for saga in sagas:
        if saga.ended_at is not None:
            tx.emit(SagaEnded(saga.id, saga.kind, saga.status.value, saga.reason, tx.now))
        elif saga.status is SagaStatus.STUCK:
            tx.emit(SagaStuck(saga.id, saga.kind, saga.step, saga.undoing, saga.reason, tx.now))


async def contexts(tx: Tx, sagas: Sequence[Saga]) -> dict[UUID, Context]:
    """What their deeds are given."""
    values = await store.find_values(tx, [saga.id for saga in sagas])
    return {saga.id: _context(saga, values.get(saga.id, {}), tx) for saga in sagas}


def _context(saga: Saga, values: Mapping[str, Json], tx: Tx) -> Context:
    deed_id = step_id(saga.id, saga.step, undoing=saga.undoing)
    return Context(saga.id, saga.kind, deed_id, saga.payload, values, saga.attempts + 1, saga.reason, tx.now)
