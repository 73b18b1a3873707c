"""Withdrawals: money going out, with four eyes."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response

from cambista.funding import (
    AssetNotWithdrawable,
    CustomerBlocked,
    Destination,
    DestinationInvalid,
    HolderMismatch,
    RailAssetMismatch,
    RailUnknown,
    Withdrawal,
    WithdrawalDecided,
    WithdrawalDecision,
    WithdrawalExpired,
    WithdrawalLimit,
    WithdrawalRequest,
    WithdrawalStatus,
    WithdrawalTooLarge,
    WithdrawalTooSmall,
    WithdrawalUnknown,
)
from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.deciding import OF_AMOUNTS, Decision, customer_asked, read_amount, says_decided
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, text_from
from cambista.gateway.rest.reading import reply_read
from cambista.gateway.rest.routing import Entered, Settling, body_of, rest_router, speaks
from cambista.gateway.rest.words import AmountText, AssetCode, Cursor, ExactIn, IdPath, IdText, OwnerQuery, TimeText
from cambista.identity import CustomerUnknown, TextInvalid
from cambista.kernel.ids import IdInvalid, WithdrawalId, parse_id
from cambista.kernel.time import wire_time
from cambista.ledger import AccountFrozen, InsufficientFunds

router = rest_router("funding")


class DestinationBody(msgspec.Struct, forbid_unknown_fields=True):
    """Where the money goes; the account is held in the customer's own name."""

    rail: str
    account: str
    holder: str


class WithdrawalBody(msgspec.Struct, forbid_unknown_fields=True):
    """Money the caller wants paid out."""

    asset: AssetCode
    amount: ExactIn
    destination: DestinationBody


class WithdrawalOut(msgspec.Struct):
    """Money out: held while `requested`; `sent` has left the books, `rejected` and `expired` were released."""

    id: IdText
    customer_id: IdText
    asset: AssetCode
    amount: AmountText
    destination: DestinationBody
    status: WithdrawalStatus
    approvals_needed: int
    approvals: int
    requested_at: TimeText
    expires_at: TimeText
    decided_at: TimeText | None
    transfer_id: IdText | None


class WithdrawalPage(msgspec.Struct):
    """Withdrawals, newest first."""

    items: list[WithdrawalOut]
    next_cursor: Cursor


def show_withdrawal(found: Withdrawal) -> WithdrawalOut:
    to = found.destination
    return WithdrawalOut(
        str(found.id),
        str(found.customer_id),
        found.amount.asset.code,
        found.amount.text,
        DestinationBody(to.rail, to.account, to.holder),
        found.status,
        found.approvals_needed,
        len(found.approvals),
        wire_time(found.requested_at),
        wire_time(found.expires_at),
        None if found.decided_at is None else wire_time(found.decided_at),
        None if found.transfer_id is None else str(found.transfer_id),
    )


_WITHDRAWAL: dict[str, Any] = {
    "id": words.WITHDRAWAL, "customer_id": words.CUSTOMER, "asset": "COP", "amount": "50000.00",
    "destination": {"rail": "pse", "account": "123456789", "holder": "María Pérez Gómez"}, "status": "requested",
    "approvals_needed": 1, "approvals": 0, "requested_at": words.MOMENT, "expires_at": "2026-12-01T19:00:00.000000Z",
    "decided_at": None, "transfer_id": None,
}  # fmt: skip
_NEW_WITHDRAWAL = {
    "asset": "COP", "amount": "50000",
    "destination": {"rail": "pse", "account": "123456789", "holder": "María Pérez Gómez"},
}  # fmt: skip
_WITHDRAWAL_ASKED = Settling(show_withdrawal, 202, personal=True)
_WITHDRAWAL_DECIDED = Settling(show_withdrawal, personal=True)


@router.post(
    "/withdrawals",
    **speaks(
        WithdrawalOut,
        _WITHDRAWAL,
        status=202,
        body=WithdrawalBody,
        says={"pse": _NEW_WITHDRAWAL},
        key=True,
        refuses=(
            *OF_AMOUNTS, AccountFrozen, AssetNotWithdrawable, CustomerBlocked, CustomerUnknown, DestinationInvalid,
            HolderMismatch, InsufficientFunds, RailAssetMismatch, RailUnknown, TextInvalid, WithdrawalLimit,
            WithdrawalTooLarge, WithdrawalTooSmall,
        ),
    ),
)  # fmt: skip
async def request_withdrawal(
    passage: Entered, body: Annotated[WithdrawalBody, Depends(body_of(WithdrawalBody))]
) -> Response:
    """Ask for a payout; the money is held until it is approved, rejected or expired."""
    to = body.destination
    request = WithdrawalRequest(
        passage.caller,
        passage.caller.id,
        read_amount(body.amount, body.asset),
        Destination(to.rail, to.account, to.holder),
    )
    return await _WITHDRAWAL_ASKED.settle(passage, passage.doors.funding.request_withdrawals, request, body)


_LISTING = (CursorInvalid, CustomerUnknown, IdInvalid)


@router.get(
    "/withdrawals",
    **speaks(
        WithdrawalPage,
        {"items": [_WITHDRAWAL], "next_cursor": None},
        refuses=(CursorInvalid, CustomerUnknown, IdInvalid),
    ),
)
async def list_withdrawals(
    passage: Entered,
    customer_id: OwnerQuery = None,
    status: WithdrawalStatus | None = None,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """Withdrawals, newest first: the caller's own, or everybody's for staff."""
    page = await passage.doors.funding.list_withdrawals(
        passage.caller,
        customer_id=customer_asked(passage, customer_id),
        status=status,
        limit=limit,
        cursor=text_from("withdrawals", cursor),
    )
    items = [show_withdrawal(each) for each in page.items]
    answer = WithdrawalPage(items, cursor_to("withdrawals", page.next_cursor))
    return await reply_read(passage, "withdrawal.list", "withdrawals", answer, (each.id for each in items))


@router.get("/withdrawals/{id}", **speaks(WithdrawalOut, _WITHDRAWAL, refuses=(WithdrawalUnknown, IdInvalid)))
async def get_withdrawal(id: IdPath, passage: Entered) -> Response:
    """A withdrawal; another's is not found."""
    found = await passage.doors.funding.find_withdrawal(passage.caller, WithdrawalId(parse_id(id)))
    return await reply_read(passage, "withdrawal.read", f"withdrawal:{found.id}", show_withdrawal(found))


_DECIDING = (WithdrawalUnknown, WithdrawalDecided, WithdrawalExpired)
_SENT = {**_WITHDRAWAL, "status": "sent", "approvals": 1, "decided_at": words.LATER, "transfer_id": words.TRADE}


@router.post("/withdrawals/{id}/approve", **says_decided(WithdrawalOut, _SENT, *_DECIDING))
async def approve_withdrawal(id: IdPath, passage: Entered, body: Decision) -> Response:
    """Let the money go; not for whoever asked. Above a limit two approve, and the first leaves it `requested`."""
    decision = WithdrawalDecision(passage.caller, WithdrawalId(parse_id(id)), body.note)
    return await _WITHDRAWAL_DECIDED.settle(passage, passage.doors.funding.approve_withdrawals, decision, id, body)


@router.post("/withdrawals/{id}/reject", **says_decided(WithdrawalOut, _WITHDRAWAL, *_DECIDING))
async def reject_withdrawal(id: IdPath, passage: Entered, body: Decision) -> Response:
    """Release the held money."""
    decision = WithdrawalDecision(passage.caller, WithdrawalId(parse_id(id)), body.note)
    return await _WITHDRAWAL_DECIDED.settle(passage, passage.doors.funding.reject_withdrawals, decision, id, body)
