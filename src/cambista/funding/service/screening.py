"""What every use case of funding does with a batch: sort out refused callers, and write down what happened."""

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from cambista.funding.rules.withdrawals import NOBODY
from cambista.funding.store import lists as store
from cambista.funding.types import Deposit, HistoryLine, Withdrawal
from cambista.identity import Identity
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Invalid, Refusal, Unauthenticated
from cambista.runtime import Action, Tx, state_digest

T = TypeVar("T")
Step = tuple[UUID, str, UUID, str]
Stated = Deposit | Withdrawal
THE_HOUSE = Caller(NOBODY, Role.OPERATOR, credential=Credential.HOUSE)


class _Asked(Protocol):
    @property
    def caller(self) -> Caller: ...


async def screen(identity: Identity, tx: Tx, requests: Sequence[_Asked]) -> list[Refusal | None]:
    """A no for each request whose key does not authenticate any more, whatever the gateway still remembers of it."""
    keys = {request.caller.key_id for request in requests if request.caller.key_id is not None}
    refused = await identity.refused_keys(tx, list(keys))
    return [Unauthenticated() if request.caller.key_id in refused else None for request in requests]


def journal(
    tx: Tx, caller: Caller, deed: tuple[str, str], answer: Stated | Refusal, before: Stated | None = None
) -> None:
    """Deeds (name, subject), and the noes that say something about the caller; a malformed request says nothing."""
    name, subject = deed
    if not isinstance(answer, Refusal):
        facts, after = {"status": str(answer.status)}, _digest(answer)
        known = None if before is None else _digest(before)
        tx.record(Action(caller, name, subject, "done", facts, known, after))
    elif not isinstance(answer, Invalid):
        tx.record(Action(caller, name, subject, answer.code))


def _digest(each: Stated) -> str:
    """Of what decisions change, and of nothing that names a person."""
    approvals = [str(id) for id in each.approvals] if isinstance(each, Withdrawal) else []
    return state_digest(
        {
            "id": str(each.id),
            "asset": each.amount.asset.code,
            "units": each.amount.units,
            "status": each.status.value,
            "approvals": approvals,
            "decided_by": None if each.decided_by is None else str(each.decided_by),
        }
    )


async def write_history(tx: Tx, steps: Sequence[Step]) -> None:
    """Steps of (subject, status, actor, note), all of this moment."""
    await store.insert_history(
        tx, [(id, HistoryLine(status, actor, tx.now, note)) for id, status, actor, note in steps]
    )


def settle(answers: Sequence[T | Refusal | None]) -> list[T | Refusal]:
    """Every request has its answer by now."""
    assert all(answer is not None for answer in answers)
    return [answer for answer in answers if answer is not None]
