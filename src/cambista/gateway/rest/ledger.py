"""The books, for those who look after them: transfers and the trial balance."""

from decimal import Decimal
from typing import Any

import msgspec
from fastapi import Response

from cambista.gateway.rest import words
from cambista.gateway.rest.routing import Entered, reply, rest_router, speaks
from cambista.gateway.rest.words import AmountText, AsOfQuery, AssetCode, IdPath, IdText, TimeText
from cambista.kernel.ids import IdInvalid, TransferId, parse_id
from cambista.kernel.time import TimeInvalid, parse_time, wire_time
from cambista.ledger import BookedTransfer, TransferUnknown, TrialBalance, TrialBalanceLine

router = rest_router("ledger")


class PostingOut(msgspec.Struct):
    """One movement from one account to another."""

    source: str
    destination: str
    asset: AssetCode
    amount: AmountText


class TransferOut(msgspec.Struct):
    """Postings that happened together. `reverses` names the transfer it undid, `reversed_by` the one that undid it."""

    id: IdText
    kind: str
    booked_at: TimeText
    effective_at: TimeText
    hold_id: IdText | None
    reverses: IdText | None
    reversed_by: IdText | None
    postings: list[PostingOut]


class TrialBalanceLineOut(msgspec.Struct):
    """The sum of all balances of an asset, and of how many accounts."""

    asset: AssetCode
    total: AmountText
    accounts: int


class TrialBalanceOut(msgspec.Struct):
    """`total` is zero for each asset when the books are `balanced`."""

    as_of: TimeText
    balanced: bool
    items: list[TrialBalanceLineOut]


def show_transfer(transfer: BookedTransfer) -> TransferOut:
    return TransferOut(
        str(transfer.id),
        transfer.kind,
        wire_time(transfer.booked_at),
        wire_time(transfer.effective_at),
        _id(transfer.hold),
        _id(transfer.reverses),
        _id(transfer.reversed_by),
        [
            PostingOut(each.source.name, each.destination.name, each.amount.asset.code, each.amount.text)
            for each in transfer.postings
        ],
    )


def _id(id: object | None) -> str | None:
    return None if id is None else str(id)


def show_trial_balance(trial: TrialBalance) -> TrialBalanceOut:
    return TrialBalanceOut(wire_time(trial.as_of), trial.balanced, [_line(line) for line in trial.items])


def _line(line: TrialBalanceLine) -> TrialBalanceLineOut:
    # A total may be larger than an amount: it is a sum over all accounts.
    return TrialBalanceLineOut(line.asset.code, f"{Decimal(line.total).scaleb(-line.asset.scale):f}", line.accounts)


_TRANSFER: dict[str, Any] = {
    "id": words.TRADE, "kind": "trade", "booked_at": words.MOMENT, "effective_at": words.MOMENT,
    "hold_id": words.QUOTE, "reverses": None, "reversed_by": None,
    "postings": [
        {"source": f"customer:{words.CUSTOMER}", "destination": "till", "asset": "COP", "amount": "401235.00"},
        {"source": "till", "destination": f"customer:{words.CUSTOMER}", "asset": "USDT", "amount": "100.000000"},
    ],
}  # fmt: skip
_TRIAL = {
    "as_of": words.MOMENT, "balanced": True, "items": [{"asset": "COP", "total": "0.00", "accounts": 12}],
}  # fmt: skip


@router.get("/ledger/transfers/{id}", **speaks(TransferOut, _TRANSFER, refuses=(TransferUnknown, IdInvalid)))
async def get_transfer(id: IdPath, passage: Entered) -> Response:
    """A transfer as it stands in the books."""
    return reply(show_transfer(await passage.doors.ledger.transfer(TransferId(parse_id(id)))))


@router.get("/ledger/trial-balance", **speaks(TrialBalanceOut, _TRIAL, refuses=(TimeInvalid,)))
async def get_trial_balance(passage: Entered, as_of: AsOfQuery = None) -> Response:
    """Per asset the sum of all balances, now or as of a moment."""
    moment = None if as_of is None else parse_time(as_of)
    return reply(show_trial_balance(await passage.doors.ledger.trial_balance(moment)))
