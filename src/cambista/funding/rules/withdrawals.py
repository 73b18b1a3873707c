"""Decisions on money going out: who may ask for how much to where, and who lets it go. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from cambista.funding.errors import (
    AssetNotWithdrawable,
    CustomerBlocked,
    FourEyes,
    HolderMismatch,
    WithdrawalDecided,
    WithdrawalExpired,
    WithdrawalLimit,
    WithdrawalTooLarge,
    WithdrawalTooSmall,
    WithdrawalUnknown,
)
from cambista.funding.rails.port import RailPort
from cambista.funding.rules.deposits import NAME_MAX, REFERENCE_MAX, known_rail, unreadable
from cambista.funding.rules.names import names_match
from cambista.funding.types import (
    AssetTerms,
    Destination,
    Use,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalRequest,
    WithdrawalStatus,
    WithdrawalTerms,
)
from cambista.identity import (
    STAFF,
    AccountHolder,
    CustomerUnknown,
    Scope,
    Status,
    permission,
    read_text,
    step_up_refusal,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import HoldId, TransferId, WithdrawalId
from cambista.kernel.money import Amount
from cambista.ledger import Hold, HoldClosed, HoldUnknown, Posting, Transfer, customer_account, world_account

DAY = timedelta(hours=24)
DECIDERS = (Role.TREASURER, Role.ADMIN)
NOBODY = UUID(int=0)
_NO_USE = Use(0, {})


@dataclass(frozen=True, slots=True)
class Frame:
    """What a withdrawal is judged by: where money can go, how much, and how long it waits for approval.

    `step_up`: for how long a second factor counts as fresh.
    """

    rails: Mapping[str, RailPort]
    terms: WithdrawalTerms
    ttl: timedelta
    step_up: timedelta


def draft(
    request: WithdrawalRequest,
    holder: AccountHolder | None,
    frame: Frame,
    ids: tuple[UUID, UUID],
    now: datetime,
) -> Withdrawal | Refusal:
    """The withdrawal that would be. `ids` are for it and its hold. Only to an account in the customer's own name."""
    try:
        _check_asker(request.caller, request.customer_id)
        if holder is None:
            return CustomerUnknown(customer=str(request.customer_id))
        if holder.status is not Status.ACTIVE:
            return CustomerBlocked()
        bounds = _check_bounds(request.amount, frame.terms)
        destination = _destination(request, frame.rails)
    except Refusal as refusal:
        return refusal
    if not names_match(destination.holder, holder.name):
        return HolderMismatch(rail=destination.rail)
    unproved = _unproved(request.caller, request.amount, frame, now)
    if unproved is not None:
        return unproved
    needed = 2 if request.amount.units > bounds.second_approver_above.units else 1
    return Withdrawal(
        WithdrawalId(ids[0]), request.customer_id, request.amount, destination, WithdrawalStatus.REQUESTED,
        HoldId(ids[1]), needed, (), request.caller.id, now, now + frame.ttl,
    )  # fmt: skip


def _check_asker(caller: Caller, customer_id: UUID) -> None:
    caller.require(Scope.WITHDRAWALS_WRITE, Role.CUSTOMER, Role.PARTNER, Role.OPERATOR, Role.ADMIN)
    if caller.role not in STAFF and caller.id != customer_id:
        raise CustomerUnknown(customer=str(customer_id))


def _check_bounds(amount: Amount, terms: WithdrawalTerms) -> AssetTerms:
    assert amount.units > 0, "amounts are parsed positive at the border"
    bounds = terms.assets.get(amount.asset.code)
    if bounds is None:
        raise AssetNotWithdrawable(asset=amount.asset.code)
    if amount < bounds.minimum:
        raise WithdrawalTooSmall(asset=amount.asset.code, minimum=bounds.minimum.text)
    if bounds.maximum < amount:
        raise WithdrawalTooLarge(asset=amount.asset.code, maximum=bounds.maximum.text)
    return bounds


def _unproved(caller: Caller, amount: Amount, frame: Frame, now: datetime) -> Refusal | None:
    """A large sum is asked for, and let go, by who has just shown a second factor or signed the request."""
    bounds = frame.terms.assets.get(amount.asset.code)
    if bounds is None or not bounds.step_up_above < amount:
        return None
    return step_up_refusal(caller, now, frame.step_up, signed=True)


def _destination(request: WithdrawalRequest, rails: Mapping[str, RailPort]) -> Destination:
    asked = request.destination
    rail = known_rail(rails, asked.rail, request.amount.asset)
    account = rail.read_account(read_text(asked.account, field="destination.account", length_max=REFERENCE_MAX))
    holder = read_text(asked.holder, field="destination.holder", length_max=NAME_MAX)
    return Destination(rail.facts.name, account, holder)


def within_limits(
    drafts: Sequence[Withdrawal], used: Mapping[UUID, Use], terms: WithdrawalTerms
) -> list[Withdrawal | Refusal]:
    """In order, those that fit in what is left of the customer's 24 hours; each that fits uses it up for the next."""
    running = dict(used)
    answers: list[Withdrawal | Refusal] = []
    for each in drafts:
        use = using(running, each)
        code, maximum = each.amount.asset.code, terms.assets[each.amount.asset.code].daily_maximum
        if use.count > terms.daily_count:
            answers.append(WithdrawalLimit(limit="daily_count", allowed=terms.daily_count))
        elif use.units[code] > maximum.units:
            answers.append(WithdrawalLimit(limit="daily_maximum", asset=code, allowed=maximum.text))
        else:
            running[each.customer_id] = use
            answers.append(each)
    return answers


def using(used: Mapping[UUID, Use], withdrawal: Withdrawal) -> Use:
    """What the customer has used once this withdrawal counts too."""
    use, code = used.get(withdrawal.customer_id, _NO_USE), withdrawal.amount.asset.code
    return Use(use.count + 1, {**use.units, code: use.units.get(code, 0) + withdrawal.amount.units})


def reservation(withdrawal: Withdrawal) -> Hold:
    account = customer_account(withdrawal.customer_id, withdrawal.amount.asset)
    return Hold(withdrawal.hold_id, account, withdrawal.amount, withdrawal.expires_at)


def approval(
    request: WithdrawalDecision, withdrawal: Withdrawal | None, frame: Frame, transfer_id: TransferId, now: datetime
) -> Withdrawal | Refusal:
    """The withdrawal with the caller's approval, `sent` when it was the last one needed; twice counts once."""
    refusal = permission(request.caller, Scope.WITHDRAWALS_APPROVE, *DECIDERS) or unreadable(request.note)
    if refusal is not None:
        return refusal
    if withdrawal is None:
        return WithdrawalUnknown(withdrawal=str(request.withdrawal_id))
    if request.caller.id in (withdrawal.requested_by, withdrawal.customer_id):
        return FourEyes(withdrawal=str(withdrawal.id))
    again = request.caller.id in withdrawal.approvals
    if again and withdrawal.status is WithdrawalStatus.SENT:
        return withdrawal
    closed = _closed(withdrawal, now)
    if closed is not None or again:
        return closed or withdrawal
    unproved = _unproved(request.caller, withdrawal.amount, frame, now)
    if unproved is not None:
        return unproved
    approvals = (*withdrawal.approvals, request.caller.id)
    if len(approvals) < withdrawal.approvals_needed:
        return replace(withdrawal, approvals=approvals)
    return replace(
        withdrawal,
        approvals=approvals,
        status=WithdrawalStatus.SENT,
        decided_by=request.caller.id,
        decided_at=now,
        transfer_id=transfer_id,
    )


def rejection(request: WithdrawalDecision, withdrawal: Withdrawal | None, now: datetime) -> Withdrawal | Refusal:
    """The withdrawal rejected; rejecting again changes nothing."""
    refusal = permission(request.caller, Scope.WITHDRAWALS_APPROVE, *DECIDERS) or unreadable(request.note)
    if refusal is not None:
        return refusal
    if withdrawal is None:
        return WithdrawalUnknown(withdrawal=str(request.withdrawal_id))
    if withdrawal.status is WithdrawalStatus.REJECTED:
        return withdrawal
    closed = _closed(withdrawal, now)
    if closed is not None:
        return closed
    return replace(withdrawal, status=WithdrawalStatus.REJECTED, decided_by=request.caller.id, decided_at=now)


def _closed(withdrawal: Withdrawal, now: datetime) -> Refusal | None:
    """Why nothing can be decided any more. Time alone closes it, whether or not the expiry has been written yet."""
    status = withdrawal.status
    if status is WithdrawalStatus.EXPIRED or (status is WithdrawalStatus.REQUESTED and withdrawal.expires_at <= now):
        return WithdrawalExpired(withdrawal=str(withdrawal.id))
    if status is not WithdrawalStatus.REQUESTED:
        return WithdrawalDecided(withdrawal=str(withdrawal.id), status=status.value)
    return None


def expiry(withdrawal: Withdrawal, now: datetime) -> Withdrawal | None:
    """The withdrawal expired, or None when it is not due."""
    if withdrawal.status is not WithdrawalStatus.REQUESTED or withdrawal.expires_at > now:
        return None
    return replace(withdrawal, status=WithdrawalStatus.EXPIRED, decided_at=now)


def payout(withdrawal: Withdrawal, rails: Mapping[str, RailPort]) -> Transfer:
    """The transfer that pays the held money out to the rail."""
    assert withdrawal.transfer_id is not None
    asset = withdrawal.amount.asset
    world = world_account(rails[withdrawal.destination.rail].facts.channel, asset)
    posting = Posting(customer_account(withdrawal.customer_id, asset), world, withdrawal.amount)
    return Transfer(withdrawal.transfer_id, "withdrawal", (posting,), hold=withdrawal.hold_id)


def returned(withdrawal: Withdrawal) -> Withdrawal:
    """The withdrawal after its rail refused to pay it."""
    assert withdrawal.status is WithdrawalStatus.SENT
    return replace(withdrawal, status=WithdrawalStatus.RETURNED)


def giving_back(withdrawal: Withdrawal, rails: Mapping[str, RailPort], id: TransferId) -> Transfer:
    """The payout's transfer, undone."""
    sent = payout(withdrawal, rails)
    [posting] = sent.postings
    return Transfer(
        id, "withdrawal_return", (Posting(posting.destination, posting.source, posting.amount),), reverses=sent.id
    )


def payout_refusal(withdrawal: Withdrawal, refusal: Refusal) -> Refusal:
    """The ledger's no in funding's words: a hold that is gone has expired."""
    if isinstance(refusal, (HoldClosed, HoldUnknown)):
        return WithdrawalExpired(withdrawal=str(withdrawal.id))
    return refusal
