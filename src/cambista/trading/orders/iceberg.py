"""Iceberg: a limit order of which the book shows a part at a time; each new part stands last in its queue."""

from cambista.trading.book.commands import TimeInForce
from cambista.trading.orders.ticket import Kind, Ticket, Working, fields


def work(ticket: Ticket) -> Working:
    assert ticket.price is not None
    return Working(ticket.price, ticket.terms(visible=ticket.visible_quantity))


ICEBERG = Kind(
    fields("price", "visible_quantity"), fields("post_only"), (TimeInForce.GTC, TimeInForce.GTD), work
)  # fmt: skip
