"""All the SQL of risk."""

from collections.abc import Mapping, Sequence
from datetime import date

from cambista.kernel.ids import CustomerId
from cambista.risk.types import Limits
from cambista.runtime import Reader, Tx


async def lock_use(tx: Tx, customers: Sequence[CustomerId], day: date) -> dict[CustomerId, tuple[int, Limits | None]]:
    """What each has used that day, and limits of its own; the rows stay locked, and are made where there are none."""
    found = await _lock(tx, sorted(customers), day)
    missing = sorted(set(customers) - set(found))
    if missing:
        await _insert_unused(tx, missing, day)
        found |= await _lock(tx, missing, day)
    return found


async def _lock(tx: Tx, customers: Sequence[CustomerId], day: date) -> dict[CustomerId, tuple[int, Limits | None]]:
    rows = await tx.all(
        """
        SELECT u.customer_id, u.units, l.trade_max, l.day_max
        FROM risk.daily_use u LEFT JOIN risk.customer_limit l USING (customer_id)
        WHERE u.customer_id = ANY($1) AND u.day = $2 ORDER BY u.customer_id FOR UPDATE OF u
        """,
        customers,
        day,
    )
    return {
        row["customer_id"]: (row["units"], None if row["day_max"] is None else Limits(row["trade_max"], row["day_max"]))
        for row in rows
    }


async def _insert_unused(tx: Tx, customers: Sequence[CustomerId], day: date) -> None:
    await tx.execute(
        """
        INSERT INTO risk.daily_use (customer_id, day, units)
        SELECT customer_id, $2, 0 FROM unnest($1::uuid[]) customer_id ON CONFLICT DO NOTHING
        """,
        customers,
        day,
    )


async def find_use(reader: Reader, customer: CustomerId, day: date) -> int:
    return int(
        await reader.value("SELECT units FROM risk.daily_use WHERE customer_id = $1 AND day = $2", customer, day) or 0
    )


async def find_limits(reader: Reader, customers: Sequence[CustomerId]) -> dict[CustomerId, Limits]:
    rows = await reader.all(
        "SELECT customer_id, trade_max, day_max FROM risk.customer_limit WHERE customer_id = ANY($1)", customers
    )
    return {row["customer_id"]: Limits(row["trade_max"], row["day_max"]) for row in rows}


async def add_use(tx: Tx, units: Mapping[CustomerId, int], day: date) -> None:
    """Count on locked rows."""
    customers = sorted(units)
    await tx.execute(
        """
        UPDATE risk.daily_use u SET units = u.units + w.units
        FROM unnest($1::uuid[], $2::bigint[]) AS w (customer_id, units)
        WHERE u.customer_id = w.customer_id AND u.day = $3
        """,
        customers,
        [units[customer] for customer in customers],
        day,
    )


async def set_limits(tx: Tx, customer: CustomerId, limits: Limits) -> None:
    await tx.execute(
        """
        INSERT INTO risk.customer_limit (customer_id, trade_max, day_max) VALUES ($1, $2, $3)
        ON CONFLICT (customer_id) DO UPDATE SET trade_max = excluded.trade_max, day_max = excluded.day_max
        """,
        customer,
        limits.trade_max,
        limits.day_max,
    )
