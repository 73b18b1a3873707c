"""VWAP: sliced as a TWAP is, its slices weighed by the volume that is usual at that time of day."""

from cambista.trading.book.commands import TimeInForce
from cambista.trading.orders.slicing import work
from cambista.trading.orders.ticket import Kind, fields

VWAP = Kind(fields("duration_s"), fields("price"), (TimeInForce.IOC,), work, by_fair=True, parent=True)
