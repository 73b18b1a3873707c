"""Nouns of trading: what a customer asks, what the house promises, what was traded."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cambista.kernel.callers import Caller
from cambista.kernel.ids import CustomerId, QuoteId, TradeId
from cambista.kernel.market import Pair, Price, Side
from cambista.kernel.money import Amount
from cambista.pricing import Receipt, Rung


class QuoteKind(StrEnum):
    """`firm` reserves the till and is traded once; `reference` only informs; `direct` was made and traded at once."""

    FIRM = "firm"
    REFERENCE = "reference"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """`amount` is in the pair's base or quote asset."""

    caller: Caller
    customer_id: CustomerId
    pair: Pair
    side: Side
    amount: Amount
    kind: QuoteKind = QuoteKind.FIRM


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trade moves.

    `quote` is all that the customer pays or gets, with `fee` and `tax` as parts of it; `spread` is what the house
    earns against the fair price, in the quote asset; `notional` values the trade in the reporting asset.
    """

    pair: Pair
    side: Side
    price: Price
    base: Amount
    quote: Amount
    fee: Amount
    tax: Amount
    spread: Amount
    notional: Amount
    rung: Rung


@dataclass(frozen=True, slots=True)
class Quote:
    """A price for one customer, one side, one amount, until `expires_at`. Never changes once issued."""

    id: QuoteId
    customer_id: CustomerId
    kind: QuoteKind
    terms: Terms
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedQuote:
    """A quote with the signed account of its price."""

    quote: Quote
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The caller takes that quote."""

    caller: Caller
    customer_id: CustomerId
    quote_id: QuoteId


@dataclass(frozen=True, slots=True)
class DirectTrade:
    """Trade `amount` of base at once, at the house's price if it is no worse for the customer than `limit`."""

    caller: Caller
    customer_id: CustomerId
    pair: Pair
    side: Side
    amount: Amount
    limit: Price


@dataclass(frozen=True, slots=True)
class Trade:
    """An accepted quote; settled when it exists."""

    id: TradeId
    quote_id: QuoteId
    customer_id: CustomerId
    terms: Terms
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class TradedReceipt:
    """A trade, its quote, and the signed account of its price."""

    trade_id: TradeId
    quote_id: QuoteId
    receipt: Receipt
