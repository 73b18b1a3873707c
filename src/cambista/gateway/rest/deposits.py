"""Deposits: money that has arrived."""

from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response

from cambista.funding import (
    Deposit,
    DepositConflict,
    DepositDecided,
    DepositDecision,
    DepositRequest,
    DepositStatus,
    DepositUnknown,
    PaidOnInvalid,
    Payer,
    RailAssetMismatch,
    RailUnknown,
    ReviewReason,
)
from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.deciding import OF_AMOUNTS, Decision, customer_asked, read_amount, says_decided
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, text_from
from cambista.gateway.rest.reading import reply_read
from cambista.gateway.rest.routing import Entered, Settling, body_of, rest_router, speaks
from cambista.gateway.rest.words import AmountText, AssetCode, Cursor, ExactIn, IdPath, IdText, OwnerQuery, TimeText
from cambista.identity import CustomerUnknown, TextInvalid
from cambista.kernel.ids import DepositId, IdInvalid, parse_id
from cambista.kernel.time import wire_time
from cambista.ledger import AccountFrozen

router = rest_router("funding")


class PayerBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who paid, as the rail says."""

    name: str
    document: str = ""


class DepositBody(msgspec.Struct, forbid_unknown_fields=True):
    """Money that has arrived; `reference` is the rail's own, `bank` the payer's bank, `paid_on` the rail's date."""

    customer_id: IdText
    asset: AssetCode
    amount: ExactIn
    rail: str
    reference: str
    payer: PayerBody | None = None
    paid_on: date | None = None
    bank: str | None = None


class PayerOut(msgspec.Struct):
    """Who paid."""

    name: str
    document: str


class DepositOut(msgspec.Struct):
    """Money in: `credited` to the customer, waiting in `review`, or `rejected` and sent back."""

    id: IdText
    customer_id: IdText
    asset: AssetCode
    amount: AmountText
    rail: str
    reference: str
    status: DepositStatus
    review_reason: ReviewReason | None
    payer: PayerOut | None
    paid_on: str | None
    bank: str | None
    transfer_id: IdText
    recorded_at: TimeText
    decided_at: TimeText | None


class DepositPage(msgspec.Struct):
    """Deposits, newest first."""

    items: list[DepositOut]
    next_cursor: Cursor


def show_deposit(deposit: Deposit) -> DepositOut:
    payer = deposit.payer
    return DepositOut(
        str(deposit.id),
        str(deposit.customer_id),
        deposit.amount.asset.code,
        deposit.amount.text,
        deposit.rail,
        deposit.reference,
        deposit.status,
        deposit.review_reason,
        None if payer is None else PayerOut(payer.name, payer.document),
        None if deposit.paid_on is None else deposit.paid_on.isoformat(),
        deposit.bank,
        str(deposit.transfer_id),
        wire_time(deposit.recorded_at),
        None if deposit.decided_at is None else wire_time(deposit.decided_at),
    )


_DEPOSIT: dict[str, Any] = {
    "id": words.DEPOSIT, "customer_id": words.CUSTOMER, "asset": "COP", "amount": "1000000.00", "rail": "pse",
    "reference": "PSE-20261124-0001", "status": "credited", "review_reason": None,
    "payer": {"name": "María Pérez Gómez", "document": "CC 52000000"}, "paid_on": None, "bank": None,
    "transfer_id": words.TRADE, "recorded_at": words.MOMENT, "decided_at": None,
}  # fmt: skip
_NEW_DEPOSIT = {
    "customer_id": words.CUSTOMER, "asset": "COP", "amount": "1000000", "rail": "pse",
    "reference": "PSE-20261124-0001", "payer": {"name": "María Pérez Gómez", "document": "CC 52000000"},
}  # fmt: skip
_DEPOSITED = Settling(show_deposit, 201, personal=True)
_DEPOSIT_DECIDED = Settling(show_deposit, personal=True)


@router.post(
    "/deposits",
    **speaks(
        DepositOut,
        _DEPOSIT,
        status=201,
        body=DepositBody,
        says={"pse": _NEW_DEPOSIT},
        key=True,
        refuses=(
            *OF_AMOUNTS, AccountFrozen, CustomerUnknown, DepositConflict, IdInvalid, PaidOnInvalid, RailAssetMismatch,
            RailUnknown, TextInvalid,
        ),
    ),
)  # fmt: skip
async def record_deposit(passage: Entered, body: Annotated[DepositBody, Depends(body_of(DepositBody))]) -> Response:
    """Record money that has arrived. The same payment again gives the first deposit; a doubtful one goes to review."""
    request = DepositRequest(
        passage.caller,
        parse_id(body.customer_id),
        read_amount(body.amount, body.asset),
        body.rail,
        body.reference,
        None if body.payer is None else Payer(body.payer.name, body.payer.document),
        body.paid_on,
        body.bank,
    )
    return await _DEPOSITED.settle(passage, passage.doors.funding.record_deposits, request, body)


_LISTING = (CursorInvalid, CustomerUnknown, IdInvalid)


@router.get(
    "/deposits",
    **speaks(
        DepositPage, {"items": [_DEPOSIT], "next_cursor": None}, refuses=(CursorInvalid, CustomerUnknown, IdInvalid)
    ),
)
async def list_deposits(
    passage: Entered,
    customer_id: OwnerQuery = None,
    status: DepositStatus | None = None,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """Deposits, newest first: the caller's own, or everybody's for staff."""
    page = await passage.doors.funding.list_deposits(
        passage.caller,
        customer_id=customer_asked(passage, customer_id),
        status=status,
        limit=limit,
        cursor=text_from("deposits", cursor),
    )
    shown = [show_deposit(each) for each in page.items]
    answer = DepositPage(shown, cursor_to("deposits", page.next_cursor))
    return await reply_read(passage, "deposit.list", "deposits", answer, (each.id for each in shown))


@router.get("/deposits/{id}", **speaks(DepositOut, _DEPOSIT, refuses=(DepositUnknown, IdInvalid)))
async def get_deposit(id: IdPath, passage: Entered) -> Response:
    """A deposit; another's is not found."""
    found = show_deposit(await passage.doors.funding.find_deposit(passage.caller, DepositId(parse_id(id))))
    return await reply_read(passage, "deposit.read", f"deposit:{found.id}", found)


@router.post("/deposits/{id}/approve", **says_decided(DepositOut, _DEPOSIT, DepositUnknown, DepositDecided))
async def approve_deposit(id: IdPath, passage: Entered, body: Decision) -> Response:
    """Credit a deposit under review; not for whoever recorded it."""
    decision = DepositDecision(passage.caller, DepositId(parse_id(id)), body.note)
    return await _DEPOSIT_DECIDED.settle(passage, passage.doors.funding.approve_deposits, decision, id, body)


@router.post("/deposits/{id}/reject", **says_decided(DepositOut, _DEPOSIT, DepositUnknown, DepositDecided))
async def reject_deposit(id: IdPath, passage: Entered, body: Decision) -> Response:
    """Send a deposit under review back where it came from."""
    decision = DepositDecision(passage.caller, DepositId(parse_id(id)), body.note)
    return await _DEPOSIT_DECIDED.settle(passage, passage.doors.funding.reject_deposits, decision, id, body)
