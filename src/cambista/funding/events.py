"""Facts funding announces; ids, amounts and codes only, never a name or an account."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class DepositReceived(Event):
    """Money has arrived; `status` says whether the customer has it (`credited`) or it waits (`review`)."""

    NAME: ClassVar[str] = "DepositReceived"
    deposit_id: UUID
    customer_id: UUID
    asset: str
    amount: Decimal
    rail: str
    status: str
    received_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class DepositReviewed(Event):
    """A deposit under review was credited to the customer or sent back."""

    NAME: ClassVar[str] = "DepositReviewed"
    deposit_id: UUID
    customer_id: UUID
    asset: str
    amount: Decimal
    rail: str
    status: str
    decided_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class UserActionRequired(Event):
    """Somebody of `role` has to decide about `about` (`deposit:{id}`, `withdrawal:{id}`); `reason` is a code."""

    NAME: ClassVar[str] = "UserActionRequired"
    about: str
    customer_id: UUID
    role: str
    reason: str
    required_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class WithdrawalFact(Event):
    withdrawal_id: UUID
    customer_id: UUID
    asset: str
    amount: Decimal
    rail: str
    occurred_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class WithdrawalRequested(WithdrawalFact):
    NAME: ClassVar[str] = "WithdrawalRequested"


@dataclass(frozen=True, slots=True)
class WithdrawalSent(WithdrawalFact):
    NAME: ClassVar[str] = "WithdrawalSent"


@dataclass(frozen=True, slots=True)
class WithdrawalRejected(WithdrawalFact):
    NAME: ClassVar[str] = "WithdrawalRejected"


@dataclass(frozen=True, slots=True)
class WithdrawalReturned(WithdrawalFact):
    """The rail refused it after it was sent; the money is the customer's again."""

    NAME: ClassVar[str] = "WithdrawalReturned"


@dataclass(frozen=True, slots=True)
class WithdrawalLapsed(WithdrawalFact):
    """Not approved in time; the money was released."""

    NAME: ClassVar[str] = "WithdrawalExpired"
