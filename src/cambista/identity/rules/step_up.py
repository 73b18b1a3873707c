"""Who must have shown a second factor, and how lately: the one place that says so. Pure."""

from datetime import datetime, timedelta

from cambista.identity.errors.factors import SecondFactorRequired
from cambista.identity.rules.roles import STAFF
from cambista.kernel.callers import Caller, Credential, StepUpRequired


def require_step_up(caller: Caller, now: datetime, within: timedelta, *, signed: bool = False) -> None:
    """Refuse (`step_up_required`) a deed that needs a fresh second factor to a caller that cannot show one.

    A session must have shown it `within` that time. A key may by its scope alone, unless the deed is one for which a
    request must be `signed`. An OAuth2 token never may. The house itself is asked nothing.
    """
    if caller.credential is Credential.HOUSE or (caller.credential is Credential.KEY and not signed):
        return
    if caller.credential not in {Credential.SESSION, Credential.KEY}:
        raise StepUpRequired("An access token may not do this.")
    caller.require_proof(now, within)


def step_up_refusal(caller: Caller, now: datetime, within: timedelta, *, signed: bool = False) -> StepUpRequired | None:
    """As `require_step_up`, giving the refusal instead of raising it."""
    try:
        require_step_up(caller, now, within, signed=signed)
    except StepUpRequired as refusal:
        return refusal
    return None


def require_enrolled(caller: Caller, *, enrolling: bool) -> None:
    """Refuse a staff session that never showed a second factor all but setting one up (`second_factor_required`)."""
    unproved = caller.credential is Credential.SESSION and caller.proved_at is None
    if unproved and caller.role in STAFF and not enrolling:
        raise SecondFactorRequired
