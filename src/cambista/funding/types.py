"""Nouns of funding: money coming in from a rail, money going out to one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from cambista.kernel.callers import Caller
from cambista.kernel.ids import DepositId, HoldId, TransferId, WithdrawalId
from cambista.kernel.money import Amount, Asset


@dataclass(frozen=True, slots=True)
class Rail:
    """A way money travels: what it carries, whether it says who pays, and what makes one payment on it unique.

    `key_fields` name the parts of a deposit that no two payments on the rail share; where references repeat across
    banks, the bank and the day belong to them. `chain` = its world account is `chain:{name}`, else `bank:{name}`.
    """

    name: str
    assets: frozenset[str]
    names_payer: bool
    key_fields: tuple[str, ...] = ("reference",)
    chain: bool = False

    @property
    def channel(self) -> str:
        return f"{'chain' if self.chain else 'bank'}:{self.name}"


@dataclass(frozen=True, slots=True)
class Payer:
    """Who paid, as the rail says."""

    name: str
    document: str = ""


@dataclass(frozen=True, slots=True)
class DepositRequest:
    """Money that has arrived: `reference` is the rail's own, `bank` the payer's bank, `paid_on` the rail's date."""

    caller: Caller
    customer_id: UUID
    amount: Amount
    rail: str
    reference: str
    payer: Payer | None = None
    paid_on: date | None = None
    bank: str | None = None


class DepositStatus(StrEnum):
    CREDITED = "credited"
    REVIEW = "review"
    REJECTED = "rejected"


class ReviewReason(StrEnum):
    """Why a deposit waits in suspense."""

    PAYER_MISMATCH = "payer_mismatch"
    PAYER_MISSING = "payer_missing"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    CUSTOMER_BLOCKED = "customer_blocked"


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money in. `credited` stands on the customer's account, `review` in suspense, `rejected` went back."""

    id: DepositId
    customer_id: UUID
    amount: Amount
    rail: str
    reference: str
    status: DepositStatus
    review_reason: ReviewReason | None
    payer: Payer | None
    paid_on: date | None
    bank: str | None
    transfer_id: TransferId
    recorded_by: UUID
    recorded_at: datetime
    decided_by: UUID | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DepositDecision:
    """Approve or reject one deposit under review; `note` says why and names no person."""

    caller: Caller
    deposit_id: DepositId
    note: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a withdrawal goes: the rail, the account on it, and the name the account is held in."""

    rail: str
    account: str
    holder: str


@dataclass(frozen=True, slots=True)
class Payment:
    """What a rail is told to pay. `id` is the request's own: the same at every attempt, and what it is found by."""

    id: UUID
    amount: Amount
    destination: Destination


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    caller: Caller
    customer_id: UUID
    amount: Amount
    destination: Destination


class WithdrawalStatus(StrEnum):
    REQUESTED = "requested"
    SENT = "sent"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Money out. While `requested` it is held; `sent` has left the books, `rejected` and `expired` were released.

    `returned` had left, and came back because the rail refused it.
    """

    id: WithdrawalId
    customer_id: UUID
    amount: Amount
    destination: Destination
    status: WithdrawalStatus
    hold_id: HoldId
    approvals_needed: int
    approvals: tuple[UUID, ...]
    requested_by: UUID
    requested_at: datetime
    expires_at: datetime
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    transfer_id: TransferId | None = None


@dataclass(frozen=True, slots=True)
class WithdrawalDecision:
    """Approve or reject one withdrawal; `note` says why and names no person."""

    caller: Caller
    withdrawal_id: WithdrawalId
    note: str = ""


@dataclass(frozen=True, slots=True)
class AssetTerms:
    """Bounds of withdrawals in one asset; above `second_approver_above` two people approve, above `step_up_above`
    everybody involved shows a second factor."""

    asset: Asset
    minimum: Amount
    maximum: Amount
    daily_maximum: Amount
    second_approver_above: Amount
    step_up_above: Amount


@dataclass(frozen=True, slots=True)
class WithdrawalTerms:
    """What bounds withdrawals: per asset, and `daily_count` a customer in any 24 hours."""

    assets: Mapping[str, AssetTerms]
    daily_count: int


@dataclass(frozen=True, slots=True)
class Use:
    """What one customer has withdrawn, or asked to, in the last 24 hours: count, and units by asset code."""

    count: int
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One step of a deposit or withdrawal: who brought it to which status, when, why."""

    status: str
    actor_id: UUID
    occurred_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """Erase a customer for ever."""

    caller: Caller
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A customer who is forgotten, and since when."""

    customer_id: UUID
    forgotten_at: datetime


@dataclass(frozen=True, slots=True)
class Payments:
    """Whether any payment of a customer waits for a decision, and when the last was asked for, recorded or decided."""

    any_open: bool
    last_at: datetime
