"""Customers' quotes and trades. Owns schema `trading`; announces QuoteIssued and TradeExecuted."""

from cambista.trading.errors import (
    PriceMoved,
    QuoteExpired,
    QuoteNotFirm,
    QuoteTaken,
    QuoteUnknown,
    TillShort,
    TooManyOpenQuotes,
    TradeUnknown,
)
from cambista.trading.events import QuoteIssued, TradeExecuted
from cambista.trading.service import Trading
from cambista.trading.settings import TradingSettings
from cambista.trading.types import (
    Acceptance,
    DirectTrade,
    IssuedQuote,
    Quote,
    QuoteKind,
    QuoteRequest,
    Terms,
    Trade,
    TradedReceipt,
)

__all__ = [
    "Acceptance",
    "DirectTrade",
    "IssuedQuote",
    "PriceMoved",
    "Quote",
    "QuoteExpired",
    "QuoteIssued",
    "QuoteKind",
    "QuoteNotFirm",
    "QuoteRequest",
    "QuoteTaken",
    "QuoteUnknown",
    "Terms",
    "TillShort",
    "TooManyOpenQuotes",
    "Trade",
    "TradeExecuted",
    "TradeUnknown",
    "TradedReceipt",
    "Trading",
    "TradingSettings",
]
