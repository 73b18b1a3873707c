"""What every use case of funding does with a batch: sort out refused callers, and write down what happened."""

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from cambista.funding.store import lists as store
from cambista.funding.types import HistoryLine
from cambista.identity import Identity
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Invalid, Refusal, Unauthenticated
from cambista.runtime import Action, Tx

T = TypeVar("T")
Step = tuple[UUID, str, UUID, str]


class _Asked(Protocol):
    @property
    def caller(self) -> Caller: ...


async def screen(identity: Identity, tx: Tx, requests: Sequence[_Asked]) -> list[Refusal | None]:
    """A no for each request whose key does not authenticate any more, whatever the gateway still remembers of it."""
    keys = {request.caller.key_id for request in requests if request.caller.key_id is not None}
    refused = await identity.refused_keys(tx, list(keys))
    return [Unauthenticated() if request.caller.key_id in refused else None for request in requests]


def journal(tx: Tx, caller: Caller, name: str, subject: str, answer: object) -> None:
    """Deeds, and the noes that say something about the caller; a malformed request says nothing."""
    if isinstance(answer, Refusal):
        if not isinstance(answer, Invalid):
            tx.record(Action(caller, name, subject, answer.code))
        return
    status = getattr(answer, "status", "done")
    tx.record(Action(caller, name, subject, facts={"status": str(status)}))


async def write_history(tx: Tx, steps: Sequence[Step]) -> None:
    """Steps of (subject, status, actor, note), all of this moment."""
    await store.insert_history(
        tx, [(id, HistoryLine(status, actor, tx.now, note)) for id, status, actor, note in steps]
    )


def settle(answers: Sequence[T | Refusal | None]) -> list[T | Refusal]:
    """Every request has its answer by now."""
    assert all(answer is not None for answer in answers)
    return [answer for answer in answers if answer is not None]
