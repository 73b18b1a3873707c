"""The SQL of deposits. Reference, bank and payer lie sealed under the customer's data key."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cambista.funding.rules.deposits import Draft, Recorded, alike_key
from cambista.funding.store.lists import PAGE, Asked, bound_to, unsealed
from cambista.funding.types import (
    Deposit,
    DepositStatus,
    Payer,
    ReviewReason,
)
from cambista.kernel.ids import DepositId, TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS
from cambista.runtime import SHREDDED, Reader, Runtime, Tx

_DEPOSIT = """
    SELECT id, customer_id, asset, units, rail, sealed, paid_on, status, review_reason,
           transfer_id, recorded_by, recorded_at, decided_by, decided_at
"""


async def find_recorded(tx: Tx, runtime: Runtime, drafts: Sequence[Draft]) -> Recorded:
    """The deposits those drafts may repeat."""
    rails = [draft.deposit.rail for draft in drafts]
    blinds = [_blinds(runtime, draft.deposit.rail, draft.key, draft.reference_folded) for draft in drafts]
    same = await tx.all(
        f"""
        SELECT d.*, asked.key FROM unnest($1::text[], $2::bytea[], $3::text[]) AS asked (rail, blind, key)
        JOIN LATERAL ({_deposits(tx)} WHERE rail = asked.rail AND key_blind = asked.blind) d ON true
        """,
        rails,
        [key for key, _ in blinds],
        [draft.key for draft in drafts],
    )
    alike = await tx.all(
        """
        SELECT DISTINCT rail, reference_folded, asset, units
        FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::bigint[])
            AS asked (rail, reference_blind, reference_folded, asset, units)
        JOIN (SELECT rail, reference_blind, asset, units FROM funding.deposit) d
            USING (rail, reference_blind, asset, units)
        """,
        rails,
        [reference for _, reference in blinds],
        [draft.reference_folded for draft in drafts],
        [alike_key(draft)[2] for draft in drafts],
        [alike_key(draft)[3] for draft in drafts],
    )
    found = await _read_deposits(tx, runtime, same)
    return Recorded(
        {(row["rail"], row["key"]): deposit for row, deposit in zip(same, found, strict=True)},
        frozenset((row["rail"], row["reference_folded"], row["asset"], row["units"]) for row in alike),
    )


async def insert_deposits(tx: Tx, runtime: Runtime, deposits: Sequence[tuple[Deposit, Draft]]) -> None:
    items = [
        (
            each.customer_id,
            bound_to("deposit", each.id),
            _deposit_text(each.reference, each.bank, (each.payer.name, each.payer.document) if each.payer else None),
        )
        for each, _ in deposits
    ]
    sealed = await runtime.sealing.seal(tx, items)
    await tx.copy(
        "funding",
        "deposit",
        (
            "id", "customer_id", "asset", "units", "rail", "sealed", "key_blind", "reference_blind", "paid_on",
            "status", "review_reason", "transfer_id", "recorded_by", "recorded_at",
        ),
        [
            (
                each.id, each.customer_id, each.amount.asset.code, each.amount.units, each.rail, text,
                *_blinds(runtime, each.rail, draft.key, draft.reference_folded), each.paid_on, each.status.value,
                each.review_reason.value if each.review_reason else None,
                each.transfer_id, each.recorded_by, each.recorded_at,
            )
            for (each, draft), text in zip(deposits, sealed, strict=True)
        ],
    )  # fmt: skip


async def lock_deposits(tx: Tx, runtime: Runtime, ids: Sequence[UUID]) -> dict[UUID, Deposit]:
    rows = await tx.all(f"{_deposits(tx)} WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", sorted(set(ids)))
    return {deposit.id: deposit for deposit in await _read_deposits(tx, runtime, rows)}


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


async def find_deposit(reader: Reader, runtime: Runtime, id: UUID) -> Deposit | None:
    rows = await reader.all(f"{_deposits(reader)} WHERE id = $1", id)
    return next(iter(await _read_deposits(reader, runtime, rows)), None)


async def list_deposits(reader: Reader, runtime: Runtime, asked: Asked) -> list[Deposit]:
    rows = await reader.all(_deposits(reader) + PAGE, asked.customer_id, asked.status, asked.before, asked.limit)
    return await _read_deposits(reader, runtime, rows)


async def seal_clear_deposits(tx: Tx, runtime: Runtime, limit: int) -> int:
    """Seal deposits of the time before sealing; how many, 0 when none is left."""
    rows = await tx.all("SELECT * FROM funding.deposit WHERE sealed IS NULL ORDER BY id LIMIT $1", limit)
    items = [
        (
            row["customer_id"],
            bound_to("deposit", row["id"]),
            _deposit_text(
                row["reference"],
                row["bank"],
                (row["payer_name"], row["payer_document"] or "") if row["payer_name"] else None,
            ),
        )
        for row in rows
    ]
    sealed = await runtime.sealing.seal(tx, items)
    blinds = [_blinds(runtime, row["rail"], row["natural_key"], row["reference_folded"]) for row in rows]
    await tx.execute(
        "SELECT funding.seal_deposits($1, $2, $3, $4)",
        [row["id"] for row in rows],
        sealed,
        [key for key, _ in blinds],
        [reference for _, reference in blinds],
    )
    return len(rows)


def _deposits(reader: Reader) -> str:
    return f"{_DEPOSIT} FROM {reader.table('funding.deposit')}"


async def _read_deposits(reader: Reader, runtime: Runtime, rows: Sequence[Any]) -> list[Deposit]:
    texts = await unsealed(reader, runtime, "deposit", rows)
    return [_deposit(row, text) for row, text in zip(rows, texts, strict=True)]


def _deposit(row: Any, text: str) -> Deposit:
    reference, bank, payer = (SHREDDED, None, (SHREDDED, "")) if text == SHREDDED else json.loads(text)
    return Deposit(
        DepositId(row["id"]),
        row["customer_id"],
        Amount(row["units"], ASSETS[row["asset"]]),
        row["rail"],
        reference,
        DepositStatus(row["status"]),
        ReviewReason(row["review_reason"]) if row["review_reason"] else None,
        Payer(*payer) if payer else None,
        row["paid_on"],
        bank,
        TransferId(row["transfer_id"]),
        row["recorded_by"],
        row["recorded_at"],
        row["decided_by"],
        row["decided_at"],
    )


def _deposit_text(reference: str, bank: str | None, payer: tuple[str, str] | None) -> str:
    return json.dumps([reference, bank, payer], ensure_ascii=False)


def _blinds(runtime: Runtime, rail: str, key: str, reference_folded: str) -> tuple[bytes, bytes]:
    """How a payment's key and its reference are found again on its rail."""
    blind = runtime.sealing.blind
    return blind(f"funding.deposit.key:{rail}", key), blind(f"funding.deposit.reference:{rail}", reference_folded)
