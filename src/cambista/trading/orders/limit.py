"""Limit: trades at its price or better, and rests with what is left for as long as it may."""

from cambista.trading.orders.ticket import RESTING, Kind, Ticket, Working, fields


def work(ticket: Ticket) -> Working:
    assert ticket.price is not None
    return Working(ticket.price, ticket.terms())


LIMIT = Kind(fields("price"), fields("post_only"), RESTING, work)
