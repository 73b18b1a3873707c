"""Decisions on orders, pure: whether one keeps to its pair's steps, what it costs at most, what a fill moves."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from cambista.kernel.ids import OrderId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount, Rounding, divide
from cambista.kernel.registry import PairSpec
from cambista.ledger import Hold, customer_account
from cambista.pricing import AmountTooLarge, AmountTooSmall
from cambista.trading.book.commands import TimeInForce
from cambista.trading.book.engine import WHOLE_MAX
from cambista.trading.errors import ClientOrderIdInvalid, OrderTermsInvalid, PriceOffTick, PriceTooLarge, QuantityOffLot
from cambista.trading.orders import KINDS, Ticket, Working
from cambista.trading.settings import TradingSettings
from cambista.trading.types import Order, OrderRequest, OrderStatus, Quality

BPS = 10_000
DURATION_MAX_S = 90 * 86_400
# Orders outlive any time a hold could be given; they end by a command of their book, and their hold with them.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


def ticks_of(price: Price | None, spec: PairSpec) -> int | None:
    """Whole ticks; refuses `price_off_tick`, `price_out_of_range`."""
    if price is None:
        return None
    if price.value > spec.tick * WHOLE_MAX:
        raise PriceTooLarge(pair=str(spec.pair))
    if price.value % spec.tick:
        raise PriceOffTick(price=price.text, tick=f"{spec.tick:f}")
    return int(price.value / spec.tick)


def nearest_tick(price: Decimal, spec: PairSpec) -> int:
    """The fair price in ticks, at least one."""
    return max(1, round(price / spec.tick))


def lots_of(quantity: Amount | None, spec: PairSpec) -> int | None:
    """Whole lots; refuses `quantity_off_lot`."""
    if quantity is None:
        return None
    lots, rest = divmod(quantity.units, spec.lot.units)
    if rest:
        raise QuantityOffLot(quantity=quantity.text, lot=spec.lot.text)
    return lots


def price_at(ticks: int, spec: PairSpec) -> Price:
    return Price(spec.tick * ticks, spec.pair)


def amount_of(lots: int, spec: PairSpec) -> Amount:
    return Amount(lots * spec.lot.units, spec.pair.base)


def draft(
    request: OrderRequest, id: OrderId, fair: int | None, now: datetime, settings: TradingSettings
) -> tuple[Order, Working]:
    """The order that a request makes and what the book is told of it; refuses what breaks its pair's or its kind's
    rules. `fair` is the fair price in ticks, for the kinds that go by it."""
    spec, kind = request.spec, KINDS[request.type]
    _check_size(request)
    timed = request.time_in_force or kind.times[0]
    expires_at = _expiry(request, timed, now) if timed is TimeInForce.GTD else None
    ticket = _ticket(request, fair, expires_at, settings)
    kind.check(ticket)
    work = kind.work(ticket)
    if not 0 < work.limit <= WHOLE_MAX:
        raise PriceTooLarge(pair=str(spec.pair))
    assert ticket.time_in_force is not None
    order = Order(
        id=id,
        customer_id=request.customer_id,
        spec=spec,
        side=request.side,
        type=request.type,
        lots=ticket.quantity,
        left=ticket.quantity,
        limit=work.limit,
        time_in_force=ticket.time_in_force,
        lot_cost=lot_cost(spec, request.side, work.limit, max(settings.maker_fee_bps, settings.taker_fee_bps)),
        maker_bps=settings.maker_fee_bps,
        taker_bps=settings.taker_fee_bps,
        created_at=now,
        status=OrderStatus.WORKING if kind.parent else OrderStatus.NEW,
        client_order_id=request.client_order_id,
        price=ticket.price,
        stop=ticket.stop_price,
        trail=ticket.trail,
        trail_bps=ticket.trail_bps,
        visible=ticket.visible_quantity,
        post_only=request.post_only,
        expires_at=now + timedelta(seconds=request.duration_s or 0) if kind.parent else expires_at,
    )
    assert order.held.units > 0  # refuses `amount_out_of_range` where it does not fit
    return order, work


def _check_size(request: OrderRequest) -> None:
    spec, name = request.spec, request.client_order_id
    if name is not None and _CLIENT_ID.fullmatch(name) is None:
        raise ClientOrderIdInvalid
    if request.quantity < spec.minimum:
        raise AmountTooSmall(minimum=spec.minimum.text, asset=spec.pair.base.code)
    if spec.maximum < request.quantity:
        raise AmountTooLarge(maximum=spec.maximum.text, asset=spec.pair.base.code)


def _expiry(request: OrderRequest, timed: TimeInForce, now: datetime) -> datetime:
    if request.duration_s is None or not 0 < request.duration_s <= DURATION_MAX_S:
        raise OrderTermsInvalid(f"From 1 s to {DURATION_MAX_S} s.", field="duration_s", time_in_force=timed.value)
    return now + timedelta(seconds=request.duration_s)


def _ticket(request: OrderRequest, fair: int | None, expires_at: datetime | None, settings: TradingSettings) -> Ticket:
    spec, kind = request.spec, KINDS[request.type]
    quantity = lots_of(request.quantity, spec)
    assert quantity is not None
    return Ticket(
        side=request.side,
        quantity=quantity,
        collar_bps=settings.collar_bps,
        fair=fair,
        price=ticks_of(request.price, spec),
        stop_price=ticks_of(request.stop_price, spec),
        trail=ticks_of(request.trail, spec),
        trail_bps=request.trail_bps,
        visible_quantity=lots_of(request.visible_quantity, spec),
        duration_s=request.duration_s,
        time_in_force=request.time_in_force or kind.times[0],
        expires_at=None if expires_at is None else microseconds(expires_at),
        post_only=request.post_only,
        self_trade=request.self_trade,
    )


def microseconds(moment: datetime) -> int:
    """A book's time, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=64)
def _units_per_tick_lot(pair: str, tick: Decimal, lot: Decimal, scale: int) -> tuple[int, int]:
    units: Decimal = tick * lot * 10**scale
    return units.as_integer_ratio()


def quote_units(spec: PairSpec, ticks: int, lots: int, *, fee_bps: int, rounding: Rounding) -> int:
    """What `lots` are worth at `ticks`, with a fee of that many basis points on top (below zero: off), in whole units
    of the quote asset. Rounded once, by `rounding`: UP for who pays, DOWN for who is paid."""
    numerator, denominator = _units_per_tick_lot(
        str(spec.pair), spec.tick, spec.lot.decimal, spec.pair.quote.scale
    )  # fmt: skip
    return divide(ticks * lots * numerator * (BPS + fee_bps), denominator * BPS, rounding)


def lot_cost(spec: PairSpec, side: Side, limit: int, worst_bps: int) -> int:
    """What is held for each lot. Each lot is rounded up by itself, so that no way to fill an order in parts costs more
    than is held for them."""
    if side is Side.SELL:
        return spec.lot.units
    return quote_units(spec, limit, 1, fee_bps=worst_bps, rounding=Rounding.UP)


def hold_for(order: Order) -> Hold:
    return Hold(order.hold_id, customer_account(order.customer_id, order.held_asset), order.held, NEVER)


def status_after(order: Order) -> OrderStatus:
    """Where an order that lives stands, by what of it is filled."""
    if not order.left:
        return OrderStatus.FILLED
    return OrderStatus.PARTIALLY_FILLED if order.left < order.lots else OrderStatus.WORKING


def quality(order: Order, arrival: int) -> Quality:
    """Execution against the arrival price (implementation shortfall, Perold 1988), rounded to a hundredth of a basis
    point; the average price to ten digits."""
    sign = 1 if order.side is Side.BUY else -1
    gross = Amount(order.quote_units - sign * order.fee_units, order.spec.pair.quote)
    came, base = price_at(arrival, order.spec), amount_of(order.lots - order.left, order.spec)
    average = (gross.decimal / base.decimal).quantize(Decimal("1e-10"))
    worse = sign * (gross.decimal / base.decimal / came.value - 1) * BPS
    return Quality(came, Price(average.normalize(), order.spec.pair), worse.quantize(Decimal("0.01")))
