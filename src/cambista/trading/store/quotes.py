"""Quotes and trades in SQL."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from cambista.kernel.ids import CustomerId, QuoteId, TradeId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import PAIRS, REPORTING_ASSET, PairSpec
from cambista.ledger import Period
from cambista.pricing import Receipt, Rung
from cambista.runtime import Reader, Tx
from cambista.trading.types import IssuedQuote, Quote, QuoteKind, Terms, Trade, TradedReceipt

_TERMS = (
    "pair", "side", "price", "base_units", "quote_units", "fee_units", "tax_units", "spread_units", "notional_units",
    "rung",
)  # fmt: skip
_QUOTE = (
    "id", "customer_id", "kind", *_TERMS, "created_at", "expires_at",
    "receipt_sha256", "receipt_signature", "receipt_key_id", "receipt",
)  # fmt: skip
_TRADE = ("id", "quote_id", "customer_id", *_TERMS, "executed_at")
_KINDS = {kind.value: kind for kind in QuoteKind}
_LAST_ID = UUID(int=2**128 - 1)
_TERM_LIST = ", ".join(_TERMS)


def _term_values(terms: Terms) -> tuple[object, ...]:
    return (
        str(terms.pair), terms.side.value, terms.price.value, terms.base.units, terms.quote.units,
        terms.fee.units, terms.tax.units, terms.spread.units, terms.notional.units, terms.rung.value,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _words(pair: str, side: str, rung: str) -> tuple[PairSpec, Side, Rung]:
    return PAIRS[pair], Side(side), Rung(rung)


def _terms(row: Any) -> Terms:
    spec, side, rung = _words(row["pair"], row["side"], row["rung"])
    base, quote = spec.pair.base, spec.pair.quote
    return Terms(
        spec.pair,
        side,
        Price(row["price"], spec.pair),
        Amount(row["base_units"], base),
        Amount(row["quote_units"], quote),
        Amount(row["fee_units"], quote),
        Amount(row["tax_units"], quote),
        Amount(row["spread_units"], quote),
        Amount(row["notional_units"], REPORTING_ASSET),
        rung,
    )


def _quote(row: Any) -> Quote:
    kind = _KINDS[row["kind"]]
    return Quote(row["id"], row["customer_id"], kind, _terms(row), row["created_at"], row["expires_at"])


def _trade(row: Any) -> Trade:
    return Trade(row["id"], row["quote_id"], row["customer_id"], _terms(row), row["executed_at"])


async def insert_quotes(tx: Tx, issued: Sequence[IssuedQuote]) -> None:
    await tx.copy(
        "trading", "quote", _QUOTE,
        [
            (
                each.quote.id, each.quote.customer_id, each.quote.kind.value, *_term_values(each.quote.terms),
                each.quote.created_at, each.quote.expires_at, each.receipt.sha256, each.receipt.signature,
                each.receipt.key_id, each.receipt.content.decode(),
            )
            for each in issued
        ],
    )  # fmt: skip


async def find_quotes(reader: Reader, ids: Sequence[UUID]) -> dict[QuoteId, Quote]:
    """Quotes never change, so no lock: the ledger's hold decides who takes one."""
    rows = await reader.all(
        f"""
        SELECT id, customer_id, kind, {_TERM_LIST}, created_at, expires_at FROM {reader.table("trading.quote")}
        WHERE id = ANY($1)
        """,
        ids,
    )
    return {row["id"]: _quote(row) for row in rows}


async def find_issued(reader: Reader, id: UUID) -> IssuedQuote | None:
    row = await reader.one(f"SELECT * FROM {reader.table('trading.quote')} WHERE id = $1", id)
    if row is None:
        return None
    receipt = Receipt(row["receipt"].encode(), row["receipt_sha256"], row["receipt_signature"], row["receipt_key_id"])
    return IssuedQuote(_quote(row), receipt)


async def count_open_quotes(reader: Reader, customers: Sequence[CustomerId], now: datetime) -> dict[CustomerId, int]:
    rows = await reader.all(
        """
        SELECT q.customer_id, count(*) AS open FROM trading.quote q
        WHERE q.customer_id = ANY($1) AND q.expires_at > $2 AND q.kind = 'firm'
          AND NOT EXISTS (SELECT FROM trading.trade t WHERE t.quote_id = q.id)
        GROUP BY q.customer_id
        """,
        customers,
        now,
    )
    return {row["customer_id"]: row["open"] for row in rows}


async def insert_trades(tx: Tx, trades: Sequence[Trade]) -> None:
    await tx.copy(
        "trading", "trade", _TRADE,
        [
            (trade.id, trade.quote_id, trade.customer_id, *_term_values(trade.terms), trade.executed_at)
            for trade in trades
        ],
    )  # fmt: skip


async def find_trade(reader: Reader, id: UUID) -> Trade | None:
    row = await reader.one(f"SELECT * FROM {reader.table('trading.trade')} WHERE id = $1", id)
    return _trade(row) if row else None


async def list_trades(reader: Reader, customer: CustomerId | None, before: TradeId | None, limit: int) -> list[Trade]:
    """Newest first (UUIDv7 ids rise with time), from below `before`."""
    rows = await reader.all(
        f"""
        SELECT * FROM {reader.table("trading.trade")}
        WHERE ($1::uuid IS NULL OR customer_id = $1) AND id < $2
        ORDER BY id DESC LIMIT $3
        """,
        customer,
        before or _LAST_ID,
        limit,
    )
    return [_trade(row) for row in rows]


async def list_quotes(reader: Reader, customer: CustomerId | None, before: QuoteId | None, limit: int) -> list[Quote]:
    rows = await reader.all(
        f"""
        SELECT id, customer_id, kind, {_TERM_LIST}, created_at, expires_at FROM {reader.table("trading.quote")}
        WHERE ($1::uuid IS NULL OR customer_id = $1) AND id < $2
        ORDER BY id DESC LIMIT $3
        """,
        customer,
        before or _LAST_ID,
        limit,
    )
    return [_quote(row) for row in rows]


async def list_receipts(
    reader: Reader, period: Period, customer: UUID | None, after: UUID | None, limit: int
) -> list[TradedReceipt]:
    """Receipts of trades executed in the period, in the order of their ids, from above trade `after`."""
    rows = await reader.all(
        """
        SELECT t.id, t.quote_id, q.receipt, q.receipt_sha256, q.receipt_signature, q.receipt_key_id
        FROM trading.trade t JOIN trading.quote q ON q.id = t.quote_id
        WHERE t.executed_at >= $1 AND t.executed_at < $2 AND ($3::uuid IS NULL OR t.customer_id = $3) AND t.id > $4
        ORDER BY t.id LIMIT $5
        """,
        period.since,
        period.until,
        customer,
        after or UUID(int=0),
        limit,
    )
    return [
        TradedReceipt(
            row["id"],
            row["quote_id"],
            Receipt(row["receipt"].encode(), row["receipt_sha256"], row["receipt_signature"], row["receipt_key_id"]),
        )
        for row in rows
    ]
