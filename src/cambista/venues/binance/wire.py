"""Binance spot's messages about orders, and what they mean in ours."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from cambista.kernel.market import Pair
from cambista.venues.rules import NUMBER_LENGTH_MAX, positive
from cambista.venues.trading_port import (
    VenueBalance,
    VenueFill,
    VenueOrderState,
    VenuePairRules,
    VenueReport,
)

_ZERO = Decimal(0)
_BPS = Decimal(10_000)
_SMALLEST = Decimal("0.00000001")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT_MAX = 4_102_444_800_000

STATES: Mapping[str, VenueOrderState] = {
    "NEW": VenueOrderState.WORKING,
    "PENDING_NEW": VenueOrderState.WORKING,
    "PENDING_CANCEL": VenueOrderState.WORKING,
    "PARTIALLY_FILLED": VenueOrderState.PARTIALLY_FILLED,
    "FILLED": VenueOrderState.FILLED,
    "CANCELED": VenueOrderState.CANCELLED,
    "REJECTED": VenueOrderState.REJECTED,
    "EXPIRED": VenueOrderState.EXPIRED,
    "EXPIRED_IN_MATCH": VenueOrderState.EXPIRED,
}


class Unreadable(Exception):
    """The venue sent what it has never been known to send."""


class Filter(msgspec.Struct, rename="camel"):
    """One rule of a symbol; the fields of the kinds we keep to."""

    filter_type: str
    tick_size: str = "0"
    step_size: str = "0"
    min_qty: str = "0"
    max_qty: str = "0"
    min_notional: str = "0"


class Symbol(msgspec.Struct, rename="camel"):
    """A symbol of `exchangeInfo`."""

    symbol: str
    status: str = ""
    filters: list[Filter] = []


class RateLimit(msgspec.Struct, rename="camel"):
    """One of the venue's budgets."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class ExchangeRules(msgspec.Struct, rename="camel"):
    """The venue's rules."""

    symbols: list[Symbol]
    rate_limits: list[RateLimit] = []


class Holding(msgspec.Struct):
    """A balance of `account`."""

    asset: str
    free: str
    locked: str


class Commission(msgspec.Struct):
    """The account's fees as fractions."""

    maker: str = "0"
    taker: str = "0"


class Account(msgspec.Struct, rename="camel"):
    """The house's account there."""

    balances: list[Holding]
    commission_rates: Commission = msgspec.field(default_factory=Commission)


class OrderFill(msgspec.Struct, rename="camel"):
    """A fill within the answer to a new order."""

    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class Order(msgspec.Struct, rename="camel"):
    """An order, as answered to placing, asking and cancelling. A cancelled one's own id is `orig_client_order_id`."""

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    executed_qty: str
    cummulative_quote_qty: str
    orig_qty: str
    transact_time: int = 0
    orig_client_order_id: str = ""
    fills: list[OrderFill] = []


class Trade(msgspec.Struct, rename="camel"):
    """A fill of `myTrades`."""

    id: int
    order_id: int
    price: str
    qty: str
    quote_qty: str
    commission: str
    commission_asset: str
    time: int


class Execution(msgspec.Struct):
    """A stream's `executionReport`. `c` is the order's id, or the cancellation's with the order's in `C`."""

    s: str
    c: str
    X: str
    z: str
    Z: str
    T: int
    x: str = ""
    C: str | None = None
    r: str = ""
    t: int = -1
    l: str = "0"  # noqa: E741 - the venue's name for the last fill's quantity
    L: str = "0"
    n: str | None = None
    N: str | None = None


class _Event(msgspec.Struct):
    e: str = ""
    event: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    carried: msgspec.Raw = msgspec.field(name="data", default_factory=msgspec.Raw)


def event_of(body: bytes) -> tuple[str, bytes]:
    """A user stream's message as its kind and itself: bare, or within `event` (subscriptions) or `data` (streams)."""
    event = msgspec.json.decode(body, type=_Event)
    inner = bytes(event.event) or bytes(event.carried) or body
    return event.e or msgspec.json.decode(inner, type=_Event).e, inner


def number(text: str) -> Decimal:
    """A decimal string at or above zero; raises Unreadable."""
    found = positive(text)
    if found is not None:
        return found
    if 0 < len(text) <= NUMBER_LENGTH_MAX and not text.strip("0."):
        return _ZERO
    raise Unreadable(text[:NUMBER_LENGTH_MAX])


def moment(milliseconds: int) -> datetime:
    """A time on the wire; raises Unreadable outside 1970 to 2100."""
    if not 0 <= milliseconds < _MOMENT_MAX:
        raise Unreadable(str(milliseconds))
    return _EPOCH + timedelta(milliseconds=milliseconds)


def own_id(text: str | None) -> UUID | None:
    """The client id that is one of ours, or None."""
    try:
        return UUID(text) if text and len(text) == 36 else None
    except ValueError:
        return None


def state(status: str) -> VenueOrderState:
    """Our word for the venue's; raises Unreadable for a new one of theirs."""
    found = STATES.get(status)
    if found is None:
        raise Unreadable(status[:NUMBER_LENGTH_MAX])
    return found


def symbol_of(pair: Pair) -> str:
    return f"{pair.base.code}{pair.quote.code}"


def rules_of(symbol: Symbol, commission: Commission) -> VenuePairRules:
    """What the filters say; one that is switched off (zero) leaves the venue's smallest step."""
    kinds = {each.filter_type: each for each in symbol.filters}
    price, lot = kinds.get("PRICE_FILTER"), kinds.get("LOT_SIZE")
    notional = kinds.get("NOTIONAL") or kinds.get("MIN_NOTIONAL")
    most = number(lot.max_qty) if lot else _ZERO
    return VenuePairRules(
        tick=(number(price.tick_size) if price else _ZERO) or _SMALLEST,
        lot=(number(lot.step_size) if lot else _ZERO) or _SMALLEST,
        minimum_quantity=number(lot.min_qty) if lot else _ZERO,
        minimum_notional=number(notional.min_notional) if notional else _ZERO,
        maker_bps=number(commission.maker) * _BPS,
        taker_bps=number(commission.taker) * _BPS,
        maximum_quantity=most or None,
    )


def balances_of(account: Account) -> dict[str, VenueBalance]:
    """What is not zero."""
    found = {each.asset: VenueBalance(number(each.free), number(each.locked)) for each in account.balances}
    return {asset: balance for asset, balance in found.items() if balance.total}


def report_of(client_id: UUID, pair: Pair, order: Order, fills: Sequence[VenueFill]) -> VenueReport:
    """The order's word and its fills as one report; raises Unreadable where they do not add up."""
    filled, spent = number(order.executed_qty), number(order.cummulative_quote_qty)
    if sum((fill.quantity for fill in fills), _ZERO) != filled:
        raise Unreadable("fills do not add up")
    return VenueReport(client_id, pair, state(order.status), filled, spent, tuple(fills))


def fills_of_answer(order: Order) -> list[VenueFill]:
    """The fills in the answer to a new order."""
    at = moment(order.transact_time)
    return [
        VenueFill(
            str(each.trade_id), number(each.price), number(each.qty), number(each.commission), each.commission_asset, at
        )
        for each in order.fills
    ]


def fill_of_trade(trade: Trade) -> VenueFill:
    return VenueFill(
        str(trade.id),
        number(trade.price),
        number(trade.qty),
        number(trade.commission),
        trade.commission_asset,
        moment(trade.time),
    )


def joined(before: VenueReport | None, said: Execution, client_id: UUID, pair: Pair) -> VenueReport | None:
    """What was known and what the stream now says, as one; None when something between was missed.

    A repeated or older word changes nothing.
    """
    filled = number(said.z)
    fills = tuple(before.fills) if before else ()
    known = sum((fill.quantity for fill in fills), _ZERO)
    if before is not None and (filled < known or (before.state.ended and filled == known)):
        return before
    last = number(said.l)
    if said.x == "TRADE" and last and all(fill.id != str(said.t) for fill in fills):
        fee = number(said.n or "0")
        fills = (*fills, VenueFill(str(said.t), number(said.L), last, fee, said.N or pair.quote.code, moment(said.T)))
        known += last
    if known != filled:
        return None
    reason = "" if said.r in ("", "NONE") else said.r[:NUMBER_LENGTH_MAX]
    return VenueReport(client_id, pair, state(said.X), filled, number(said.Z), fills, reason)
