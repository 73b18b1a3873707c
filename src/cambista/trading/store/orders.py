"""Orders, their fills and parents' schedules in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.kernel.ids import CustomerId, OrderId, TransferId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import PAIRS
from cambista.runtime import Reader, Tx
from cambista.trading.book.commands import TimeInForce
from cambista.trading.types import Fill, Order, OrderStatus, OrderType

_ORDER = (
    "id", "customer_id", "client_order_id", "parent_id", "pair", "number", "side", "type", "lots", "lot_units", "tick",
    "limit_ticks", "price_ticks", "stop_ticks", "trail_ticks", "trail_bps", "visible_lots", "time_in_force",
    "post_only", "expires_at", "lot_cost", "maker_bps", "taker_bps", "created_at", "status", "reason", "left_lots",
    "shown_lots", "quote_units", "fee_units",
)  # fmt: skip
_FILL = (
    "id", "order_id", "customer_id", "pair", "maker", "side", "price", "base_units", "quote_units", "fee_units",
    "left_units", "executed_at",
)  # fmt: skip
_OPEN = "status IN ('new', 'working', 'partially_filled')"
_LAST_ID = UUID(int=2**128 - 1)


def _values(order: Order) -> tuple[object, ...]:
    return (
        order.id, order.customer_id, order.client_order_id, order.parent_id, order.pair, order.number,
        order.side.value, order.type.value, order.lots, order.spec.lot.units, order.spec.tick, order.limit,
        order.price, order.stop, order.trail, order.trail_bps, order.visible, order.time_in_force.value,
        order.post_only, order.expires_at, order.lot_cost, order.maker_bps, order.taker_bps, order.created_at,
        order.status.value, order.reason, order.left, order.shown, order.quote_units, order.fee_units,
    )  # fmt: skip


def _order(row: Any) -> Order:
    spec = PAIRS[row["pair"]]
    assert (spec.lot.units, spec.tick) == (row["lot_units"], row["tick"]), "a pair with orders keeps its steps"
    return Order(
        id=row["id"],
        customer_id=row["customer_id"],
        spec=spec,
        side=Side(row["side"]),
        type=OrderType(row["type"]),
        lots=row["lots"],
        left=row["left_lots"],
        limit=row["limit_ticks"],
        time_in_force=TimeInForce(row["time_in_force"]),
        lot_cost=row["lot_cost"],
        maker_bps=row["maker_bps"],
        taker_bps=row["taker_bps"],
        created_at=row["created_at"],
        status=OrderStatus(row["status"]),
        reason=row["reason"],
        shown=row["shown_lots"],
        number=row["number"],
        parent_id=row["parent_id"],
        client_order_id=row["client_order_id"],
        price=row["price_ticks"],
        stop=row["stop_ticks"],
        trail=row["trail_ticks"],
        trail_bps=row["trail_bps"],
        visible=row["visible_lots"],
        post_only=row["post_only"],
        expires_at=row["expires_at"],
        quote_units=row["quote_units"],
        fee_units=row["fee_units"],
    )


async def insert_orders(tx: Tx, orders: Sequence[Order]) -> None:
    await tx.copy("trading", "book_order", _ORDER, [_values(order) for order in orders])


async def update_orders(tx: Tx, orders: Sequence[Order]) -> None:
    """Write where orders stand now."""
    if not orders:
        return
    await tx.execute(
        """
        UPDATE trading.book_order o
        SET status = w.status, reason = w.reason, left_lots = w.left_lots, shown_lots = w.shown,
            quote_units = w.quote, fee_units = w.fee
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
            AS w (id, status, reason, left_lots, shown, quote, fee)
        WHERE o.id = w.id
        """,
        [order.id for order in orders],
        [order.status.value for order in orders],
        [order.reason for order in orders],
        [order.left for order in orders],
        [order.shown for order in orders],
        [order.quote_units for order in orders],
        [order.fee_units for order in orders],
    )


async def find_orders(reader: Reader, ids: Sequence[UUID]) -> dict[OrderId, Order]:
    rows = await reader.all(f"SELECT * FROM {reader.table('trading.book_order')} WHERE id = ANY($1)", ids)
    return {row["id"]: _order(row) for row in rows}


async def find_numbered(reader: Reader, pair: str, numbers: Sequence[int]) -> dict[int, Order]:
    """Orders of a book by their numbers; safe to decide on once the book is locked."""
    rows = await reader.all("SELECT * FROM trading.book_order WHERE pair = $1 AND number = ANY($2)", pair, numbers)
    return {row["number"]: _order(row) for row in rows}


async def count_open(reader: Reader, customers: Sequence[UUID]) -> dict[UUID, int]:
    """How many orders those customers have open, a parent's children not counted."""
    rows = await reader.all(
        f"""
        SELECT customer_id, count(*) AS open FROM trading.book_order
        WHERE customer_id = ANY($1) AND parent_id IS NULL AND {_OPEN} GROUP BY customer_id
        """,
        customers,
    )
    return {row["customer_id"]: row["open"] for row in rows}


async def known_names(reader: Reader, names: Sequence[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Which of those client order ids are taken."""
    rows = await reader.all(
        """
        SELECT o.customer_id, o.client_order_id FROM trading.book_order o
        JOIN unnest($1::uuid[], $2::text[]) AS w (customer, name)
            ON o.customer_id = w.customer AND o.client_order_id = w.name
        """,
        [customer for customer, _ in names],
        [name for _, name in names],
    )
    return {(row["customer_id"], row["client_order_id"]) for row in rows}


async def list_orders(
    reader: Reader, customer: CustomerId | None, before: OrderId | None, limit: int, *, open_only: bool
) -> list[Order]:
    """Newest first, from below `before`."""
    rows = await reader.all(
        f"""
        SELECT * FROM {reader.table("trading.book_order")}
        WHERE ($1::uuid IS NULL OR customer_id = $1) AND id < $2 AND (NOT $4 OR {_OPEN}) ORDER BY id DESC LIMIT $3
        """,
        customer,
        before or _LAST_ID,
        limit,
        open_only,
    )
    return [_order(row) for row in rows]


async def insert_fills(tx: Tx, fills: Sequence[Fill], pair: str) -> None:
    await tx.copy(
        "trading", "fill", _FILL,
        [
            (
                each.id, each.order_id, each.customer_id, pair, each.maker, each.side.value, each.price.value,
                each.base.units, each.quote.units, each.fee.units, each.left.units, each.executed_at,
            )
            for each in fills
        ],
    )  # fmt: skip


async def list_fills(reader: Reader, order: OrderId, limit: int) -> list[Fill]:
    """The newest fills of an order, oldest first; of a parent, its children's."""
    table, orders = reader.table("trading.fill"), reader.table("trading.book_order")
    rows = await reader.all(
        f"""
        SELECT * FROM {table} WHERE order_id = $1 OR order_id IN (SELECT id FROM {orders} WHERE parent_id = $1)
        ORDER BY executed_at DESC, left_units, id DESC LIMIT $2
        """,
        order,
        limit,
    )
    return [_fill(row) for row in reversed(rows)]


def _fill(row: Any) -> Fill:
    pair = PAIRS[row["pair"]].pair
    return Fill(
        id=TransferId(row["id"]),
        order_id=OrderId(row["order_id"]),
        customer_id=CustomerId(row["customer_id"]),
        maker=row["maker"],
        side=Side(row["side"]),
        price=Price(row["price"], pair),
        base=Amount(row["base_units"], pair.base),
        quote=Amount(row["quote_units"], pair.quote),
        fee=Amount(row["fee_units"], pair.quote),
        left=Amount(row["left_units"], pair.base),
        executed_at=row["executed_at"],
    )


async def list_pairs_asleep(reader: Reader) -> list[str]:
    """Pairs with an order that waits for its trigger."""
    rows = await reader.all("SELECT DISTINCT pair FROM trading.book_order WHERE status = 'new'")
    return [row["pair"] for row in rows]


async def list_pairs_due(reader: Reader, now: datetime) -> list[str]:
    """Pairs with an order whose time is over."""
    rows = await reader.all(
        f"""
        SELECT DISTINCT pair FROM trading.book_order
        WHERE expires_at <= $1 AND {_OPEN} AND number IS NOT NULL
        """,
        now,
    )
    return [row["pair"] for row in rows]
