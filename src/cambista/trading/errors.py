"""Refusals of trading."""

from cambista.kernel.errors import Conflict, Invalid, Limited, NotFound, Unavailable


class QuoteUnknown(NotFound):
    code = "quote_not_found"
    sentence = "There is no such quote."


class TradeUnknown(NotFound):
    code = "trade_not_found"
    sentence = "There is no such trade."


class QuoteExpired(Conflict):
    code = "quote_expired"
    sentence = "The quote has expired."


class QuoteTaken(Conflict):
    code = "quote_taken"
    sentence = "The quote has been traded already."


class QuoteNotFirm(Conflict):
    code = "quote_not_firm"
    sentence = "A reference quote informs; it cannot be traded."


class PriceMoved(Conflict):
    code = "price_moved"
    sentence = "The house's price is now worse than the limit given."


class TooManyOpenQuotes(Limited):
    code = "open_quotes_exceeded"
    sentence = "The customer has too many open firm quotes."


class TillShort(Unavailable):
    code = "till_short"
    sentence = "The house cannot cover this amount now."


class OrderUnknown(NotFound):
    code = "order_not_found"
    sentence = "There is no such order."


class OrderEnded(Conflict):
    code = "order_ended"
    sentence = "The order has ended already."


class PriceOffTick(Invalid):
    code = "price_off_tick"
    sentence = "The price is no whole number of the pair's ticks."


class QuantityOffLot(Invalid):
    code = "quantity_off_lot"
    sentence = "The quantity is no whole number of the pair's lots."


class OrderTermsInvalid(Invalid):
    code = "order_terms_invalid"
    sentence = "The order's terms do not fit its type, or each other."


class PriceTooLarge(Invalid):
    code = "price_out_of_range"
    sentence = "The price is larger than a book keeps."


class ClientOrderIdInvalid(Invalid):
    code = "client_order_id_invalid"
    sentence = "A client order id is 1 to 64 letters, digits, dots, dashes, underscores or colons."


class ClientOrderIdTaken(Conflict):
    code = "client_order_id_taken"
    sentence = "The customer has given another order this client order id."


class TooManyOpenOrders(Limited):
    code = "open_orders_exceeded"
    sentence = "The customer has too many open orders."


class CounterpartyBlocked(Conflict):
    code = "counterparty_blocked"
    sentence = "An order on the other side cannot be settled and is being taken out; try again."
