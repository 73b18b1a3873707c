"""The SQL of withdrawals. Account and holder lie sealed under the customer's data key."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.funding.store.lists import PAGE, Asked, bound_to, unsealed
from cambista.funding.types import (
    Destination,
    Use,
    Withdrawal,
    WithdrawalStatus,
)
from cambista.kernel.ids import HoldId, TransferId, WithdrawalId
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS
from cambista.runtime import SHREDDED, Reader, Runtime, Tx

_WITHDRAWAL = """
    SELECT id, customer_id, asset, units, rail, sealed, status, hold_id, approvals_needed, requested_by, requested_at,
           expires_at, decided_by, decided_at, transfer_id,
           ARRAY(
               SELECT approver_id FROM {approval} a WHERE a.withdrawal_id = w.id ORDER BY approved_at, approver_id
           ) AS approvals
    FROM {withdrawal} w
"""


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


async def insert_withdrawals(tx: Tx, runtime: Runtime, withdrawals: Sequence[Withdrawal]) -> None:
    items = [
        (
            each.customer_id,
            bound_to("withdrawal", each.id),
            _withdrawal_text(each.destination.account, each.destination.holder),
        )
        for each in withdrawals
    ]
    sealed = await runtime.sealing.seal(tx, items)
    await tx.copy(
        "funding",
        "withdrawal",
        (
            "id", "customer_id", "asset", "units", "rail", "sealed", "status", "hold_id", "approvals_needed",
            "requested_by", "requested_at", "expires_at",
        ),
        [
            (
                each.id, each.customer_id, each.amount.asset.code, each.amount.units, each.destination.rail,
                text, each.status.value, each.hold_id, each.approvals_needed, each.requested_by, each.requested_at,
                each.expires_at,
            )
            for each, text in zip(withdrawals, sealed, strict=True)
        ],
    )  # fmt: skip


async def lock_withdrawals(tx: Tx, runtime: Runtime, ids: Sequence[UUID]) -> dict[UUID, Withdrawal]:
    """Lock first, read after: approvals are another table's rows, and a statement sees those as of its own start."""
    ordered = sorted(set(ids))
    await tx.all("SELECT id FROM funding.withdrawal WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", ordered)
    rows = await tx.all(f"{_withdrawals(tx)} WHERE id = ANY($1)", ordered)
    return {withdrawal.id: withdrawal for withdrawal in await _read_withdrawals(tx, runtime, rows)}


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


async def find_withdrawal(reader: Reader, runtime: Runtime, id: UUID) -> Withdrawal | None:
    rows = await reader.all(f"{_withdrawals(reader)} WHERE id = $1", id)
    return next(iter(await _read_withdrawals(reader, runtime, rows)), None)


async def list_withdrawals(reader: Reader, runtime: Runtime, asked: Asked) -> list[Withdrawal]:
    rows = await reader.all(_withdrawals(reader) + PAGE, asked.customer_id, asked.status, asked.before, asked.limit)
    return await _read_withdrawals(reader, runtime, rows)


async def list_due(reader: Reader, now: datetime, limit: int) -> list[WithdrawalId]:
    rows = await reader.all(
        """
        SELECT id FROM funding.withdrawal WHERE status = 'requested' AND expires_at <= $1 ORDER BY expires_at LIMIT $2
        """,
        now,
        limit,
    )
    return [WithdrawalId(row["id"]) for row in rows]


async def seal_clear_withdrawals(tx: Tx, runtime: Runtime, limit: int) -> int:
    """Seal withdrawals of the time before sealing; how many, 0 when none is left."""
    rows = await tx.all("SELECT * FROM funding.withdrawal WHERE sealed IS NULL ORDER BY id LIMIT $1", limit)
    items = [
        (row["customer_id"], bound_to("withdrawal", row["id"]), _withdrawal_text(row["account"], row["holder"]))
        for row in rows
    ]
    sealed = await runtime.sealing.seal(tx, items)
    await tx.execute("SELECT funding.seal_withdrawals($1, $2)", [row["id"] for row in rows], sealed)
    return len(rows)


def _withdrawals(reader: Reader) -> str:
    return _WITHDRAWAL.format(approval=reader.table("funding.approval"), withdrawal=reader.table("funding.withdrawal"))


async def _read_withdrawals(reader: Reader, runtime: Runtime, rows: Sequence[Any]) -> list[Withdrawal]:
    texts = await unsealed(reader, runtime, "withdrawal", rows)
    return [_withdrawal(row, text) for row, text in zip(rows, texts, strict=True)]


def _withdrawal(row: Any, text: str) -> Withdrawal:
    account, holder = (SHREDDED, SHREDDED) if text == SHREDDED else json.loads(text)
    return Withdrawal(
        WithdrawalId(row["id"]),
        row["customer_id"],
        Amount(row["units"], ASSETS[row["asset"]]),
        Destination(row["rail"], account, holder),
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


def _withdrawal_text(account: str, holder: str) -> str:
    return json.dumps([account, holder], ensure_ascii=False)
