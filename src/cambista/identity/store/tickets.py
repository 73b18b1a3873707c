"""The SQL of logins half done: the password was right, the second factor is still to be shown."""

from collections.abc import Sequence
from datetime import datetime

from cambista.identity.types.people import PendingLogin
from cambista.kernel.callers import Role
from cambista.runtime import Tx


async def insert_tickets(tx: Tx, tickets: Sequence[tuple[PendingLogin, bytes]]) -> None:
    await tx.copy(
        "identity",
        "login_ticket",
        ("id", "hash", "owner_id", "address", "agent", "device_id", "created_at", "expires_at"),
        [
            (each.id, hash, each.owner_id, each.address, each.agent, each.device_id, each.created_at, each.expires_at)
            for each, hash in tickets
        ],
    )


async def lock_tickets(tx: Tx, hashes: Sequence[bytes]) -> dict[bytes, PendingLogin]:
    """Those that are neither used nor too old and whose owner is not blocked, by the ticket's hash."""
    rows = await tx.all(
        """
        SELECT t.id, t.hash, t.owner_id, p.role, t.address, t.agent, t.device_id, t.created_at, t.expires_at
        FROM identity.login_ticket t JOIN identity.principal p ON p.id = t.owner_id
        WHERE t.hash = ANY($1) AND t.used_at IS NULL AND t.expires_at > $2 AND p.status = 'active'
        ORDER BY t.id FOR NO KEY UPDATE OF t
        """,
        hashes,
        tx.now,
    )
    return {
        row["hash"]: PendingLogin(
            row["id"], row["owner_id"], Role(row["role"]), row["address"], row["agent"], row["device_id"],
            row["created_at"], row["expires_at"],
        )
        for row in rows
    }  # fmt: skip


async def use_tickets(tx: Tx, ids: Sequence[object]) -> None:
    """Let no one use them again."""
    await tx.execute("UPDATE identity.login_ticket SET used_at = $2 WHERE id = ANY($1)", ids, tx.now)


async def end_tickets_of(tx: Tx, owner_ids: Sequence[object]) -> None:
    """A password was changed: what began with the one before is over."""
    await tx.execute(
        "UPDATE identity.login_ticket SET used_at = $2 WHERE owner_id = ANY($1) AND used_at IS NULL", owner_ids, tx.now
    )


async def sweep_tickets(tx: Tx, before: datetime) -> None:
    await tx.execute("DELETE FROM identity.login_ticket WHERE expires_at < $1", before)
