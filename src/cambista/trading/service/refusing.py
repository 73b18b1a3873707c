"""What every batch of trading refuses, and how a no is put on record."""

from collections.abc import Sequence
from typing import TypeVar

from cambista.identity import Identity
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Conflict, Denied, Limited, NotFound, Refusal, Unauthenticated
from cambista.runtime import Action, Tx

T = TypeVar("T")


async def refuse_keys(
    identity: Identity, tx: Tx, callers: Sequence[Caller], verdicts: "list[T | Refusal | None]"
) -> None:
    """A key revoked a moment ago moves nothing, whatever the gateway still remembers of it."""
    keys = {caller.key_id for caller in callers if caller.key_id is not None}
    refused = await identity.refused_keys(tx, list(keys)) if keys else set()
    for index, caller in enumerate(callers):
        if caller.key_id in refused:
            verdicts[index] = Unauthenticated()


def record_refusal(tx: Tx, caller: Caller, name: str, subject: str, verdict: object) -> None:
    """Noes that say something about the caller: not a malformed wish, nor a price the house did not have."""
    if isinstance(verdict, Denied | NotFound | Conflict | Limited):
        facts = {key: str(value) for key, value in verdict.facts.items()}
        tx.record(Action(caller, name, subject, verdict.code, facts))
