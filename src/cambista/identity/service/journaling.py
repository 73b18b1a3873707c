"""What identity's use cases put on record about their callers."""

from collections.abc import Sequence
from uuid import UUID

from cambista.identity.types.keys import ApiKey
from cambista.identity.types.oauth import Client, Grant
from cambista.identity.types.principals import Principal
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Invalid, Refusal
from cambista.kernel.time import wire_time
from cambista.runtime import Action, Tx, state_digest


def key_ids(callers: Sequence[Caller]) -> list[UUID]:
    """The keys those callers came with, each once."""
    return list({caller.key_id for caller in callers if caller.key_id is not None})


def journal(tx: Tx, caller: Caller, deed: tuple[str, str], answer: object, before: object = None) -> None:
    """Deeds (name, subject), and the noes that say something about the caller; a malformed request says nothing.

    `before` is what a principal, key, client or grant was before the deed.
    """
    name, subject = deed
    if isinstance(answer, Invalid):
        return
    if isinstance(answer, Refusal):
        tx.record(Action(caller, name, subject, answer.code))
        return
    facts = {"key": str(answer.id)} if isinstance(answer, ApiKey) else {}
    tx.record(Action(caller, name, subject, "done", facts, _digest(before), _digest(answer)))


def _digest(state: object) -> str | None:
    """Of what deeds change of such a thing, and of nothing that names a person."""
    match state:
        case Principal():
            return state_digest({"id": str(state.id), "role": state.role.value, "status": state.status.value})
        case ApiKey():
            ends = (None if each is None else wire_time(each) for each in (state.expires_at, state.revoked_at))
            return state_digest(
                {
                    "id": str(state.id),
                    "owner": str(state.owner_id),
                    "scopes": sorted(state.scopes),
                    "ends": list(ends),
                    "networks": sorted(map(str, state.networks)),
                    "signed": state.signed,
                }
            )
        case Client():
            ends = (None if each is None else wire_time(each) for each in (state.old_secret_until, state.revoked_at))
            return state_digest(
                {
                    "id": str(state.id),
                    "owner": str(state.owner_id),
                    "flows": [flow.value for flow in state.flows],
                    "scopes": sorted(state.scopes),
                    "redirects": sorted(state.redirect_uris),
                    "ends": list(ends),
                }
            )
        case Grant():
            ended = None if state.revoked_at is None else wire_time(state.revoked_at)
            return state_digest({"id": str(state.id), "scopes": sorted(state.scopes), "ended": ended})
    return None
