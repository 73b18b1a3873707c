"""Reads of the books: balances, statements, transfers, trial balance; now or as of a moment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cambista.kernel.ids import HoldId, TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS
from cambista.ledger.types import (
    AccountRef,
    Balance,
    BookedTransfer,
    Draw,
    Posting,
    StatementLine,
    TrialBalanceLine,
)
from cambista.runtime import Reader


def _balance(row: Any) -> Balance:
    asset = ASSETS[row["asset"]]
    ref = AccountRef(row["kind"], row["owner"], row["asset"])
    return Balance(ref, Amount(row["posted"], asset), Amount(row["held"], asset), row["number"], row["frozen"])


async def find_balances(reader: Reader, refs: Sequence[AccountRef]) -> list[Balance]:
    rows = await reader.all(
        """
        SELECT a.kind, a.owner, a.asset, a.posted, a.held, a.number, a.frozen
        FROM unnest($1::text[], $2::text[], $3::text[]) AS w (kind, owner, asset)
        JOIN ledger.account a USING (owner, asset, kind)
        """,
        [ref.kind for ref in refs],
        [ref.owner for ref in refs],
        [ref.asset for ref in refs],
    )
    return [_balance(row) for row in rows]


async def list_balances(reader: Reader, kind: str, owner: str | None) -> list[Balance]:
    rows = await reader.all(
        f"""
        SELECT kind, owner, asset, posted, held, number, frozen FROM {reader.table("ledger.account")}
        WHERE kind = $1 AND ($2::text IS NULL OR owner = $2) ORDER BY asset, owner LIMIT 1000
        """,
        kind,
        owner,
    )
    return [_balance(row) for row in rows]


async def balance_as_booked(reader: Reader, ref: AccountRef, moment: datetime) -> Balance | None:
    """The balance after the last posting booked at or before `moment`, and what was held at that moment."""
    tables = ("ledger.account", "ledger.posting", "ledger.hold", "ledger.draw")
    account, posting, hold, draw = map(reader.table, tables)
    row = await reader.one(
        f"""
        WITH a AS (SELECT id, frozen FROM {account} WHERE kind = $1 AND owner = $2 AND asset = $3),
             n AS (SELECT a.id, {reader.table("ledger.number_as_of")}(a.id, $4) AS number FROM a)
        SELECT $1 AS kind, $2 AS owner, $3 AS asset, a.frozen, n.number,
            coalesce((SELECT source_balance FROM {posting} WHERE source_id = n.id AND source_number = n.number),
                     (SELECT destination_balance FROM {posting}
                      WHERE destination_id = n.id AND destination_number = n.number), 0) AS posted,
            coalesce((SELECT sum(h.units - coalesce((SELECT sum(d.units) FROM {draw} d
                                                     WHERE d.hold_id = h.id AND d.drawn_at <= $4), 0))
                      FROM {hold} h WHERE h.account_id = n.id AND h.created_at <= $4
                      AND (h.closed_at IS NULL OR h.closed_at > $4)), 0)::bigint AS held
        FROM a JOIN n USING (id)
        """,
        ref.kind,
        ref.owner,
        ref.asset,
        moment,
    )
    return _balance(row) if row else None


async def balance_as_effective(reader: Reader, ref: AccountRef, moment: datetime) -> Balance | None:
    """The sum of postings that were effective at or before `moment`, whenever they were booked."""
    account, posting = map(reader.table, ("ledger.account", "ledger.posting"))
    row = await reader.one(
        f"""
        WITH a AS (SELECT id, frozen FROM {account} WHERE kind = $1 AND owner = $2 AND asset = $3)
        SELECT $1 AS kind, $2 AS owner, $3 AS asset, a.frozen, 0::bigint AS held,
            (coalesce(sum(units) FILTER (WHERE destination_id = a.id), 0)
             - coalesce(sum(units) FILTER (WHERE source_id = a.id), 0))::bigint AS posted,
            count(p.units) AS number
        FROM a LEFT JOIN {posting} p ON (p.source_id = a.id OR p.destination_id = a.id) AND p.effective_at <= $4
        GROUP BY a.frozen
        """,
        ref.kind,
        ref.owner,
        ref.asset,
        moment,
    )
    return _balance(row) if row else None


async def list_statement(reader: Reader, ref: AccountRef, before: int, limit: int) -> list[StatementLine]:
    """Postings of one account, newest first, from below number `before`."""
    account, posting, transfer = map(reader.table, ("ledger.account", "ledger.posting", "ledger.transfer"))
    rows = await reader.all(
        f"""
        WITH a AS (SELECT id FROM {account} WHERE kind = $1 AND owner = $2 AND asset = $3),
        lines AS (
            (SELECT source_number AS number, transfer_id, -units AS change, source_balance AS balance,
                    destination_id AS other, p.booked_at, p.effective_at
             FROM {posting} p WHERE source_id = (SELECT id FROM a) AND source_number < $4
             ORDER BY source_number DESC LIMIT $5)
            UNION ALL
            (SELECT destination_number, transfer_id, units, destination_balance, source_id, p.booked_at, p.effective_at
             FROM {posting} p WHERE destination_id = (SELECT id FROM a) AND destination_number < $4
             ORDER BY destination_number DESC LIMIT $5)
        )
        SELECT l.*, t.kind, o.kind AS other_kind, o.owner AS other_owner
        FROM (SELECT * FROM lines ORDER BY number DESC LIMIT $5) l
        JOIN {transfer} t ON t.id = l.transfer_id JOIN ledger.counterparty o ON o.id = l.other
        ORDER BY l.number DESC
        """,
        ref.kind,
        ref.owner,
        ref.asset,
        before,
        limit,
    )
    asset = ASSETS[ref.asset]
    return [
        StatementLine(
            row["number"],
            TransferId(row["transfer_id"]),
            row["kind"],
            AccountRef(row["other_kind"], row["other_owner"], ref.asset).name,
            Amount(row["change"], asset),
            Amount(row["balance"], asset),
            row["booked_at"],
            row["effective_at"],
        )
        for row in rows
    ]


async def find_transfers(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, BookedTransfer]:
    heads = await reader.all(
        """
        SELECT t.id, t.kind, t.booked_at, t.effective_at, t.hold_id, t.reverses, r.id AS reversed_by
        FROM ledger.transfer t LEFT JOIN ledger.transfer r ON r.reverses = t.id WHERE t.id = ANY($1)
        """,
        ids,
    )
    rows = await reader.all(
        """
        SELECT p.transfer_id, p.units, s.asset, s.kind AS s_kind, s.owner AS s_owner,
               d.kind AS d_kind, d.owner AS d_owner
        FROM ledger.posting p JOIN ledger.account s ON s.id = source_id JOIN ledger.account d ON d.id = destination_id
        WHERE p.transfer_id = ANY($1) ORDER BY p.transfer_id, p.ordinal
        """,
        ids,
    )
    draws = await _find_draws(reader, ids)
    postings: dict[UUID, list[Posting]] = {}
    for row in rows:
        source = AccountRef(row["s_kind"], row["s_owner"], row["asset"])
        destination = AccountRef(row["d_kind"], row["d_owner"], row["asset"])
        amount = Amount(row["units"], ASSETS[row["asset"]])
        postings.setdefault(row["transfer_id"], []).append(Posting(source, destination, amount))
    return {
        head["id"]: BookedTransfer(
            TransferId(head["id"]),
            head["kind"],
            head["booked_at"],
            head["effective_at"],
            HoldId(head["hold_id"]) if head["hold_id"] else None,
            TransferId(head["reverses"]) if head["reverses"] else None,
            TransferId(head["reversed_by"]) if head["reversed_by"] else None,
            tuple(postings.get(head["id"], ())),
            draws.get(head["id"], ()),
        )
        for head in heads
    }


async def _find_draws(reader: Reader, ids: Sequence[UUID]) -> dict[UUID, tuple[Draw, ...]]:
    rows = await reader.all(
        """
        SELECT d.transfer_id, d.hold_id, d.units, a.asset
        FROM ledger.draw d JOIN ledger.hold h ON h.id = d.hold_id JOIN ledger.account a ON a.id = h.account_id
        WHERE d.transfer_id = ANY($1) ORDER BY d.hold_id
        """,
        ids,
    )
    draws: dict[UUID, tuple[Draw, ...]] = {}
    for row in rows:
        draw = Draw(HoldId(row["hold_id"]), Amount(row["units"], ASSETS[row["asset"]]))
        draws[row["transfer_id"]] = (*draws.get(row["transfer_id"], ()), draw)
    return draws


async def list_trial_balance(reader: Reader) -> list[TrialBalanceLine]:
    rows = await reader.all(
        """
        SELECT asset, sum(posted)::text AS total, count(*) AS accounts
        FROM ledger.account GROUP BY asset ORDER BY asset
        """
    )
    return [TrialBalanceLine(ASSETS[row["asset"]], int(row["total"]), row["accounts"]) for row in rows]


async def list_trial_balance_as_of(reader: Reader, moment: datetime) -> list[TrialBalanceLine]:
    """The trial balance at a past moment: each account's balance is its last posting's then, not a sum of movements."""
    rows = await reader.all(
        """
        WITH at AS (SELECT id, asset, ledger.number_as_of(id, $1) AS number FROM ledger.account),
        balances AS (
            SELECT asset, coalesce(
                (SELECT source_balance FROM ledger.posting WHERE source_id = at.id AND source_number = at.number),
                (SELECT destination_balance FROM ledger.posting
                 WHERE destination_id = at.id AND destination_number = at.number)) AS posted
            FROM at WHERE number > 0
        )
        SELECT asset, sum(posted)::text AS total, count(*) AS accounts FROM balances GROUP BY asset ORDER BY asset
        """,
        moment,
    )
    return [TrialBalanceLine(ASSETS[row["asset"]], int(row["total"]), row["accounts"]) for row in rows]
