"""Whether somebody still has money here, and when it last moved."""

from collections.abc import Sequence

from cambista.ledger.types import Standing
from cambista.runtime import Tx


async def lock_standings(tx: Tx, owners: Sequence[str]) -> dict[str, Standing]:
    """The customers' accounts of those owners, locked until the transaction ends."""
    rows = await tx.all(
        """
        SELECT owner, bool_or(posted <> 0 OR held <> 0) AS has_money,
            max(booked_at) FILTER (WHERE number > 0) AS moved_at
        FROM (
            SELECT owner, posted, held, booked_at, number FROM ledger.account
            WHERE kind = 'customer' AND owner = ANY($1) ORDER BY id FOR NO KEY UPDATE
        ) accounts GROUP BY owner
        """,
        owners,
    )
    return {row["owner"]: Standing(row["has_money"], row["moved_at"]) for row in rows}
