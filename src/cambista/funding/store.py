"""All the SQL of funding."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.funding.rules.deposits import Draft, Recorded, alike_key
from cambista.funding.types import (
    Deposit,
    DepositStatus,
    Destination,
    HistoryLine,
    Payer,
    ReviewReason,
    Use,
    Withdrawal,
    WithdrawalStatus,
)
from cambista.kernel.ids import DepositId, HoldId, TransferId, WithdrawalId
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS
from cambista.runtime import Reader, Tx

_DEPOSIT = """
    SELECT id, customer_id, asset, units, rail, reference, bank, paid_on, payer_name, payer_document, status,
           review_reason, transfer_id, recorded_by, recorded_at, decided_by, decided_at
    FROM funding.deposit
"""
_WITHDRAWAL = """
    SELECT id, customer_id, asset, units, rail, account, holder, status, hold_id, approvals_needed, requested_by,
           requested_at, expires_at, decided_by, decided_at, transfer_id,
           ARRAY(
               SELECT approver_id FROM funding.approval a WHERE a.withdrawal_id = w.id ORDER BY approved_at, approver_id
           ) AS approvals
    FROM funding.withdrawal w
"""
_PAGE = """
    WHERE ($1::uuid IS NULL OR customer_id = $1) AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR id < $3)
    ORDER BY id DESC LIMIT $4
"""


def _deposit(row: Any) -> Deposit:
    payer = None if row["payer_name"] is None else Payer(row["payer_name"], row["payer_document"] or "")
    return Deposit(
        DepositId(row["id"]),
        row["customer_id"],
        Amount(row["units"], ASSETS[row["asset"]]),
        row["rail"],
        row["reference"],
        DepositStatus(row["status"]),
        ReviewReason(row["review_reason"]) if row["review_reason"] else None,
        payer,
        row["paid_on"],
        row["bank"],
        TransferId(row["transfer_id"]),
        row["recorded_by"],
        row["recorded_at"],
        row["decided_by"],
        row["decided_at"],
    )


def _withdrawal(row: Any) -> Withdrawal:
    return Withdrawal(
        WithdrawalId(row["id"]),
        row["customer_id"],
        Amount(row["units"], ASSETS[row["asset"]]),
        Destination(row["rail"], row["account"], row["holder"]),
        WithdrawalStatus(row["status"]),
        HoldId(row["hold_id"]),
        row["approvals_needed"],
        tuple(row["approvals"]),
        row["requested_by"],
        row["requested_at"],
        row["expires_at"],
        row["decided_by"],
        row["decided_at"],
        TransferId(row["transfer_id"]) if row["transfer_id"] else None,
    )


async def lock_names(tx: Tx, names: Sequence[str]) -> None:
    """Until the transaction ends, only this one works on these names (a payment's key, a customer's limits)."""
    await tx.all(
        """
        SELECT pg_advisory_xact_lock(lock) FROM (
            SELECT DISTINCT hashtextextended(name, 0) AS lock FROM unnest($1::text[]) AS name ORDER BY lock
        ) ordered
        """,
        names,
    )


async def find_recorded(tx: Tx, drafts: Sequence[Draft]) -> Recorded:
    """The deposits those drafts may repeat."""
    rails = [draft.deposit.rail for draft in drafts]
    same = await tx.all(
        f"""
        SELECT d.*, asked.key FROM unnest($1::text[], $2::text[]) AS asked (rail, key)
        JOIN LATERAL ({_DEPOSIT} WHERE rail = asked.rail AND natural_key = asked.key) d ON true
        """,
        rails,
        [draft.key for draft in drafts],
    )
    alike = await tx.all(
        """
        SELECT DISTINCT rail, reference_folded, asset, units
        FROM funding.deposit JOIN unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
            AS asked (rail, reference_folded, asset, units) USING (rail, reference_folded, asset, units)
        """,
        rails,
        [draft.reference_folded for draft in drafts],
        [alike_key(draft)[2] for draft in drafts],
        [alike_key(draft)[3] for draft in drafts],
    )
    return Recorded(
        {(row["rail"], row["key"]): _deposit(row) for row in same},
        frozenset((row["rail"], row["reference_folded"], row["asset"], row["units"]) for row in alike),
    )


async def insert_deposits(tx: Tx, deposits: Sequence[tuple[Deposit, Draft]]) -> None:
    await tx.copy(
        "funding",
        "deposit",
        (
            "id", "customer_id", "asset", "units", "rail", "reference", "natural_key", "reference_folded", "bank",
            "paid_on", "payer_name", "payer_document", "status", "review_reason", "transfer_id", "recorded_by",
            "recorded_at",
        ),
        [
            (
                each.id, each.customer_id, each.amount.asset.code, each.amount.units, each.rail, each.reference,
                draft.key, draft.reference_folded, each.bank, each.paid_on,
                each.payer.name if each.payer else None, each.payer.document if each.payer else None,
                each.status.value, each.review_reason.value if each.review_reason else None,
                each.transfer_id, each.recorded_by, each.recorded_at,
            )
            for each, draft in deposits
        ],
    )  # fmt: skip


async def lock_deposits(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Deposit]:
    rows = await tx.all(f"{_DEPOSIT} WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(ids)))
    return {row["id"]: _deposit(row) for row in rows}


async def set_decided(tx: Tx, deposits: Sequence[tuple[Deposit, TransferId]]) -> None:
    await tx.execute(
        """
        UPDATE funding.deposit d
        SET status = w.status, decided_by = w.decided_by, decided_at = w.decided_at,
            decision_transfer_id = w.transfer_id
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::uuid[])
            AS w (id, status, decided_by, decided_at, transfer_id)
        WHERE d.id = w.id
        """,
        [each.id for each, _ in deposits],
        [each.status.value for each, _ in deposits],
        [each.decided_by for each, _ in deposits],
        [each.decided_at for each, _ in deposits],
        [transfer_id for _, transfer_id in deposits],
    )


async def find_deposit(reader: Reader, id: UUID) -> Deposit | None:
    row = await reader.one(f"{_DEPOSIT} WHERE id = $1", id)
    return _deposit(row) if row else None


async def list_deposits(
    reader: Reader, customer_id: UUID | None, status: str | None, before: UUID | None, limit: int
) -> list[Deposit]:
    return [_deposit(row) for row in await reader.all(_DEPOSIT + _PAGE, customer_id, status, before, limit)]


async def find_use(tx: Tx, customer_ids: Sequence[UUID], since: datetime) -> dict[UUID, Use]:
    """What those customers asked for after `since` and was not given back."""
    rows = await tx.all(
        """
        SELECT customer_id, asset, count(*) AS count, sum(units)::text AS units FROM funding.withdrawal
        WHERE customer_id = ANY($1) AND requested_at > $2 AND status IN ('requested', 'sent')
        GROUP BY customer_id, asset
        """,
        customer_ids,
        since,
    )
    used: dict[UUID, Use] = {}
    for row in rows:
        use = used.get(row["customer_id"], Use(0, {}))
        used[row["customer_id"]] = Use(use.count + row["count"], {**use.units, row["asset"]: int(row["units"])})
    return used


async def insert_withdrawals(tx: Tx, withdrawals: Sequence[Withdrawal]) -> None:
    await tx.copy(
        "funding",
        "withdrawal",
        (
            "id", "customer_id", "asset", "units", "rail", "account", "holder", "status", "hold_id", "approvals_needed",
            "requested_by", "requested_at", "expires_at",
        ),
        [
            (
                each.id, each.customer_id, each.amount.asset.code, each.amount.units, each.destination.rail,
                each.destination.account, each.destination.holder, each.status.value, each.hold_id,
                each.approvals_needed, each.requested_by, each.requested_at, each.expires_at,
            )
            for each in withdrawals
        ],
    )  # fmt: skip


async def lock_withdrawals(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Withdrawal]:
    """Lock first, read after: approvals are another table's rows, and a statement sees those as of its own start."""
    ordered = sorted(set(ids))
    await tx.all("SELECT id FROM funding.withdrawal WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", ordered)
    rows = await tx.all(f"{_WITHDRAWAL} WHERE id = ANY($1)", ordered)
    return {row["id"]: _withdrawal(row) for row in rows}


async def insert_approvals(tx: Tx, approvals: Sequence[tuple[Withdrawal, UUID]], now: datetime) -> None:
    await tx.copy(
        "funding",
        "approval",
        ("withdrawal_id", "requested_by", "approver_id", "approved_at"),
        [(each.id, each.requested_by, approver, now) for each, approver in approvals],
    )


async def set_closed(tx: Tx, withdrawals: Sequence[Withdrawal]) -> None:
    await tx.execute(
        """
        UPDATE funding.withdrawal d
        SET status = w.status, decided_by = w.decided_by, decided_at = w.decided_at, transfer_id = w.transfer_id
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::uuid[])
            AS w (id, status, decided_by, decided_at, transfer_id)
        WHERE d.id = w.id
        """,
        [each.id for each in withdrawals],
        [each.status.value for each in withdrawals],
        [each.decided_by for each in withdrawals],
        [each.decided_at for each in withdrawals],
        [each.transfer_id for each in withdrawals],
    )


async def find_withdrawal(reader: Reader, id: UUID) -> Withdrawal | None:
    row = await reader.one(f"{_WITHDRAWAL} WHERE id = $1", id)
    return _withdrawal(row) if row else None


async def list_withdrawals(
    reader: Reader, customer_id: UUID | None, status: str | None, before: UUID | None, limit: int
) -> list[Withdrawal]:
    return [_withdrawal(row) for row in await reader.all(_WITHDRAWAL + _PAGE, customer_id, status, before, limit)]


async def list_due(reader: Reader, now: datetime, limit: int) -> list[WithdrawalId]:
    rows = await reader.all(
        """
        SELECT id FROM funding.withdrawal WHERE status = 'requested' AND expires_at <= $1 ORDER BY expires_at LIMIT $2
        """,
        now,
        limit,
    )
    return [WithdrawalId(row["id"]) for row in rows]


async def insert_history(tx: Tx, lines: Sequence[tuple[UUID, HistoryLine]]) -> None:
    await tx.copy(
        "funding",
        "history",
        ("subject_id", "status", "actor_id", "occurred_at", "note"),
        [(id, line.status, line.actor_id, line.occurred_at, line.note) for id, line in lines],
    )


async def list_history(reader: Reader, id: UUID, limit: int) -> list[HistoryLine]:
    rows = await reader.all(
        """
        SELECT status, actor_id, occurred_at, note FROM funding.history WHERE subject_id = $1
        ORDER BY position LIMIT $2
        """,
        id,
        limit,
    )
    return [HistoryLine(row["status"], row["actor_id"], row["occurred_at"], row["note"]) for row in rows]
