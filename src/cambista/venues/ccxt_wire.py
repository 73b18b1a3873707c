"""What ccxt says about orders and numbers, and what it means in ours."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from cambista.kernel.market import Pair
from cambista.venues.rules import NUMBER_LENGTH_MAX
from cambista.venues.trading_port import TimeInForce, VenueFill, VenueOrder, VenueOrderState, VenueReport

_ZERO = Decimal(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATES: Mapping[str, VenueOrderState] = {
    "open": VenueOrderState.WORKING,
    "closed": VenueOrderState.FILLED,
    "canceled": VenueOrderState.CANCELLED,
    "canceling": VenueOrderState.WORKING,
    "expired": VenueOrderState.EXPIRED,
    "rejected": VenueOrderState.REJECTED,
}


def placing(order: VenueOrder) -> tuple[str, str, str, str, str | None]:
    kind, price = ("market", None) if order.limit is None else ("limit", f"{order.limit:f}")
    return str(order.pair), kind, order.side.value, f"{order.quantity:f}", price


def parameters(order: VenueOrder) -> dict[str, object]:
    named: dict[str, object] = {"clientOrderId": order.client_id.hex}
    if order.post_only:
        return named | {"postOnly": True}
    if order.limit is not None and order.time_in_force is not TimeInForce.GTC:
        return named | {"timeInForce": order.time_in_force.value.upper()}
    return named


def fill(trade: Mapping[str, Any], pair: Pair) -> VenueFill:
    fee = trade.get("fee") or {}
    at = datetime.fromtimestamp(int(trade["timestamp"]) / 1000, UTC) if trade.get("timestamp") else _EPOCH
    return VenueFill(
        str(trade["id"]),
        decimal(trade["price"]),
        decimal(trade["amount"]),
        decimal(fee.get("cost")),
        str(fee.get("currency") or pair.quote.code),
        at,
    )


def named(order: Mapping[str, Any]) -> str:
    """The exchange's own id of an order; ValueError where the answer holds none."""
    found = order.get("id")
    if not isinstance(found, str) or not found:
        raise ValueError("an order without an id")
    return found


def own_id(order: Mapping[str, Any]) -> UUID | None:
    try:
        return UUID(str(order.get("clientOrderId") or ""))
    except ValueError:
        return None


def decimal(value: object) -> Decimal:
    """What ccxt calls a number, of which some of its own constants are floats; nothing and nonsense are zero."""
    try:
        number = Decimal(str(value or 0)[:NUMBER_LENGTH_MAX])
    except ArithmeticError:
        return _ZERO
    return number if number.is_finite() and number > 0 else _ZERO


def parsed(text: str) -> object:
    try:
        return json.loads(text, parse_float=str)
    except ValueError:
        return None


def rejected(order: VenueOrder, reason: str) -> VenueReport:
    return VenueReport(order.client_id, order.pair, VenueOrderState.REJECTED, reason=reason)
