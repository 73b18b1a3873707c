"""The kinds of order, pure, a file a kind: what each needs, what it takes, and what of it the book is told."""

from collections.abc import Mapping

from cambista.trading.orders.iceberg import ICEBERG
from cambista.trading.orders.limit import LIMIT
from cambista.trading.orders.market import MARKET
from cambista.trading.orders.stop_limit import STOP_LIMIT
from cambista.trading.orders.stop_loss import STOP_LOSS
from cambista.trading.orders.take_profit import TAKE_PROFIT
from cambista.trading.orders.ticket import Kind, Ticket, Working
from cambista.trading.orders.trailing_stop import TRAILING_STOP
from cambista.trading.orders.twap import TWAP
from cambista.trading.orders.vwap import VWAP
from cambista.trading.types import OrderType

KINDS: Mapping[OrderType, Kind] = {
    OrderType.MARKET: MARKET,
    OrderType.LIMIT: LIMIT,
    OrderType.STOP_LOSS: STOP_LOSS,
    OrderType.TAKE_PROFIT: TAKE_PROFIT,
    OrderType.STOP_LIMIT: STOP_LIMIT,
    OrderType.TRAILING_STOP: TRAILING_STOP,
    OrderType.ICEBERG: ICEBERG,
    OrderType.TWAP: TWAP,
    OrderType.VWAP: VWAP,
}

__all__ = ["KINDS", "Kind", "Ticket", "Working"]
