"""Refusals of trading."""

from cambista.kernel.errors import Conflict, Limited, NotFound, Unavailable


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
