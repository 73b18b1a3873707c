"""TWAP: sliced evenly over its duration, each slice an immediate child; sizes and times swing by a seed."""

from cambista.trading.book.commands import TimeInForce
from cambista.trading.orders.slicing import work
from cambista.trading.orders.ticket import Kind, fields

TWAP = Kind(fields("duration_s"), fields("price"), (TimeInForce.IOC,), work, by_fair=True, parent=True)
