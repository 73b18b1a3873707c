"""Nouns of trading: what a customer asks, what the house promises, what was traded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from cambista.kernel.callers import Caller
from cambista.kernel.ids import CustomerId, HoldId, OrderId, QuoteId, TradeId, TransferId
from cambista.kernel.market import Pair, Price, Side
from cambista.kernel.money import Amount, Asset
from cambista.kernel.registry import PairSpec
from cambista.pricing import Receipt, Rung
from cambista.trading.book.commands import SelfTrade, TimeInForce


class QuoteKind(StrEnum):
    """`firm` reserves the till and is traded once; `reference` only informs; `direct` was made and traded at once."""

    FIRM = "firm"
    REFERENCE = "reference"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """`amount` is in the pair's base or quote asset."""

    caller: Caller
    customer_id: CustomerId
    pair: Pair
    side: Side
    amount: Amount
    kind: QuoteKind = QuoteKind.FIRM


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trade moves.

    `quote` is all that the customer pays or gets, with `fee` and `tax` as parts of it; `spread` is what the house
    earns against the fair price, in the quote asset; `notional` values the trade in the reporting asset.
    """

    pair: Pair
    side: Side
    price: Price
    base: Amount
    quote: Amount
    fee: Amount
    tax: Amount
    spread: Amount
    notional: Amount
    rung: Rung


@dataclass(frozen=True, slots=True)
class Quote:
    """A price for one customer, one side, one amount, until `expires_at`. Never changes once issued."""

    id: QuoteId
    customer_id: CustomerId
    kind: QuoteKind
    terms: Terms
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedQuote:
    """A quote with the signed account of its price."""

    quote: Quote
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The caller takes that quote."""

    caller: Caller
    customer_id: CustomerId
    quote_id: QuoteId


@dataclass(frozen=True, slots=True)
class DirectTrade:
    """Trade `amount` of base at once, at the house's price if it is no worse for the customer than `limit`."""

    caller: Caller
    customer_id: CustomerId
    pair: Pair
    side: Side
    amount: Amount
    limit: Price


@dataclass(frozen=True, slots=True)
class Trade:
    """An accepted quote; settled when it exists."""

    id: TradeId
    quote_id: QuoteId
    customer_id: CustomerId
    terms: Terms
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class TradedReceipt:
    """A trade, its quote, and the signed account of its price."""

    trade_id: TradeId
    quote_id: QuoteId
    receipt: Receipt


class OrderType(StrEnum):
    """The nine kinds of order; what each needs and takes stands in `trading/orders`, a file a kind."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    ICEBERG = "iceberg"
    TWAP = "twap"
    VWAP = "vwap"


class OrderStatus(StrEnum):
    """`new` waits for its trigger; the last four are ends."""

    NEW = "new"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def ended(self) -> bool:
        return self not in OPEN


OPEN = frozenset({OrderStatus.NEW, OrderStatus.WORKING, OrderStatus.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a customer wants done. `trail` is a distance in price, `trail_bps` one in basis points; `time_in_force`
    None: the kind's own; `duration_s`: how long a GTD order may work, or over what time a parent is sliced."""

    caller: Caller
    customer_id: CustomerId
    spec: PairSpec
    side: Side
    type: OrderType
    quantity: Amount
    price: Price | None = None
    stop_price: Price | None = None
    trail: Price | None = None
    trail_bps: int | None = None
    visible_quantity: Amount | None = None
    duration_s: int | None = None
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order on the house's own book. Prices are whole ticks, quantities whole lots of the pair.

    `number` is its place among the pair's commands (None: a parent, which works by its children). `limit` is the worst
    price it may trade at. `lot_cost` is what is held for each lot that is left: units of the quote asset for a buy, of
    the base for a sell; a child's comes out of its parent's hold. `quote_units` is all that was paid or got so far,
    `fee_units` the part of it that is fee; `reason` says why it ended unfilled.
    """

    id: OrderId
    customer_id: CustomerId
    spec: PairSpec
    side: Side
    type: OrderType
    lots: int
    left: int
    limit: int
    time_in_force: TimeInForce
    lot_cost: int
    maker_bps: int
    taker_bps: int
    created_at: datetime
    status: OrderStatus = OrderStatus.NEW
    reason: str = ""
    shown: int = 0
    number: int | None = None
    parent_id: OrderId | None = None
    client_order_id: str | None = None
    price: int | None = None
    stop: int | None = None
    trail: int | None = None
    trail_bps: int | None = None
    visible: int | None = None
    post_only: bool = False
    expires_at: datetime | None = None
    quote_units: int = 0
    fee_units: int = 0

    @property
    def pair(self) -> str:
        return str(self.spec.pair)

    @property
    def hold_id(self) -> HoldId:
        return HoldId(self.parent_id or self.id)

    @property
    def held_asset(self) -> Asset:
        return self.spec.pair.quote if self.side is Side.BUY else self.spec.pair.base

    @property
    def held(self) -> Amount:
        """What must be held for what is left."""
        return Amount(self.left * self.lot_cost, self.held_asset)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution as one of its two orders saw it. `quote` is all that was paid or got, `fee` the fee in it."""

    id: TransferId
    order_id: OrderId
    customer_id: CustomerId
    maker: bool
    side: Side
    price: Price
    base: Amount
    quote: Amount
    fee: Amount
    left: Amount
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The caller takes that order back."""

    caller: Caller
    customer_id: CustomerId
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class Depth:
    """The best levels of a book, best first: price, and the base amount shown there."""

    pair: Pair
    bids: Sequence[tuple[Price, Amount]]
    asks: Sequence[tuple[Price, Amount]]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a parent was executed: the fair price when it came, the average price it got (its volume-weighted one,
    without fees), and by how many basis points that was worse."""

    arrival: Price
    average: Price
    bps: Decimal
