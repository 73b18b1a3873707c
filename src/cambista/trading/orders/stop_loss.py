"""Stop loss: sleeps until the fair price has gone against its owner to the stop price, then takes what is there."""

from cambista.trading.book.commands import Trigger
from cambista.trading.orders.ticket import AT_ONCE, Kind, Ticket, Working, fields, stopped


def work(ticket: Ticket) -> Working:
    return stopped(ticket, Trigger.STOP_LOSS)


STOP_LOSS = Kind(fields("stop_price"), fields(), AT_ONCE, work, by_fair=True)
