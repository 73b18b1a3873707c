"""Orders on the house's own book, and what others see of it."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Path, Query, Response

from cambista.gateway import wire
from cambista.gateway.errors import CursorInvalid, FieldInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.deciding import customer_asked
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, id_from
from cambista.gateway.rest.reading import reply_read
from cambista.gateway.rest.routing import Entered, Settling, body_of, owner_of, reply, rest_router, speaks
from cambista.gateway.rest.words import (
    AmountText,
    AssetCode,
    Cursor,
    ExactIn,
    IdPath,
    IdText,
    OwnerQuery,
    PairName,
    PriceText,
    TimeText,
)
from cambista.identity import CustomerUnknown
from cambista.kernel.callers import Caller
from cambista.kernel.ids import CustomerId, IdInvalid, OrderId, parse_id
from cambista.kernel.market import Price, PriceInvalid, Side
from cambista.kernel.money import Amount, AmountInvalid, AmountNotExact, AmountNotPositive, AmountOutOfRange
from cambista.kernel.registry import PAIRS, PairSpec, PairUnknown, pair_spec
from cambista.kernel.time import wire_time
from cambista.ledger import AccountFrozen, InsufficientFunds
from cambista.pricing import AmountTooLarge, AmountTooSmall, NoPrice
from cambista.trading import (
    Cancellation,
    ClientOrderIdInvalid,
    ClientOrderIdTaken,
    CounterpartyBlocked,
    Fill,
    Order,
    OrderEnded,
    OrderRequest,
    OrderStatus,
    OrderTermsInvalid,
    OrderType,
    OrderUnknown,
    PriceOffTick,
    PriceTooLarge,
    QuantityOffLot,
    SelfTrade,
    TimeInForce,
    TooManyOpenOrders,
    amount_of,
    price_at,
)

router = rest_router("orders")
DEPTH_MAX = 200
PERCENT_DIGITS = 2

Trail = Annotated[
    str | int | float,
    msgspec.Meta(description="A distance in price (`25.00`) or in percent of it (`1.5%`).", examples=["1.5%"]),
]
_DEPTH = Query(ge=1, le=DEPTH_MAX, description="How many levels of each side at most.")


class OrderBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is wanted; which fields an order needs follows from its `type`. `quantity` is in the pair's base asset,
    `duration_s` how long a GTD order may work or a TWAP or VWAP is sliced."""

    pair: PairName
    side: Side
    type: OrderType
    quantity: ExactIn
    price: ExactIn | None = None
    stop_price: ExactIn | None = None
    trail: Trail | None = None
    visible_quantity: ExactIn | None = None
    duration_s: int | None = None
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST
    client_order_id: str | None = None


class FillOut(msgspec.Struct):
    """One execution; `quote_amount` is all that was paid or got, `fee` the part of it that is fee."""

    id: IdText
    order_id: IdText
    liquidity: Literal["maker", "taker"]
    price: PriceText
    base_amount: AmountText
    quote_amount: AmountText
    fee: AmountText
    executed_at: TimeText


class OrderOut(msgspec.Struct):
    """An order. `limit_price` is the worst price it may trade at; `filled_quantity` is in base, `quote_amount` all that
    it has paid or got, with `fee` in it. `reason` says why it ended before it was filled."""

    id: IdText
    client_order_id: str | None
    parent_id: IdText | None
    status: OrderStatus
    reason: str | None
    pair: PairName
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    quantity: AmountText
    filled_quantity: AmountText
    base_asset: AssetCode
    limit_price: PriceText
    price: PriceText | None
    stop_price: PriceText | None
    quote_amount: AmountText
    quote_asset: AssetCode
    fee: AmountText
    created_at: TimeText
    expires_at: TimeText | None


class QualityOut(msgspec.Struct):
    """How well a TWAP or VWAP was executed: `slippage_bps` of the average price against the fair price when it came,
    above zero where that was worse for the customer. Fees are not in it."""

    arrival_price: PriceText
    average_price: PriceText
    slippage_bps: str


class OrderDetailOut(msgspec.Struct):
    """An order with its newest fills, oldest first; of a parent those of its children, and its quality."""

    order: OrderOut
    fills: list[FillOut]
    quality: QualityOut | None


class OrderPage(msgspec.Struct):
    """Orders, newest first."""

    items: list[OrderOut]
    next_cursor: Cursor


class BookOut(msgspec.Struct):
    """The best levels of a pair's book, best first: price, and the base amount shown there."""

    pair: PairName
    bids: list[tuple[PriceText, AmountText]]
    asks: list[tuple[PriceText, AmountText]]


def show_order(order: Order) -> OrderOut:
    spec = order.spec
    return OrderOut(
        id=str(order.id),
        client_order_id=order.client_order_id,
        parent_id=None if order.parent_id is None else str(order.parent_id),
        status=order.status,
        reason=order.reason or None,
        pair=order.pair,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        quantity=amount_of(order.lots, spec).text,
        filled_quantity=amount_of(order.lots - order.left, spec).text,
        base_asset=spec.pair.base.code,
        limit_price=price_at(order.limit, spec).text,
        price=_price_text(order.price, spec),
        stop_price=_price_text(order.stop, spec),
        quote_amount=Amount(order.quote_units, spec.pair.quote).text,
        quote_asset=spec.pair.quote.code,
        fee=Amount(order.fee_units, spec.pair.quote).text,
        created_at=wire_time(order.created_at),
        expires_at=None if order.expires_at is None else wire_time(order.expires_at),
    )


def _price_text(ticks: int | None, spec: PairSpec) -> str | None:
    return None if ticks is None else price_at(ticks, spec).text


def show_fill(fill: Fill) -> FillOut:
    return FillOut(
        str(fill.id),
        str(fill.order_id),
        "maker" if fill.maker else "taker",
        fill.price.text,
        fill.base.text,
        fill.quote.text,
        fill.fee.text,
        wire_time(fill.executed_at),
    )


def _request(caller: Caller, body: OrderBody) -> OrderRequest:
    spec = pair_spec(body.pair)
    trail, trail_bps = _trail(body.trail, spec)
    return OrderRequest(
        caller=caller,
        customer_id=CustomerId(caller.id),
        spec=spec,
        side=body.side,
        type=body.type,
        quantity=Amount.parse_positive(wire.exact(body.quantity, "quantity"), spec.pair.base),
        price=_price(body.price, "price", spec),
        stop_price=_price(body.stop_price, "stop_price", spec),
        trail=trail,
        trail_bps=trail_bps,
        visible_quantity=(
            None
            if body.visible_quantity is None
            else Amount.parse_positive(wire.exact(body.visible_quantity, "visible_quantity"), spec.pair.base)
        ),
        duration_s=body.duration_s,
        time_in_force=body.time_in_force,
        post_only=body.post_only,
        self_trade=body.self_trade,
        client_order_id=body.client_order_id,
    )


def _price(value: str | int | float | None, field: str, spec: PairSpec) -> Price | None:
    return None if value is None else Price.parse(wire.exact(value, field), spec.pair)


def _trail(value: str | int | float | None, spec: PairSpec) -> tuple[Price | None, int | None]:
    """A distance, or hundredths of a percent."""
    if isinstance(value, str) and value.endswith("%"):
        whole, _, fraction = value[:-1].partition(".")
        if not (whole + fraction).isascii() or not (whole + fraction).isdigit() or len(whole) > 3:
            raise FieldInvalid("A percentage is digits with at most two after the point.", path="$.trail")
        if len(fraction) > PERCENT_DIGITS or not (bps := int(whole or "0") * 100 + int(fraction.ljust(2, "0"))) > 0:
            raise FieldInvalid("A percentage is above zero, with at most two digits after the point.", path="$.trail")
        return None, bps
    return _price(value, "trail", spec), None


_ORDER: dict[str, Any] = {
    "id": words.ORDER, "client_order_id": "mine-1", "parent_id": None, "status": "partially_filled", "reason": None,
    "pair": "USDT/COP", "side": "buy", "type": "limit", "time_in_force": "GTC", "post_only": False,
    "quantity": "100.000000", "filled_quantity": "40.000000", "base_asset": "USDT", "limit_price": "3300.00",
    "price": "3300.00", "stop_price": None, "quote_amount": "132264.00", "quote_asset": "COP", "fee": "264.00",
    "created_at": words.MOMENT, "expires_at": None,
}  # fmt: skip
_FILL = {
    "id": words.TRADE, "order_id": words.ORDER, "liquidity": "taker", "price": "3300.00", "base_amount": "40.000000",
    "quote_amount": "132264.00", "fee": "264.00", "executed_at": words.MOMENT,
}  # fmt: skip
_BODIES = {
    "limit": {"pair": "USDT/COP", "side": "buy", "type": "limit", "quantity": "100", "price": "3300.00"},
    "market": {"pair": "USDT/COP", "side": "sell", "type": "market", "quantity": "100"},
    "stop_loss": {"pair": "USDT/COP", "side": "sell", "type": "stop_loss", "quantity": "100", "stop_price": "3200"},
    "trailing_stop": {
        "pair": "USDT/COP", "side": "sell", "type": "trailing_stop", "quantity": "100", "trail": "1.5%",
    },
    "twap": {"pair": "USDT/COP", "side": "buy", "type": "twap", "quantity": "1000", "duration_s": 3600},
}  # fmt: skip
_PLACED = Settling(show_order, 201)
_TAKEN_OUT = Settling(show_order, required=False)


@router.post(
    "/orders",
    **speaks(
        OrderOut,
        _ORDER,
        status=201,
        body=OrderBody,
        says=_BODIES,
        key=True,
        refuses=(
            AmountInvalid, AmountNotExact, AmountNotPositive, AmountOutOfRange, AmountTooSmall, AmountTooLarge,
            PairUnknown, PriceInvalid, PriceOffTick, PriceTooLarge, QuantityOffLot, OrderTermsInvalid, NoPrice,
            ClientOrderIdInvalid, ClientOrderIdTaken, TooManyOpenOrders, InsufficientFunds, AccountFrozen,
            CounterpartyBlocked,
        ),
    ),
)  # fmt: skip
async def place_order(passage: Entered, body: Annotated[OrderBody, Depends(body_of(OrderBody))]) -> Response:
    """Hold an order's money and bring it to the pair's book; the answer says what it met there."""
    request = _request(passage.caller, body)
    return await _PLACED.settle(passage, passage.doors.trading.orders.place_orders, request, body)


@router.get(
    "/orders",
    **speaks(
        OrderPage,
        {"items": [_ORDER], "next_cursor": None},
        refuses=(CursorInvalid, CustomerUnknown, IdInvalid),
    ),
)
async def list_orders(
    passage: Entered,
    *,
    customer_id: OwnerQuery = None,
    open_only: Annotated[bool, Query(alias="open", description="Only those that have not ended.")] = False,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """Orders, newest first: the caller's own, or everybody's for staff."""
    owner = customer_asked(passage, customer_id) or owner_of(passage)
    before = id_from("orders", cursor)
    found = await passage.doors.trading.orders.orders(
        owner, before=OrderId(before) if before else None, limit=limit, open_only=open_only
    )
    last = found[-1].id if len(found) == limit else None
    answer = OrderPage([show_order(each) for each in found], cursor_to("orders", last))
    subject = "orders" if owner is None else f"customer:{owner}"
    return await reply_read(passage, "order.list", subject, answer, (each.id for each in answer.items))


@router.get(
    "/orders/{id}",
    **speaks(
        OrderDetailOut, {"order": _ORDER, "fills": [_FILL], "quality": None}, refuses=(OrderUnknown, IdInvalid)
    ),
)  # fmt: skip
async def get_order(id: IdPath, passage: Entered) -> Response:
    """An order with its fills; another's is not found."""
    orders = passage.doors.trading.orders
    order, fills = await orders.order(OrderId(parse_id(id)), owner_of(passage))
    quality = await orders.quality(order)
    shown = None if quality is None else QualityOut(quality.arrival.text, quality.average.text, f"{quality.bps:f}")
    answer = OrderDetailOut(show_order(order), [show_fill(each) for each in fills], shown)
    return await reply_read(passage, "order.read", f"order:{order.id}", answer)


@router.delete(
    "/orders/{id}",
    **speaks(
        OrderOut,
        {**_ORDER, "status": "cancelled", "reason": "asked"},
        key=False,
        refuses=(OrderUnknown, OrderEnded, IdInvalid),
    ),
)
async def cancel_order(id: IdPath, passage: Entered) -> Response:
    """Take an order out, and free what is held for what is left of it."""
    caller = passage.caller
    asked = Cancellation(caller, CustomerId(caller.id), OrderId(parse_id(id)))
    return await _TAKEN_OUT.settle(passage, passage.doors.trading.orders.cancel_orders, asked, id)


_BOOK = {"pair": "USDT/COP", "bids": [["3300.00", "60.000000"]], "asks": [["3305.00", "25.000000"]]}
PairPath = Annotated[
    str, Path(description="BASE-QUOTE.", json_schema_extra={"enum": [name.replace("/", "-") for name in PAIRS]})
]


@router.get("/books/{pair}", **speaks(BookOut, _BOOK, public=True, refuses=(PairUnknown,)))
async def get_book(passage: Entered, pair: PairPath, depth: Annotated[int, _DEPTH] = 20) -> Response:
    """What everybody may see of a pair's book: its best levels."""
    found = await passage.doors.trading.orders.depth(pair_spec(pair), depth)
    bids, asks = ([(price.text, amount.text) for price, amount in side] for side in (found.bids, found.asks))
    return reply(BookOut(str(found.pair), list(bids), list(asks)))
