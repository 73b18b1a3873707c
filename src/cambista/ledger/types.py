"""Nouns of the ledger: accounts, postings, transfers, holds, and what may be read of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cambista.kernel.ids import HoldId, TransferId
from cambista.kernel.money import Amount, Asset


class AccountKind(StrEnum):
    """What an account is for. `world` is all that is outside; only it and the house's results have no floor."""

    CUSTOMER = "customer"
    TILL = "till"
    FEES = "fees"
    SPREAD = "spread"
    TAXES = "taxes"
    WORLD = "world"
    VENUE = "venue"
    SUSPENSE = "suspense"


FLOORLESS = frozenset({AccountKind.WORLD, AccountKind.SPREAD, AccountKind.SUSPENSE})


class AccountRef(NamedTuple):
    """Names an account: its kind, its owner (a customer's id, `bank:pse`, or nothing) and its asset's code."""

    kind: str
    owner: str
    asset: str

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.owner}" if self.owner else self.kind


_CUSTOMER = AccountKind.CUSTOMER.value


def customer_account(customer_id: UUID, asset: Asset) -> AccountRef:
    return AccountRef(_CUSTOMER, str(customer_id), asset.code)


@lru_cache(maxsize=256)
def house_account(kind: AccountKind, asset: Asset) -> AccountRef:
    """The till, fees, spread, taxes or suspense account of that asset."""
    return AccountRef(kind.value, "", asset.code)


def world_account(channel: str, asset: Asset) -> AccountRef:
    """The outside, by channel: `bank:{rail}`, `chain:{network}`, `owner` (the house's own capital)."""
    return AccountRef(AccountKind.WORLD.value, channel, asset.code)


class Posting(NamedTuple):
    """Moves `amount` (above zero) from the account `source` to the account `destination`, both of its asset."""

    source: AccountRef
    destination: AccountRef
    amount: Amount


@dataclass(frozen=True, slots=True)
class Draw:
    """Takes `amount` (above zero) off an open hold; the rest stays held. Drawn to nothing, the hold is captured."""

    hold: HoldId
    amount: Amount


@dataclass(frozen=True, slots=True)
class Transfer:
    """Postings that happen together or not at all.

    `id` is the caller's: the same id and content again is the same transfer. `hold` is captured by it: the held money
    pays the postings out of its account, and what is left of it is released. `draws` pay likewise, each with its amount
    only: what the postings leave of that is released, the rest stays held. `effective_at` is when it counts
    (default: when it is booked). `reverses` names the transfer this one undoes.
    """

    id: TransferId
    kind: str
    postings: Sequence[Posting]
    hold: HoldId | None = None
    effective_at: datetime | None = None
    reverses: TransferId | None = None
    draws: Sequence[Draw] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """Sets `amount` of `account` aside until `expires_at`; still owned, no longer available."""

    id: HoldId
    account: AccountRef
    amount: Amount
    expires_at: datetime


class HoldStatus(StrEnum):
    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Posted:
    """A transfer that stands in the books."""

    id: TransferId
    booked_at: datetime
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """One account, read at one moment. `version` is the number of its last posting."""

    account: AccountRef
    posted: Amount
    held: Amount
    version: int
    frozen: bool = False

    @property
    def available(self) -> Amount:
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an owner has money or holds on any account, and when any of it last moved (None: never)."""

    has_money: bool
    moved_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One posting as its account saw it: `change` is signed, `balance` is the account's after it."""

    number: int
    transfer_id: TransferId
    kind: str
    counterparty: str
    change: Amount
    balance: Amount
    booked_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class BookedTransfer:
    """A transfer as it stands in the books."""

    id: TransferId
    kind: str
    booked_at: datetime
    effective_at: datetime
    hold: HoldId | None
    reverses: TransferId | None
    reversed_by: TransferId | None
    postings: Sequence[Posting]
    draws: Sequence[Draw] = ()


@dataclass(frozen=True, slots=True)
class TrialBalanceLine:
    """`total` is the sum of all balances of the asset: zero when the books balance."""

    asset: Asset
    total: int
    accounts: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    as_of: datetime
    items: Sequence[TrialBalanceLine]

    @property
    def balanced(self) -> bool:
        return all(line.total == 0 for line in self.items)


@dataclass(frozen=True, slots=True)
class OwedPage:
    """Some of the customers' accounts: per asset, 24 bytes each, the customer's id and its posted units (signed 64-bit
    integer, big-endian). `last` is where the next page begins; None when there was nothing more."""

    records: Mapping[str, bytes]
    last: int | None


@dataclass(frozen=True, slots=True)
class Total:
    """What all accounts of a kind have of an asset: the house's by owner, customers' as one. Units, of any size."""

    asset: Asset
    kind: str
    owner: str
    units: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Something the books say that their postings do not: which check, about what, expected and found."""

    check: str
    subject: str
    account_id: int | None
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class BookedPosting:
    """A posting as it stands in the books: each side's number and balance after it."""

    transfer_id: TransferId
    ordinal: int
    kind: str
    booked_at: datetime
    source: AccountRef
    destination: AccountRef
    units: int
    source_side: tuple[int, int]
    destination_side: tuple[int, int]

    @property
    def place(self) -> tuple[datetime, UUID, int]:
        """Where it stands in the order of time."""
        return self.booked_at, self.transfer_id, self.ordinal


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` (included) until `until` (not)."""

    since: datetime
    until: datetime
