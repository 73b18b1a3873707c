"""All the SQL of risk."""

from collections.abc import Mapping, Sequence
from datetime import date

from cambista.kernel.ids import CustomerId
from cambista.risk.types import Limits
from cambista.runtime import Reader, Tx


async def lock_use(tx: Tx, customers: Sequence[CustomerId], day: date) -> dict[CustomerId, int]:
    rows = await tx.all(
        """
        SELECT customer_id, units FROM risk.daily_use
        WHERE customer_id = ANY($1) AND day = $2 ORDER BY customer_id FOR UPDATE
        """,
        sorted(customers),
        day,
    )
    return {row["customer_id"]: row["units"] for row in rows}


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
    customers = sorted(units)
    await tx.execute(
        """
        INSERT INTO risk.daily_use AS u (customer_id, day, units)
        SELECT w.customer_id, $3, w.units FROM unnest($1::uuid[], $2::bigint[]) AS w (customer_id, units)
        ON CONFLICT (customer_id, day) DO UPDATE SET units = u.units + excluded.units
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
