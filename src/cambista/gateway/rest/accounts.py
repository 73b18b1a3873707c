"""What somebody owns: balances now and as of a moment, and statements, as JSON and as a file."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from cambista.gateway.errors import CursorInvalid
from cambista.gateway.passage import Passage
from cambista.gateway.rest import words
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, number_from
from cambista.gateway.rest.reading import reply_read
from cambista.gateway.rest.routing import Entered, owner_of, reply, rest_router, speaks
from cambista.gateway.rest.words import AmountText, AsOfQuery, AssetCode, AssetPath, Cursor, IdPath, IdText, TimeText
from cambista.gateway.settings import GatewaySettings
from cambista.identity import CustomerUnknown
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.kernel.registry import AssetUnknown, asset
from cambista.kernel.time import TimeInvalid, parse_time, wire_time
from cambista.ledger import AccountKind, AccountRef, Balance, StatementLine, customer_account

router = rest_router("accounts")
FILE_PAGE = 1000
FILE_COLUMNS = (
    "number", "booked_at", "effective_at", "kind", "transfer_id", "counterparty", "asset", "change", "balance",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Basis = Annotated[Literal["booked", "effective"], Query(description="Which time `as_of` means.")]


class AccountOut(msgspec.Struct):
    """One account, read at one moment: `available` = `posted` - `held`; `version` is the number of its last posting."""

    asset: AssetCode
    posted: AmountText
    held: AmountText
    available: AmountText
    version: int
    frozen: bool


class AccountList(msgspec.Struct):
    """All accounts of one owner; `as_of` when a past moment was asked for."""

    items: list[AccountOut]
    as_of: TimeText | None


class StatementLineOut(msgspec.Struct):
    """One posting: `change` is signed, `balance` is the account's after it."""

    number: int
    transfer_id: IdText
    kind: str
    counterparty: str
    change: AmountText
    balance: AmountText
    booked_at: TimeText
    effective_at: TimeText


class Statement(msgspec.Struct):
    """Postings of one account, newest first."""

    asset: AssetCode
    items: list[StatementLineOut]
    next_cursor: Cursor


def show_balance(balance: Balance) -> AccountOut:
    return AccountOut(
        balance.account.asset,
        balance.posted.text,
        balance.held.text,
        balance.available.text,
        balance.version,
        balance.frozen,
    )


def show_line(line: StatementLine) -> StatementLineOut:
    return StatementLineOut(
        line.number,
        str(line.transfer_id),
        line.kind,
        line.counterparty,
        line.change.text,
        line.balance.text,
        wire_time(line.booked_at),
        wire_time(line.effective_at),
    )


_ACCOUNT = {
    "asset": "USDT", "posted": "250.000000", "held": "50.000000", "available": "200.000000", "version": 7,
    "frozen": False,
}  # fmt: skip
_ACCOUNTS = {"items": [_ACCOUNT], "as_of": None}


@router.get("/accounts", **speaks(AccountList, _ACCOUNTS, refuses=(TimeInvalid,)))
async def list_accounts(passage: Entered, as_of: AsOfQuery = None, basis: Basis = "booked") -> Response:
    """What the caller owns, now or as of a moment."""
    return reply(await _accounts(passage, passage.caller.id, as_of, basis))


@router.get(
    "/customers/{id}/accounts", **speaks(AccountList, _ACCOUNTS, refuses=(CustomerUnknown, TimeInvalid, IdInvalid))
)
async def list_customer_accounts(
    id: IdPath, passage: Entered, as_of: AsOfQuery = None, basis: Basis = "booked"
) -> Response:
    """What a customer or partner owns, for staff."""
    owner = parse_id(id)
    async with passage.doors.runtime.db.read() as reader:
        if not await passage.doors.identity.find_holders(reader, [owner]):
            raise CustomerUnknown(customer=str(owner))
    answer = await _accounts(passage, owner, as_of, basis)
    return await reply_read(passage, "accounts.read", f"customer:{owner}", answer)


async def _accounts(passage: Passage, owner: UUID, as_of: str | None, basis: str) -> AccountList:
    moment = None if as_of is None else parse_time(as_of)
    ledger, seen_by = passage.doors.ledger, owner_of(passage)
    balances: Sequence[Balance | None] = await ledger.balances_of(
        AccountKind.CUSTOMER, owner=str(owner), seen_by=seen_by
    )
    if moment is not None:
        past = [each.account for each in balances if each is not None]
        effective = basis == "effective"
        balances = [await ledger.balance_as_of(ref, moment, effective=effective, seen_by=seen_by) for ref in past]
    items = [show_balance(each) for each in balances if each is not None]
    return AccountList(items, None if moment is None else wire_time(moment))


_LINE: dict[str, Any] = {
    "number": 7, "transfer_id": words.TRADE, "kind": "trade", "counterparty": "till", "change": "100.000000",
    "balance": "250.000000", "booked_at": words.MOMENT, "effective_at": words.MOMENT,
}  # fmt: skip
_TOLD = speaks(
    Statement, {"asset": "USDT", "items": [_LINE], "next_cursor": None}, refuses=(AssetUnknown, CursorInvalid)
)
_TOLD["responses"][200]["content"]["text/csv"] = {
    "schema": {"type": "string"},
    "example": ",".join(FILE_COLUMNS) + "\r\n",
}


@router.get("/accounts/{asset}/statement", **_TOLD)
async def get_statement(
    request: Request,
    passage: Entered,
    code: AssetPath,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """Postings with the balance after each, newest first; with `Accept: text/csv` the whole statement as a file."""
    ref = customer_account(passage.caller.id, asset(code))
    before = number_from("statement", cursor)
    if b"text/csv" in passage.headers.get(b"accept", b""):
        settings: GatewaySettings = request.app.state.settings
        return await _file(passage, ref, before, settings.statement_lines_max)
    lines = await _lines(passage, ref, before, limit)
    last = lines[-1].number if len(lines) == limit and lines[-1].number > 1 else None
    return reply(Statement(ref.asset, [show_line(line) for line in lines], cursor_to("statement", last)))


async def _file(passage: Passage, ref: AccountRef, before: int | None, lines_max: int) -> Response:
    # The first page is read before the answer starts, so that a refusal is still a refusal.
    first = await _lines(passage, ref, before, FILE_PAGE)
    headers = {"content-disposition": f'attachment; filename="statement-{ref.asset}.csv"'}
    return StreamingResponse(_pages(passage, ref, first, lines_max), media_type="text/csv", headers=headers)


async def _pages(passage: Passage, ref: AccountRef, lines: list[StatementLine], lines_max: int) -> AsyncIterator[bytes]:
    yield _rows([FILE_COLUMNS])
    written = 0
    while lines and written < lines_max:
        lines = lines[: lines_max - written]
        yield _rows([_row(line, ref.asset) for line in lines])
        written += len(lines)
        if len(lines) < FILE_PAGE:
            return
        lines = await _lines(passage, ref, lines[-1].number, FILE_PAGE)


async def _lines(passage: Passage, ref: AccountRef, before: int | None, limit: int) -> list[StatementLine]:
    return await passage.doors.ledger.statement(ref, before=before, limit=limit, seen_by=owner_of(passage))


def _row(line: StatementLine, code: str) -> tuple[str, ...]:
    shown = show_line(line)
    return (
        str(shown.number),
        shown.booked_at,
        shown.effective_at,
        harmless(shown.kind),
        shown.transfer_id,
        harmless(shown.counterparty),
        code,
        shown.change,
        shown.balance,
    )


def harmless(text: str) -> str:
    """A text no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    page = io.StringIO()
    csv.writer(page).writerows(rows)
    return page.getvalue().encode()
