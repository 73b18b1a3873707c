"""Market: takes what is there at once, no worse than the collar around the fair price."""

from cambista.trading.orders.ticket import AT_ONCE, Kind, Ticket, Working, fields


def work(ticket: Ticket) -> Working:
    return Working(ticket.collar(ticket.fair), ticket.terms())


MARKET = Kind(fields(), fields(), AT_ONCE, work, by_fair=True)
