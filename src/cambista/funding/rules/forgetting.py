"""When a customer may be forgotten. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from cambista.funding.errors import CustomerHasMoney, CustomerKept
from cambista.funding.types import ForgetRequest, Forgotten, Payments
from cambista.identity import CustomerUnknown, Scope, permission
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.kernel.time import wire_time
from cambista.ledger import Standing

DECIDERS = (Role.COMPLIANCE, Role.ADMIN)
# From which day on, how many years.
KeptYears = Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a customer: its money, its payments (None: never any), and whether it is forgotten already."""

    standing: Standing
    payments: Payments | None
    forgotten_at: datetime | None
    is_customer: bool


def forgetting(request: ForgetRequest, case: Case, kept_years: KeptYears, now: datetime) -> Forgotten | Refusal:
    """Whether it is done: by compliance or an admin, with nothing left here, and not before the duty to keep ends.

    A customer whose money never moved is under no such duty. Who is forgotten stays so.
    """
    refusal = permission(request.caller, Scope.PRINCIPALS_WRITE, *DECIDERS)
    if refusal is not None:
        return refusal
    if not case.is_customer:
        return CustomerUnknown(customer=str(request.customer_id))
    if case.forgotten_at is not None:
        return Forgotten(request.customer_id, case.forgotten_at)
    if case.standing.has_money or (case.payments is not None and case.payments.any_open):
        return CustomerHasMoney(customer=str(request.customer_id))
    moments = (case.standing.moved_at, case.payments.last_at if case.payments else None)
    last = max((moment for moment in moments if moment is not None), default=None)
    if last is not None and now < (until := kept_until(last, kept_years, now)):
        return CustomerKept(customer=str(request.customer_id), until=wire_time(until))
    return Forgotten(request.customer_id, now)


def kept_until(last: datetime, kept_years: KeptYears, now: datetime) -> datetime:
    """When the duty to keep ends that began at `last`, by the rule in force now; without one, at once."""
    years = max(((since, years) for since, years in kept_years.items() if since <= now.date()), default=(None, 0))[1]
    try:
        return last.replace(year=last.year + years)
    except ValueError:  # 29 February
        return last.replace(year=last.year + years, month=3, day=1)
