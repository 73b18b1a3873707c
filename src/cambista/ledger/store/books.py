"""Locks the touched part of the books and writes it back: one statement a table, whatever the size of the batch."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.ledger.rules import AccountState, Books, HoldState
from cambista.ledger.types import FLOORLESS, AccountRef
from cambista.runtime import Reader, Tx

_POSTING = (
    "transfer_id", "ordinal", "units", "source_id", "source_number", "source_balance",
    "destination_id", "destination_number", "destination_balance", "booked_at", "effective_at",
)  # fmt: skip
_DRAW = ("transfer_id", "hold_id", "units", "drawn_at")
_TRANSFER = ("id", "kind", "booked_at", "effective_at", "hold_id", "reverses")


async def find_account_ids(reader: Reader, refs: Iterable[AccountRef]) -> dict[AccountRef, int]:
    """Ids of those accounts that exist."""
    wanted = list(refs)
    rows = await reader.all(
        """
        SELECT a.id, a.kind, a.owner, a.asset
        FROM unnest($1::text[], $2::text[], $3::text[]) AS w (kind, owner, asset)
        JOIN ledger.account a USING (owner, asset, kind)
        """,
        [ref.kind for ref in wanted],
        [ref.owner for ref in wanted],
        [ref.asset for ref in wanted],
    )
    return {AccountRef(row["kind"], row["owner"], row["asset"]): row["id"] for row in rows}


async def insert_accounts(tx: Tx, refs: Iterable[AccountRef]) -> None:
    """Open accounts that do not exist yet, with the floor of their kind, in one order everywhere."""
    wanted = sorted(refs)
    await tx.execute(
        """
        INSERT INTO ledger.account (kind, owner, asset, floor)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
        ON CONFLICT (owner, asset, kind) DO NOTHING
        """,
        [ref.kind for ref in wanted],
        [ref.owner for ref in wanted],
        [ref.asset for ref in wanted],
        [None if ref.kind in FLOORLESS else 0 for ref in wanted],
    )


async def lock_accounts(tx: Tx, ids: Sequence[int]) -> dict[int, AccountState]:
    """Lock accounts in the one order that everybody uses."""
    rows = await tx.all(
        """
        SELECT id, posted, held, floor, frozen, number, booked_at
        FROM ledger.account WHERE id = ANY($1) ORDER BY id FOR UPDATE
        """,
        ids,
    )
    return {row["id"]: AccountState(*row) for row in rows}


async def find_hold_accounts(reader: Reader, ids: Sequence[UUID]) -> list[int]:
    rows = await reader.all("SELECT DISTINCT account_id FROM ledger.hold WHERE id = ANY($1)", ids)
    return [row["account_id"] for row in rows]


async def find_holds(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, HoldState]:
    """Holds as they stand; safe to decide on once their accounts are locked, which every writer does first."""
    rows = await reader.all(
        """
        SELECT id, account_id, units - drawn_units, expires_at, status, drawn_units
        FROM ledger.hold WHERE id = ANY($1)
        """,
        ids,
    )
    return {row["id"]: HoldState(*row) for row in rows}


async def list_expired_holds(reader: Reader, now: datetime, limit: int) -> list[UUID]:
    rows = await reader.all(
        "SELECT id FROM ledger.hold WHERE status = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2", now, limit
    )
    return [row["id"] for row in rows]


async def existing_transfers(reader: Reader, ids: Sequence[UUID]) -> set[UUID]:
    rows = await reader.all("SELECT id FROM ledger.transfer WHERE id = ANY($1)", ids)
    return {row["id"] for row in rows}


async def write(tx: Tx, books: Books, by_id: dict[int, AccountState]) -> None:
    """Everything the decisions changed."""
    if books.touched:
        await _update_accounts(tx, [by_id[each] for each in sorted(books.touched)], books)
    await tx.copy("ledger", "transfer", _TRANSFER, books.transfers)
    await tx.copy("ledger", "posting", _POSTING, books.postings)
    await tx.copy("ledger", "draw", _DRAW, books.draws)
    await _write_holds(tx, books)


async def _update_accounts(tx: Tx, accounts: list[AccountState], books: Books) -> None:
    booked = books.now if books.postings else datetime.min.replace(tzinfo=books.now.tzinfo)
    await tx.execute(
        """
        UPDATE ledger.account a
        SET posted = w.posted, held = w.held, number = w.number,
            booked_at = CASE WHEN w.number > a.number THEN $5 ELSE a.booked_at END
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS w (id, posted, held, number)
        WHERE a.id = w.id
        """,
        [account.id for account in accounts],
        [account.posted for account in accounts],
        [account.held for account in accounts],
        [account.number for account in accounts],
        booked,
    )


async def _write_holds(tx: Tx, books: Books) -> None:
    new = books.new_holds
    await tx.copy(
        "ledger", "hold",
        ("id", "account_id", "units", "expires_at", "status", "captured_units", "created_at"),
        [(h.id, h.account_id, h.placed, h.expires_at, h.status, h.captured, books.now) for h in new.values()],
    )  # fmt: skip
    closed = [hold for hold in books.closed_holds.values() if hold.id not in new]
    if closed:
        await tx.execute(
            """
            UPDATE ledger.hold h SET status = w.status, captured_units = w.captured, closed_at = $4
            FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS w (id, status, captured)
            WHERE h.id = w.id AND h.status = 'open'
            """,
            [hold.id for hold in closed],
            [hold.status for hold in closed],
            [hold.captured for hold in closed],
            books.now,
        )
    if books.drawn_holds:
        await _write_drawn_holds(tx, list(books.drawn_holds.values()), books.now)


async def _write_drawn_holds(tx: Tx, holds: Sequence[HoldState], now: datetime) -> None:
    await tx.execute(
        """
        UPDATE ledger.hold h
        SET drawn_units = w.drawn, status = w.status,
            closed_at = CASE WHEN w.status = 'open' THEN NULL ELSE $4::timestamptz END
        FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS w (id, drawn, status)
        WHERE h.id = w.id AND h.status = 'open'
        """,
        [hold.id for hold in holds],
        [hold.drawn for hold in holds],
        [hold.status for hold in holds],
        now,
    )


async def set_frozen(tx: Tx, ids: Sequence[int], frozen: bool) -> list[Any]:
    return await tx.all("UPDATE ledger.account SET frozen = $2 WHERE id = ANY($1) RETURNING id", ids, frozen)


async def set_floor(tx: Tx, id: int, floor: int) -> None:
    await tx.execute("UPDATE ledger.account SET floor = $2 WHERE id = $1", id, floor)
