"""Stop limit: sleeps as a stop loss does, then works as a limit order of its price."""

from cambista.trading.book.commands import Trigger
from cambista.trading.orders.ticket import RESTING, Kind, Ticket, Working, fields, stopped


def work(ticket: Ticket) -> Working:
    return stopped(ticket, Trigger.STOP_LOSS, ticket.price)


STOP_LIMIT = Kind(fields("price", "stop_price"), fields("post_only"), RESTING, work, by_fair=True)
