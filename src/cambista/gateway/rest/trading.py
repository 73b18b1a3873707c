"""Quotes and trades: the wire's words for them, and reading them. Asking and trading are in `hot.py`."""

from typing import Annotated, Literal

import msgspec
from fastapi import Response

from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.deciding import customer_asked
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, id_from
from cambista.gateway.rest.reading import reply_read
from cambista.gateway.rest.routing import Entered, owner_of, rest_router, speaks
from cambista.gateway.rest.words import (
    AmountText,
    AssetCode,
    Cursor,
    ExactIn,
    IdPath,
    IdText,
    OwnerQuery,
    PairName,
    PriceText,
    TimeText,
)
from cambista.identity import CustomerUnknown
from cambista.kernel.ids import IdInvalid, QuoteId, TradeId, parse_id
from cambista.kernel.market import Side
from cambista.kernel.time import wire_time
from cambista.trading import IssuedQuote, QuoteKind, QuoteUnknown, Trade, TradeUnknown

router = rest_router("trading")


class QuoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a price is asked for; `amount` is in `amount_asset`, the pair's base or quote asset."""

    pair: PairName
    side: Side
    amount: ExactIn
    amount_asset: AssetCode
    kind: Literal["firm", "reference"] = "firm"


class TradeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Takes a firm quote."""

    quote_id: IdText


class DirectTradeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Trades at once at the house's price, if it is no worse than `price`. `amount` is in `asset`."""

    asset: AssetCode
    fiat: AssetCode
    amount: ExactIn
    price: ExactIn
    side: Side = Side.BUY


class ReceiptOut(msgspec.Struct):
    """The signed account of a price: `sha256` and `signature` (Ed25519) are of `content` as canonical JSON."""

    sha256: str
    signature: str
    key_id: str
    content: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]


class QuoteOut(msgspec.Struct):
    """`quote_amount` is all that the customer pays or gets, `fee` (in the quote asset) the part of it that is fee."""

    id: IdText
    kind: QuoteKind
    pair: PairName
    side: Side
    price: PriceText
    base_amount: AmountText
    base_asset: AssetCode
    quote_amount: AmountText
    quote_asset: AssetCode
    fee: AmountText
    rung: str
    created_at: TimeText
    expires_at: TimeText
    receipt: ReceiptOut


class TradeOut(msgspec.Struct):
    """A settled trade. `order_id` is the quote it took: no other order stands behind it."""

    id: IdText
    order_id: IdText
    quote_id: IdText
    status: Literal["success"]
    pair: PairName
    side: Side
    price: PriceText
    base_amount: AmountText
    base_asset: AssetCode
    quote_amount: AmountText
    quote_asset: AssetCode
    fee: AmountText
    executed_at: TimeText


class TradePage(msgspec.Struct):
    """Trades, newest first."""

    items: list[TradeOut]
    next_cursor: Cursor


def show_quote(issued: IssuedQuote) -> QuoteOut:
    quote, receipt = issued.quote, issued.receipt
    terms = quote.terms
    return QuoteOut(
        str(quote.id),
        quote.kind,
        str(terms.pair),
        terms.side,
        terms.price.text,
        terms.base.text,
        terms.base.asset.code,
        terms.quote.text,
        terms.quote.asset.code,
        terms.fee.text,
        terms.rung.value,
        wire_time(quote.created_at),
        wire_time(quote.expires_at),
        ReceiptOut(receipt.sha256, receipt.signature, receipt.key_id, msgspec.Raw(receipt.content)),
    )


def show_trade(trade: Trade) -> TradeOut:
    terms = trade.terms
    quote_id = str(trade.quote_id)
    return TradeOut(
        str(trade.id),
        quote_id,
        quote_id,
        "success",
        str(terms.pair),
        terms.side,
        terms.price.text,
        terms.base.text,
        terms.base.asset.code,
        terms.quote.text,
        terms.quote.asset.code,
        terms.fee.text,
        wire_time(trade.executed_at),
    )


QUOTE_EXAMPLE = {
    "id": words.QUOTE, "kind": "firm", "pair": "USDT/COP", "side": "buy", "price": "4012.35",
    "base_amount": "100.000000", "base_asset": "USDT", "quote_amount": "402237.09", "quote_asset": "COP",
    "fee": "1002.09", "rung": "live", "created_at": words.MOMENT, "expires_at": words.LATER,
    "receipt": {"sha256": "9f2c…", "signature": "mF8s…", "key_id": "a1b2c3", "content": {"version": "1"}},
}  # fmt: skip
TRADE_EXAMPLE = {
    "id": words.TRADE, "order_id": words.QUOTE, "quote_id": words.QUOTE, "status": "success", "pair": "USDT/COP",
    "side": "buy", "price": "4012.35", "base_amount": "100.000000", "base_asset": "USDT",
    "quote_amount": "402237.09", "quote_asset": "COP", "fee": "1002.09", "executed_at": words.MOMENT,
}  # fmt: skip


@router.get("/quotes/{id}", **speaks(QuoteOut, QUOTE_EXAMPLE, refuses=(QuoteUnknown, IdInvalid)))
async def get_quote(id: IdPath, passage: Entered) -> Response:
    """A quote with its receipt; another's is not found."""
    found = await passage.doors.trading.issued_quote(QuoteId(parse_id(id)), owner_of(passage))
    return await reply_read(passage, "quote.read", f"quote:{found.quote.id}", show_quote(found))


TRADES_EXAMPLE = {"items": [TRADE_EXAMPLE], "next_cursor": None}


@router.get("/trades", **speaks(TradePage, TRADES_EXAMPLE, refuses=(CursorInvalid, CustomerUnknown, IdInvalid)))
async def list_trades(
    passage: Entered,
    customer_id: OwnerQuery = None,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """Trades, newest first: the caller's own, or everybody's for staff."""
    owner = customer_asked(passage, customer_id) or owner_of(passage)
    before = id_from("trades", cursor)
    found = await passage.doors.trading.trades(owner, before=TradeId(before) if before else None, limit=limit)
    # A full page may be the last; the next one is then empty.
    last = found[-1].id if len(found) == limit else None
    answer = TradePage([show_trade(trade) for trade in found], cursor_to("trades", last))
    subject = "trades" if owner is None else f"customer:{owner}"
    return await reply_read(passage, "trade.list", subject, answer, (each.id for each in answer.items))


@router.get("/trades/{id}", **speaks(TradeOut, TRADE_EXAMPLE, refuses=(TradeUnknown, IdInvalid)))
async def get_trade(id: IdPath, passage: Entered) -> Response:
    """A trade; another's is not found."""
    found = show_trade(await passage.doors.trading.trade(TradeId(parse_id(id)), owner_of(passage)))
    return await reply_read(passage, "trade.read", f"trade:{found.id}", found)
