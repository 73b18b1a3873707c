"""Decisions of the ledger: which transfers and holds stand, in order, and the rows that follow. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cambista.kernel.errors import Refusal
from cambista.kernel.ids import HoldId, TransferId
from cambista.kernel.money import UNITS_MAX, UNITS_MIN
from cambista.ledger.errors import (
    AccountFrozen,
    BalanceOutOfRange,
    HoldClosed,
    HoldConflict,
    HoldTooSmall,
    HoldUnknown,
    InsufficientFunds,
)
from cambista.ledger.types import AccountRef, Draw, Hold, HoldStatus, Posted, Posting, Transfer


@dataclass(slots=True)
class AccountState:
    """A locked account, as decisions change it. `floor` None = may go below zero without bound."""

    id: int
    posted: int
    held: int
    floor: int | None
    frozen: bool
    number: int
    booked_at: datetime

    @property
    def available(self) -> int:
        return self.posted - self.held


@dataclass(slots=True)
class HoldState:
    """A hold of a locked account; `units` is what it holds now, `drawn` what it gave before."""

    id: UUID
    account_id: int
    units: int
    expires_at: datetime
    status: str
    drawn: int = 0
    captured: int = 0

    @property
    def placed(self) -> int:
        return self.units + self.drawn


_OPEN, _CAPTURED = HoldStatus.OPEN.value, HoldStatus.CAPTURED.value
PostingRow = tuple[UUID, int, int, int, int, int, int, int, int, datetime, datetime]
TransferRow = tuple[UUID, str, datetime, datetime, UUID | None, UUID | None]
DrawRow = tuple[UUID, UUID, int, datetime]


@dataclass(slots=True)
class Books:
    """The locked part of the ledger: decisions read and change it, the store writes it back.

    `now` is the time of booking, which never falls in an account; `asked_at` is the clock's, by which holds expire.
    """

    accounts: Mapping[AccountRef, AccountState]
    holds: dict[UUID, HoldState]
    now: datetime
    asked_at: datetime
    touched: set[int] = field(default_factory=set)
    closed_holds: dict[UUID, HoldState] = field(default_factory=dict)
    new_holds: dict[UUID, HoldState] = field(default_factory=dict)
    by_id: Mapping[int, AccountState] = field(default_factory=dict)
    drawn_holds: dict[UUID, HoldState] = field(default_factory=dict)
    draws: list[DrawRow] = field(default_factory=list)
    transfers: list[TransferRow] = field(default_factory=list)
    postings: list[PostingRow] = field(default_factory=list)


def booking_time(accounts: Iterable[AccountState], now: datetime) -> datetime:
    """The moment of booking: now, or later where the clock went back, so that an account's booked times never fall."""
    return max((account.booked_at for account in accounts if account.booked_at > now), default=now)


def refs_of(transfers: Sequence[Transfer]) -> set[AccountRef]:
    refs: set[AccountRef] = set()
    for transfer in transfers:
        for posting in transfer.postings:
            assert posting.amount.units > 0, "a posting moves more than zero"
            assert posting.source != posting.destination, "a posting joins two accounts"
            assert posting.source.asset == posting.destination.asset == posting.amount.asset.code
            refs.add(posting.source)
            refs.add(posting.destination)
        assert transfer.hold is None or not transfer.draws, "a hold is captured or drawn on"
        assert len({draw.hold for draw in transfer.draws}) == len(transfer.draws), "one draw a hold"
        assert all(draw.amount.units > 0 for draw in transfer.draws), "a draw takes more than zero"
    return refs


def holds_of(transfer: Transfer) -> list[HoldId]:
    """The holds a transfer captures or draws on."""
    return [*([] if transfer.hold is None else [transfer.hold]), *(draw.hold for draw in transfer.draws)]


def post(books: Books, transfers: Sequence[Transfer]) -> list[Posted | Refusal]:
    """Decide each transfer in order. A refused one leaves the books exactly as they were."""
    return [_post_one(books, transfer) for transfer in transfers]


def _post_one(books: Books, transfer: Transfer) -> Posted | Refusal:
    accounts = [(books.accounts[p.source], books.accounts[p.destination], p.amount.units) for p in transfer.postings]
    refusal = _hold_refusal(books, transfer) or _refusal(books, transfer, accounts)
    if refusal is not None:
        return refusal
    if transfer.hold is not None:
        _capture(books, books.holds[transfer.hold], accounts)
    for draw in transfer.draws:
        _draw(books, transfer.id, draw)
    effective = transfer.effective_at or books.now
    books.transfers.append((transfer.id, transfer.kind, books.now, effective, transfer.hold, transfer.reverses))
    for ordinal, leg in enumerate(accounts):
        _move(books, transfer.id, ordinal, leg, effective)
    return Posted(transfer.id, books.now)


Leg = tuple[AccountState, AccountState, int]


def _hold_refusal(books: Books, transfer: Transfer) -> Refusal | None:
    for id in holds_of(transfer):
        hold = books.holds.get(id)
        if hold is None:
            return HoldUnknown(hold=str(id))
        if hold.status != _OPEN or hold.expires_at <= books.asked_at:
            return HoldClosed(hold=str(id), status=hold.status)
    for draw in transfer.draws:
        held = books.holds[draw.hold].units
        if draw.amount.units > held:
            return HoldTooSmall(held=str(held), needed=draw.amount.text)
    return None


def _freed(books: Books, transfer: Transfer) -> dict[int, int]:
    """By account, what its holds give up for the postings."""
    freed: dict[int, int] = {}
    if transfer.hold is not None:
        hold = books.holds[transfer.hold]
        freed[hold.account_id] = hold.units
    for draw in transfer.draws:
        account = books.holds[draw.hold].account_id
        freed[account] = freed.get(account, 0) + draw.amount.units
    return freed


def _refusal(books: Books, transfer: Transfer, legs: Sequence[Leg]) -> Refusal | None:
    freed_by_account = _freed(books, transfer)
    change: dict[int, int] = {}
    paid_from: dict[int, AccountState] = {}
    for source, destination, units in legs:
        if source.frozen or destination.frozen:
            return AccountFrozen()
        change[source.id] = change.get(source.id, 0) - units
        change[destination.id] = change.get(destination.id, 0) + units
        paid_from[source.id] = source
        if not UNITS_MIN <= destination.posted + change[destination.id] <= UNITS_MAX:
            return BalanceOutOfRange()
    for account in paid_from.values():
        freed = freed_by_account.get(account.id, 0)
        if freed and -change[account.id] > freed:
            return HoldTooSmall(held=str(freed), needed=str(-change[account.id]))
        available = account.available + freed + change[account.id]
        if account.floor is not None and change[account.id] < 0 and available < account.floor:
            return _insufficient(transfer.postings, books, account)
        if account.posted + change[account.id] < UNITS_MIN:
            return BalanceOutOfRange()
    return None


def _insufficient(postings: Sequence[Posting], books: Books, account: AccountState) -> InsufficientFunds:
    """Says which asset is short; not by how much, since the account may be another's."""
    ref = next(p.source for p in postings if books.accounts[p.source] is account)
    return InsufficientFunds(asset=ref.asset, account=ref.kind)


def _capture(books: Books, hold: HoldState, legs: Sequence[Leg]) -> None:
    account = next(source for source, _, _ in legs if source.id == hold.account_id)
    account.held -= hold.units
    hold.captured = sum(units for source, _, units in legs if source.id == hold.account_id)
    hold.status = _CAPTURED
    books.closed_holds[hold.id] = hold


def _draw(books: Books, transfer_id: TransferId, draw: Draw) -> None:
    hold, units = books.holds[draw.hold], draw.amount.units
    books.by_id[hold.account_id].held -= units
    books.touched.add(hold.account_id)
    hold.units -= units
    hold.drawn += units
    if not hold.units:
        hold.status = _CAPTURED
    books.drawn_holds[hold.id] = hold
    books.draws.append((transfer_id, hold.id, units, books.now))


def _move(books: Books, transfer_id: TransferId, ordinal: int, leg: Leg, effective: datetime) -> None:
    source, destination, units = leg
    source.posted -= units
    source.number += 1
    destination.posted += units
    destination.number += 1
    books.touched.add(source.id)
    books.touched.add(destination.id)
    books.postings.append(
        (
            transfer_id, ordinal, units, source.id, source.number, source.posted,
            destination.id, destination.number, destination.posted, books.now, effective,
        )
    )  # fmt: skip


def place_holds(books: Books, holds: Sequence[Hold]) -> list[Hold | Refusal]:
    """Set money aside, in order; the same hold again is the same hold."""
    return [_place_one(books, hold) for hold in holds]


def _place_one(books: Books, hold: Hold) -> Hold | Refusal:
    account = books.accounts[hold.account]
    known = books.holds.get(hold.id)
    if known is not None:
        same = (known.account_id, known.placed, known.expires_at) == (account.id, hold.amount.units, hold.expires_at)
        return hold if same else HoldConflict(hold=str(hold.id))
    assert hold.amount.units > 0
    if account.frozen:
        return AccountFrozen()
    if account.floor is not None and account.available - hold.amount.units < account.floor:
        return InsufficientFunds(asset=hold.account.asset, account=hold.account.kind)
    account.held += hold.amount.units
    books.touched.add(account.id)
    state = HoldState(hold.id, account.id, hold.amount.units, hold.expires_at, _OPEN)
    books.holds[hold.id] = books.new_holds[hold.id] = state
    return hold


def close_holds(
    books: Books, hold_ids: Sequence[HoldId], by_id: Mapping[int, AccountState], status: HoldStatus
) -> list[HoldId | Refusal]:
    """Give held money back, by its owner's wish or because it expired. A released hold again is the same release."""
    verdicts: list[HoldId | Refusal] = []
    for hold_id in hold_ids:
        hold = books.holds.get(hold_id)
        if hold is None:
            verdicts.append(HoldUnknown(hold=str(hold_id)))
        elif hold.status != HoldStatus.OPEN:
            gone = hold.status in (HoldStatus.RELEASED, HoldStatus.EXPIRED)
            verdicts.append(hold_id if gone else HoldClosed(hold=str(hold_id), status=hold.status))
        else:
            by_id[hold.account_id].held -= hold.units
            books.touched.add(hold.account_id)
            hold.status = status.value
            books.closed_holds[hold.id] = hold
            verdicts.append(hold_id)
    return verdicts


def reversal(original: Transfer, new_id: TransferId) -> Transfer:
    """The transfer that undoes `original`: every posting the other way round."""
    backwards = [Posting(p.destination, p.source, p.amount) for p in reversed(original.postings)]
    return Transfer(new_id, "reversal", backwards, reverses=original.id)


def same_content(stored: Transfer, asked: Transfer) -> bool:
    """Whether a repeated id asks for what stands in the books."""
    return (
        stored.kind == asked.kind
        and list(stored.postings) == list(asked.postings)
        and stored.hold == asked.hold
        and stored.reverses == asked.reverses
        and sorted(stored.draws, key=_by_hold) == sorted(asked.draws, key=_by_hold)
        and (asked.effective_at is None or asked.effective_at == stored.effective_at)
    )


def _by_hold(draw: Draw) -> HoldId:
    return draw.hold
