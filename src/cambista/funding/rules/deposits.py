"""Decisions on money coming in: what is one payment, whose it is, who decides a doubtful one. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from cambista.funding.errors import (
    DepositConflict,
    DepositDecided,
    DepositUnknown,
    FourEyes,
    PaidOnInvalid,
    RailAssetMismatch,
    RailUnknown,
)
from cambista.funding.rails.port import RailPort
from cambista.funding.rules.names import names_match, tokens
from cambista.funding.types import (
    Deposit,
    DepositDecision,
    DepositRequest,
    DepositStatus,
    Payer,
    Rail,
    ReviewReason,
)
from cambista.identity import AccountHolder, CustomerUnknown, Scope, Status, permission, read_text
from cambista.kernel.callers import Role
from cambista.kernel.canonical import canonical_json
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import DepositId, TransferId
from cambista.kernel.money import Asset
from cambista.ledger import AccountKind, Posting, Transfer, customer_account, house_account, world_account

REFERENCE_MAX = 128
NAME_MAX = 200
SHORT_MAX = 64
NOTE_MAX = 500
RECORDERS = (Role.OPERATOR, Role.TREASURER, Role.ADMIN)
DECIDERS = (Role.COMPLIANCE, Role.TREASURER, Role.ADMIN)
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Terms:
    """What bounds deposits."""

    review_missing_payer: bool
    paid_within: timedelta


@dataclass(frozen=True, slots=True)
class Draft:
    """A readable deposit, not yet judged. `key` is what no two payments on its rail share."""

    deposit: Deposit
    key: str
    reference_folded: str

    @property
    def identity(self) -> tuple[str, str]:
        return self.deposit.rail, self.key


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the store knows: deposits by rail and key, and (rail, folded reference, asset, units) seen before."""

    by_key: Mapping[tuple[str, str], Deposit]
    alike: frozenset[tuple[str, str, str, int]]


def known_rail(rails: Mapping[str, RailPort], name: object, asset: Asset) -> RailPort:
    """The rail of that name; refuses an unknown one and an asset it does not carry."""
    rail = rails.get(name) if isinstance(name, str) else None
    if rail is None:
        raise RailUnknown(rail=str(name)[:40].encode("ascii", "replace").decode())
    if asset.code not in rail.facts.assets:
        raise RailAssetMismatch(rail=rail.facts.name, asset=asset.code)
    return rail


def draft(
    request: DepositRequest, rails: Mapping[str, RailPort], terms: Terms, now: datetime, ids: tuple[UUID, UUID]
) -> Draft | Refusal:
    """Read the request. `ids` are for the deposit and its transfer."""
    try:
        request.caller.require(Scope.DEPOSITS_WRITE, *RECORDERS)
        rail = known_rail(rails, request.rail, request.amount.asset).facts
        reference = read_text(request.reference, field="reference", length_max=REFERENCE_MAX)
        bank = None if request.bank is None else read_text(request.bank, field="bank", length_max=SHORT_MAX)
        payer = None if request.payer is None else _payer(request.payer)
        _check_day(request.paid_on, terms, now)
    except Refusal as refusal:
        return refusal
    assert request.amount.units > 0, "amounts are parsed positive at the border"
    deposit = Deposit(
        DepositId(ids[0]), request.customer_id, request.amount, rail.name, reference, DepositStatus.CREDITED, None,
        payer, request.paid_on, bank, TransferId(ids[1]), request.caller.id, now,
    )  # fmt: skip
    return Draft(deposit, _natural_key(deposit, rail), _folded(reference))


def _payer(payer: Payer) -> Payer:
    name = read_text(payer.name, field="payer.name", length_max=NAME_MAX)
    document = read_text(payer.document, field="payer.document", length_max=SHORT_MAX) if payer.document else ""
    return Payer(name, document)


def _check_day(day: date | None, terms: Terms, now: datetime) -> None:
    # One day ahead: the rail's calendar may be in a zone east of UTC.
    if day is not None and not now.date() - terms.paid_within <= day <= now.date() + timedelta(days=1):
        raise PaidOnInvalid(paid_on=day.isoformat())


def _natural_key(deposit: Deposit, rail: Rail) -> str:
    fields = {
        "reference": " ".join(deposit.reference.casefold().split()),
        "bank": (deposit.bank or "").casefold(),
        "paid_on": deposit.paid_on.isoformat() if deposit.paid_on else "",
    }
    return canonical_json([fields[name] for name in rail.key_fields]).decode()


def _folded(reference: str) -> str:
    """The reference without case, punctuation and leading zeros: what two people may both have typed."""
    return _NOT_ALPHANUMERIC.sub("", reference.casefold()).lstrip("0") or "0"


def alike_key(draft: Draft) -> tuple[str, str, str, int]:
    amount = draft.deposit.amount
    return draft.deposit.rail, draft.reference_folded, amount.asset.code, amount.units


def judge(
    drafts: Sequence[Draft],
    recorded: Recorded,
    holders: Mapping[UUID, AccountHolder],
    rails: Mapping[str, RailPort],
    terms: Terms,
) -> list[Deposit | Refusal]:
    """In order: a new deposit (credited or for review), the one recorded before, or a refusal.

    The same payment with other content is refused with the names of the fields that differ.
    """
    known = dict(recorded.by_key)
    alike = set(recorded.alike)
    answers: list[Deposit | Refusal] = []
    for each in drafts:
        first = known.get(each.identity)
        holder = holders.get(each.deposit.customer_id)
        if first is not None:
            answers.append(_repeat(first, each.deposit))
        elif holder is None:
            answers.append(CustomerUnknown(customer=str(each.deposit.customer_id)))
        else:
            reason = _doubt(each, holder, rails[each.deposit.rail].facts, terms, alike_key(each) in alike)
            deposit = replace(
                each.deposit,
                status=DepositStatus.CREDITED if reason is None else DepositStatus.REVIEW,
                review_reason=reason,
            )
            known[each.identity] = deposit
            alike.add(alike_key(each))
            answers.append(deposit)
    return answers


def _doubt(draft: Draft, holder: AccountHolder, rail: Rail, terms: Terms, seen_alike: bool) -> ReviewReason | None:
    payer = draft.deposit.payer
    if holder.status is not Status.ACTIVE:
        return ReviewReason.CUSTOMER_BLOCKED
    if seen_alike:
        return ReviewReason.POSSIBLE_DUPLICATE
    if payer is None:
        return ReviewReason.PAYER_MISSING if rail.names_payer and terms.review_missing_payer else None
    return None if names_match(payer.name, holder.name) else ReviewReason.PAYER_MISMATCH


def _repeat(first: Deposit, again: Deposit) -> Deposit | Refusal:
    differing = [name for name, same in _comparison(first, again) if not same]
    if differing:
        return DepositConflict(deposit=str(first.id), differing=differing)
    return first


def _comparison(first: Deposit, again: Deposit) -> list[tuple[str, bool]]:
    return [
        ("customer_id", first.customer_id == again.customer_id),
        ("asset", first.amount.asset == again.amount.asset),
        ("amount", first.amount.units == again.amount.units),
        ("payer", _same_payer(first.payer, again.payer)),
        ("paid_on", first.paid_on == again.paid_on),
        ("bank", (first.bank or "").casefold() == (again.bank or "").casefold()),
    ]


def _same_payer(first: Payer | None, again: Payer | None) -> bool:
    if first is None or again is None:
        return first is again
    return tokens(first.name) == tokens(again.name) and _folded(first.document) == _folded(again.document)


def receipt(deposit: Deposit, rails: Mapping[str, RailPort]) -> Transfer:
    """The transfer of money that has arrived: to the customer, or to suspense while it is under review."""
    asset = deposit.amount.asset
    world = world_account(rails[deposit.rail].facts.channel, asset)
    waits = deposit.status is DepositStatus.REVIEW
    account = house_account(AccountKind.SUSPENSE, asset) if waits else customer_account(deposit.customer_id, asset)
    kind = "deposit_review" if waits else "deposit"
    return Transfer(deposit.transfer_id, kind, (Posting(world, account, deposit.amount),))


def decision(
    request: DepositDecision, deposit: Deposit | None, outcome: DepositStatus, now: datetime
) -> Deposit | Refusal:
    """The deposit as decided. Deciding the same again changes nothing; four eyes look at each."""
    refusal = permission(request.caller, Scope.DEPOSITS_APPROVE, *DECIDERS) or unreadable(request.note)
    if refusal is not None:
        return refusal
    if deposit is None:
        return DepositUnknown(deposit=str(request.deposit_id))
    if request.caller.id in (deposit.recorded_by, deposit.customer_id):
        return FourEyes(deposit=str(deposit.id))
    if deposit.status is not DepositStatus.REVIEW:
        same = deposit.status is outcome and deposit.decided_by is not None
        return deposit if same else DepositDecided(deposit=str(deposit.id), status=deposit.status.value)
    return replace(deposit, status=outcome, decided_by=request.caller.id, decided_at=now)


def settlement(deposit: Deposit, rails: Mapping[str, RailPort], transfer_id: TransferId) -> Transfer:
    """The transfer out of suspense that a decision makes."""
    asset = deposit.amount.asset
    suspense = house_account(AccountKind.SUSPENSE, asset)
    if deposit.status is DepositStatus.CREDITED:
        posting = Posting(suspense, customer_account(deposit.customer_id, asset), deposit.amount)
        return Transfer(transfer_id, "deposit_approval", (posting,))
    world = world_account(rails[deposit.rail].facts.channel, asset)
    return Transfer(transfer_id, "deposit_return", (Posting(suspense, world, deposit.amount),))


def read_note(note: str) -> str:
    return read_text(note, field="note", length_max=NOTE_MAX) if note else ""


def unreadable(note: str) -> Refusal | None:
    """Why the note cannot be kept, or None."""
    try:
        read_note(note)
    except Refusal as refusal:
        return refusal
    return None
