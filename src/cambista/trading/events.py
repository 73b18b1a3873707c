"""Facts trading announces."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class QuoteIssued(Event):
    """A firm or reference quote was given."""

    NAME: ClassVar[str] = "QuoteIssued"
    quote_id: UUID
    customer_id: UUID
    kind: str
    pair: str
    side: str
    price: Decimal
    base_amount: str
    quote_amount: str
    rung: str
    expires_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class TradeExecuted(Event):
    """A quote became a settled trade. Amounts are in the pair's assets, `notional` in the reporting asset."""

    NAME: ClassVar[str] = "TradeExecuted"
    trade_id: UUID
    quote_id: UUID
    customer_id: UUID
    pair: str
    base_asset: str
    quote_asset: str
    side: str
    price: Decimal
    base_amount: Decimal
    quote_amount: Decimal
    fee: Decimal
    spread: Decimal
    notional: Decimal
    notional_asset: str
    rung: str
    executed_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"
