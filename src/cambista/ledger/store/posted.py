"""Reads of postings in the order of time, for exports: of everybody, or of one customer."""

from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.ledger.types import AccountRef, BookedPosting, Period
from cambista.runtime import Reader

_POSTINGS = """
    SELECT p.transfer_id, p.ordinal, t.kind, p.booked_at, s.kind AS source_kind, s.owner AS source_owner, s.asset,
        d.kind AS destination_kind, d.owner AS destination_owner, p.units, p.source_number, p.source_balance,
        p.destination_number, p.destination_balance
    FROM ledger.posting p
    JOIN ledger.transfer t ON t.id = p.transfer_id
    JOIN ledger.account s ON s.id = p.source_id JOIN ledger.account d ON d.id = p.destination_id
    WHERE p.booked_at >= $1 AND p.booked_at < $2 AND (p.booked_at, p.transfer_id, p.ordinal) > ($3, $4, $5)
"""
_OF_OWNER = """
    AND (p.source_id = ANY(ARRAY(SELECT id FROM ledger.account WHERE kind = 'customer' AND owner = $7))
        OR p.destination_id = ANY(ARRAY(SELECT id FROM ledger.account WHERE kind = 'customer' AND owner = $7)))
"""
_IN_ORDER = " ORDER BY p.booked_at, p.transfer_id, p.ordinal LIMIT $6"


async def list_postings(
    reader: Reader, period: Period, owner: UUID | None, after: tuple[datetime, UUID, int] | None, limit: int
) -> list[BookedPosting]:
    """From above the place `after`; `owner`: only those from or to that customer's accounts."""
    place = after or (period.since, UUID(int=0), -1)
    asked = (max(period.since, place[0]), period.until, *place, limit)
    rows = (
        await reader.all(_POSTINGS + _IN_ORDER, *asked)
        if owner is None
        else await reader.all(_POSTINGS + _OF_OWNER + _IN_ORDER, *asked, str(owner))
    )
    return [_posting(row) for row in rows]


def _posting(row: Any) -> BookedPosting:
    return BookedPosting(
        row["transfer_id"],
        row["ordinal"],
        row["kind"],
        row["booked_at"],
        AccountRef(row["source_kind"], row["source_owner"], row["asset"]),
        AccountRef(row["destination_kind"], row["destination_owner"], row["asset"]),
        row["units"],
        (row["source_number"], row["source_balance"]),
        (row["destination_number"], row["destination_balance"]),
    )
