"""Facts risk announces."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class RiskLimitExceeded(Event):
    """A customer asked for more than a limit allows; nothing moved."""

    NAME: ClassVar[str] = "RiskLimitExceeded"
    customer_id: UUID
    limit: str
    asked: Decimal
    allowed: Decimal
    asset: str

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"
