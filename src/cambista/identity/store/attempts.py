"""The SQL of counted attempts."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cambista.identity.rules.lockout import Failures
from cambista.runtime import Tx


async def lock_failures(tx: Tx, counters: Sequence[str]) -> dict[str, Failures]:
    """What those counters have seen, each locked; those that have seen nothing are made."""
    names = sorted(set(counters))
    await tx.execute(
        """
        INSERT INTO identity.login_failure (counter, failures, last_at)
        SELECT name, 0, $2 FROM unnest($1::text[]) AS name
        ON CONFLICT (counter) DO NOTHING
        """,
        names,
        tx.now,
    )
    rows = await tx.all(
        """
        SELECT counter, failures, last_at FROM identity.login_failure WHERE counter = ANY($1)
        ORDER BY counter FOR NO KEY UPDATE
        """,
        names,
    )
    return {row["counter"]: Failures(row["failures"], row["last_at"]) for row in rows}


async def set_failures(tx: Tx, counters: Mapping[str, Failures]) -> None:
    await tx.execute(
        """
        UPDATE identity.login_failure f SET failures = told.failures, last_at = told.last_at
        FROM unnest($1::text[], $2::int[], $3::timestamptz[]) AS told (counter, failures, last_at)
        WHERE f.counter = told.counter
        """,
        list(counters),
        [each.count for each in counters.values()],
        [each.last_at for each in counters.values()],
    )


async def sweep_failures(tx: Tx, before: datetime) -> None:
    """Forget counters at rest since that moment."""
    await tx.execute("DELETE FROM identity.login_failure WHERE last_at < $1", before)
