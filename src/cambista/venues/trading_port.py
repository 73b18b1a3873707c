"""What a venue that takes our orders offers, and its nouns. Quantities in base, amounts in quote, always Decimal."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from cambista.kernel.market import Pair, Side

_ZERO = Decimal(0)


class TimeInForce(StrEnum):
    """How long an order may wait: until cancelled, not at all for what is left, or not at all unless it fills whole."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class VenueOrderState(StrEnum):
    """Where an order stands by the venue's word. A `rejected` one was never an order there."""

    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def ended(self) -> bool:
        """Nothing more will fill."""
        return self not in (VenueOrderState.WORKING, VenueOrderState.PARTIALLY_FILLED)


@dataclass(frozen=True, slots=True)
class VenueCapabilities:
    """What the venue can do. Without `reports` the caller has to `find`; without `market_orders` a limit is needed."""

    times_in_force: frozenset[TimeInForce] = frozenset(TimeInForce)
    market_orders: bool = True
    post_only: bool = False
    reports: bool = True


@dataclass(frozen=True, slots=True)
class VenuePairRules:
    """What an order of a pair must keep to: price steps, quantity steps, least quantity and amount, and the fees."""

    tick: Decimal
    lot: Decimal
    minimum_quantity: Decimal
    minimum_notional: Decimal
    maker_bps: Decimal
    taker_bps: Decimal
    maximum_quantity: Decimal | None = None

    def fault(self, order: "VenueOrder") -> str:
        """Which of these rules the order breaks (`lot`, `tick`, `minimum_quantity` …), or an empty string."""
        if order.quantity < self.minimum_quantity or order.quantity <= 0:
            return "minimum_quantity"
        if self.maximum_quantity is not None and order.quantity > self.maximum_quantity:
            return "maximum_quantity"
        if order.quantity % self.lot:
            return "lot"
        if order.limit is None:
            return ""
        if order.limit <= 0 or order.limit % self.tick:
            return "tick"
        return "minimum_notional" if order.limit * order.quantity < self.minimum_notional else ""


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order of the house. `client_id` is a UUIDv7 made for it, the same at every try; no `limit`: at the market."""

    client_id: UUID
    pair: Pair
    side: Side
    quantity: Decimal
    limit: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One execution. `id` is the venue's, unique within the pair; the fee is in `fee_asset`, whatever that is."""

    id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime


@dataclass(frozen=True, slots=True)
class VenueReport:
    """All a venue has said of one order so far: `filled` base for `spent` quote, and the fills that add up to both.

    `reason` is the venue's word where it rejected or ended the order by itself.
    """

    client_id: UUID
    pair: Pair
    state: VenueOrderState
    filled: Decimal = _ZERO
    spent: Decimal = _ZERO
    fills: Sequence[VenueFill] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """What the venue owes the house of one asset: free to trade, and locked in working orders."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


class TradingVenue(Protocol):
    """A market that takes the house's orders. Between `open` and `close`; `open` learns the rules and may refuse.

    `place` with a client id that was placed before answers with that order and makes no second one. A request that was
    sent and not answered raises OutcomeUnknown: ask `find` before deciding anything. `find` answers None only where the
    order can no longer come to be; while it may still be on its way it raises OutcomeUnknown too. What the venue does
    not accept comes back as a report in state `rejected`. Other refusals (`venue_unavailable`, `venue_throttled`,
    `venue_access_denied`) mean: nothing happened.
    """

    @property
    def name(self) -> str: ...

    @property
    def pairs(self) -> frozenset[Pair]: ...

    @property
    def capabilities(self) -> VenueCapabilities: ...

    @property
    def connections(self) -> int:
        """How often its stream of reports has begun; a rise means that it was interrupted."""
        ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def rules_of(self, pair: Pair) -> VenuePairRules: ...

    async def place(self, order: VenueOrder) -> VenueReport: ...

    async def cancel(self, client_id: UUID, pair: Pair) -> VenueReport:
        """End what is left of an order; of one that has ended already, how it ended. Refuses `venue_order_unknown`."""
        ...

    async def find(self, client_id: UUID, pair: Pair) -> VenueReport | None: ...

    async def working(self, pair: Pair) -> Sequence[VenueReport]:
        """The house's orders of `pair` that may still fill, as far as they carry an id of ours."""
        ...

    async def balances(self) -> Mapping[str, VenueBalance]: ...

    def reports(self) -> AsyncIterator[VenueReport]:
        """News of own orders as they come; after each interruption, first how those placed since `open` stand."""
        ...
