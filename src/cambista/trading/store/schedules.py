"""Parents' schedules in SQL, and the volume that is usual at an hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cambista.kernel.ids import OrderId
from cambista.runtime import Reader, Tx


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a parent's slices follow from; `arrival` is the fair price in ticks when it came."""

    order_id: OrderId
    seed: int
    started_at: datetime
    duration_s: int
    arrival: int
    curve: Sequence[int]


async def insert_schedule(tx: Tx, schedule: Schedule) -> None:
    await tx.copy(
        "trading",
        "schedule",
        ("order_id", "seed", "started_at", "duration_s", "arrival_ticks", "curve"),
        [
            (
                schedule.order_id, schedule.seed, schedule.started_at, schedule.duration_s, schedule.arrival,
                list(schedule.curve),
            )
        ],
    )  # fmt: skip


async def find_schedules(reader: Reader, ids: Sequence[UUID]) -> dict[OrderId, Schedule]:
    rows = await reader.all("SELECT * FROM trading.schedule WHERE order_id = ANY($1)", ids)
    return {
        row["order_id"]: Schedule(
            row["order_id"], row["seed"], row["started_at"], row["duration_s"], row["arrival_ticks"], row["curve"]
        )
        for row in rows
    }


async def list_open_parents(reader: Reader, after: UUID, limit: int) -> list[tuple[OrderId, str]]:
    """Parents that are still sliced, from above id `after`: id and pair."""
    rows = await reader.all(
        """
        SELECT id, pair FROM trading.book_order
        WHERE number IS NULL AND status IN ('working', 'partially_filled') AND id > $1 ORDER BY id LIMIT $2
        """,
        after,
        limit,
    )
    return [(row["id"], row["pair"]) for row in rows]


async def last_children(reader: Reader, parents: Sequence[UUID]) -> dict[OrderId, datetime]:
    """When each of those parents sent its last child."""
    rows = await reader.all(
        """
        SELECT parent_id, max(created_at) AS sent_at FROM trading.book_order
        WHERE parent_id = ANY($1) GROUP BY parent_id
        """,
        parents,
    )
    return {row["parent_id"]: row["sent_at"] for row in rows}


async def volume_by_hour(reader: Reader, pair: str, since: datetime) -> dict[int, int]:
    """Units of base that changed hands in each hour (UTC) of the day since then."""
    rows = await reader.all(
        """
        SELECT extract(hour FROM executed_at AT TIME ZONE 'UTC')::int AS hour, sum(base_units)::bigint AS units
        FROM trading.fill WHERE pair = $1 AND maker AND executed_at >= $2 GROUP BY 1
        """,
        pair,
        since,
    )
    return {row["hour"]: row["units"] for row in rows}
