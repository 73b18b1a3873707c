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


@dataclass(frozen=True, slots=True)
class OrderAccepted(Event):
    """An order was taken on, its money held. `limit_price` is the worst price it may trade at."""

    NAME: ClassVar[str] = "OrderAccepted"
    order_id: UUID
    customer_id: UUID
    parent_id: UUID | None
    pair: str
    side: str
    type: str
    base_asset: str
    quantity: Decimal
    quote_asset: str
    limit_price: Decimal
    time_in_force: str
    accepted_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class OrderFilled(Event):
    """Part or all of an order was executed: one event for each of the two orders of a fill.

    `quote_amount` is all that was paid or got, `fee` the part of it that is fee; `left` is the base still wanted.
    """

    NAME: ClassVar[str] = "OrderFilled"
    fill_id: UUID
    order_id: UUID
    customer_id: UUID
    pair: str
    side: str
    maker: bool
    price: Decimal
    base_asset: str
    base_amount: Decimal
    quote_asset: str
    quote_amount: Decimal
    fee: Decimal
    left: Decimal
    executed_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class OrderCancelled(Event):
    """An order ended before it was filled: `status` says how (cancelled, expired, rejected), `reason` why."""

    NAME: ClassVar[str] = "OrderCancelled"
    order_id: UUID
    customer_id: UUID
    pair: str
    status: str
    reason: str
    base_asset: str
    left: Decimal
    ended_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"
