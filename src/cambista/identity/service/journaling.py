"""What identity's use cases put on record about their callers."""

from collections.abc import Sequence
from uuid import UUID

from cambista.identity.types.keys import ApiKey
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Invalid, Refusal
from cambista.runtime import Action, Tx


def key_ids(callers: Sequence[Caller]) -> list[UUID]:
    """The keys those callers came with, each once."""
    return list({caller.key_id for caller in callers if caller.key_id is not None})


def journal(tx: Tx, caller: Caller, name: str, subject: str, answer: object) -> None:
    """Deeds, and the noes that say something about the caller; a malformed request says nothing."""
    if isinstance(answer, Invalid):
        return
    outcome = answer.code if isinstance(answer, Refusal) else "done"
    facts = {"key": str(answer.id)} if isinstance(answer, ApiKey) else {}
    tx.record(Action(caller, name, subject, outcome, facts))
