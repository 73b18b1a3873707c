"""Trailing stop: follows the best fair price since it came, and takes what is there once that turns back by the trail.

Its limit is the collar around where the stop stood at first: it is held by that, and never trades worse.
"""

from cambista.kernel.market import Side
from cambista.trading.book.commands import Sleep, Trigger
from cambista.trading.errors import OrderTermsInvalid
from cambista.trading.orders.ticket import AT_ONCE, BPS, Kind, Ticket, Working, fields


def work(ticket: Ticket) -> Working:
    assert ticket.fair is not None
    if (ticket.trail is None) == (ticket.trail_bps is None):
        raise OrderTermsInvalid("A trail is a distance or a percentage.", field="trail")
    if ticket.trail_bps is not None:
        away, sleep = -(-ticket.fair * ticket.trail_bps // BPS), Sleep(Trigger.TRAIL_BPS, ticket.trail_bps)
    else:
        assert ticket.trail is not None
        away, sleep = ticket.trail, Sleep(Trigger.TRAIL_TICKS, ticket.trail)
    if not 0 < away < ticket.fair:
        raise OrderTermsInvalid("The trail is longer than the price.", field="trail")
    first_stop = ticket.fair + away if ticket.side is Side.BUY else ticket.fair - away
    return Working(ticket.collar(first_stop), ticket.terms(sleep=sleep))


TRAILING_STOP = Kind(fields("trail"), fields("trail_bps"), AT_ONCE, work, by_fair=True)
