"""All the SQL of venues: orders sent, fills, expected balances, differences."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Asset, AssetKind
from cambista.kernel.registry import ASSETS
from cambista.runtime import Reader, Tx
from cambista.venues.differences import Difference, DifferenceKind, Finding, Sent
from cambista.venues.trading_port import TimeInForce, VenueBalance, VenueFill, VenueOrder, VenueReport

UNDER_WAY_MAX = 10_000
_ORDER = """
client_id, pair, side, quantity, limit_price, time_in_force, post_only, state, filled, spent
"""


async def insert_orders(tx: Tx, venue: str, orders: Sequence[VenueOrder]) -> set[UUID]:
    """Write down what is about to be sent; the ids that were not known before."""
    rows = await tx.all(
        """
        INSERT INTO venues.sent_order
            (client_id, venue, pair, side, quantity, limit_price, time_in_force, post_only, sent_at)
        SELECT client_id, $2, pair, side, quantity, limit_price, time_in_force, post_only, $1
        FROM unnest($3::uuid[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::text[], $9::boolean[])
            AS o (client_id, pair, side, quantity, limit_price, time_in_force, post_only)
        ON CONFLICT DO NOTHING RETURNING client_id
        """,
        tx.now,
        venue,
        [each.client_id for each in orders],
        [str(each.pair) for each in orders],
        [each.side.value for each in orders],
        [each.quantity for each in orders],
        [each.limit for each in orders],
        [each.time_in_force.value for each in orders],
        [each.post_only for each in orders],
    )
    return {row["client_id"] for row in rows}


async def lock_orders(tx: Tx, venue: str, ids: Sequence[UUID]) -> dict[UUID, Sent]:
    rows = await tx.all(
        f"""
        SELECT {_ORDER} FROM venues.sent_order
        WHERE client_id = ANY($1) AND venue = $2 ORDER BY client_id FOR UPDATE
        """,
        ids,
        venue,
    )
    return {row["client_id"]: _sent(row) for row in rows}


async def list_under_way(reader: Reader, venue: str) -> list[Sent]:
    """Orders whose end we do not know, oldest first."""
    rows = await reader.all(
        f"""
        SELECT {_ORDER} FROM venues.sent_order
        WHERE venue = $1 AND state IN ('sent', 'working', 'partially_filled') ORDER BY client_id LIMIT {UNDER_WAY_MAX}
        """,
        venue,
    )
    return [_sent(row) for row in rows]


async def list_known(reader: Reader, venue: str, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these we sent."""
    rows = await reader.all(
        "SELECT client_id FROM venues.sent_order WHERE client_id = ANY($1) AND venue = $2", ids, venue
    )
    return frozenset(row["client_id"] for row in rows)


async def update_orders(tx: Tx, venue: str, reports: Sequence[VenueReport]) -> None:
    """Take over what the venue says of locked orders."""
    await tx.execute(
        """
        UPDATE venues.sent_order o
        SET state = r.state, filled = r.filled, spent = r.spent, reason = r.reason, told_at = $1
        FROM unnest($3::uuid[], $4::text[], $5::numeric[], $6::numeric[], $7::text[])
            AS r (client_id, state, filled, spent, reason)
        WHERE o.client_id = r.client_id AND o.venue = $2
        """,
        tx.now,
        venue,
        [each.client_id for each in reports],
        [each.state.value for each in reports],
        [each.filled for each in reports],
        [each.spent for each in reports],
        [each.reason for each in reports],
    )


async def set_lost(tx: Tx, venue: str, ids: Sequence[UUID]) -> None:
    await tx.execute(
        """
        UPDATE venues.sent_order SET state = 'lost', told_at = $1
        WHERE venue = $2 AND client_id = ANY($3) AND state = 'sent'
        """,
        tx.now,
        venue,
        ids,
    )


async def insert_fills(tx: Tx, venue: str, fills: Sequence[tuple[VenueReport, VenueFill]]) -> set[tuple[UUID, str]]:
    """Note fills; the (order, fill) ids that are new."""
    rows = await tx.all(
        """
        INSERT INTO venues.fill (venue, pair, id, client_id, price, quantity, fee, fee_asset, filled_at, noted_at)
        SELECT $2, pair, id, client_id, price, quantity, fee, fee_asset, filled_at, $1
        FROM unnest($3::text[], $4::text[], $5::uuid[], $6::numeric[], $7::numeric[], $8::numeric[], $9::text[],
            $10::timestamptz[]) AS f (pair, id, client_id, price, quantity, fee, fee_asset, filled_at)
        ON CONFLICT DO NOTHING RETURNING client_id, id
        """,
        tx.now,
        venue,
        [str(report.pair) for report, _ in fills],
        [fill.id for _, fill in fills],
        [report.client_id for report, _ in fills],
        [fill.price for _, fill in fills],
        [fill.quantity for _, fill in fills],
        [fill.fee for _, fill in fills],
        [fill.fee_asset for _, fill in fills],
        [fill.at for _, fill in fills],
    )
    return {(row["client_id"], row["id"]) for row in rows}


async def add_expected(tx: Tx, venue: str, amounts: Mapping[str, Decimal]) -> None:
    assets = sorted(amounts)
    await tx.execute(
        """
        INSERT INTO venues.balance (venue, asset, expected)
        SELECT $1, asset, amount FROM unnest($2::text[], $3::numeric[]) AS m (asset, amount) ORDER BY asset
        ON CONFLICT (venue, asset) DO UPDATE SET expected = balance.expected + excluded.expected
        """,
        venue,
        assets,
        [amounts[asset] for asset in assets],
    )


async def note_told(tx: Tx, venue: str, told: Mapping[str, VenueBalance]) -> dict[str, Decimal]:
    """Write down the venue's word; what we expect, asset by asset, the rows locked."""
    assets = sorted(told)
    await tx.execute(
        """
        INSERT INTO venues.balance (venue, asset, expected, told, told_at)
        SELECT $2, asset, 0, total, $1 FROM unnest($3::text[], $4::numeric[]) AS t (asset, total) ORDER BY asset
        ON CONFLICT (venue, asset) DO UPDATE SET told = excluded.told, told_at = excluded.told_at
        """,
        tx.now,
        venue,
        assets,
        [told[asset].total for asset in assets],
    )
    rows = await tx.all("SELECT asset, expected FROM venues.balance WHERE venue = $1 ORDER BY asset FOR UPDATE", venue)
    return {row["asset"]: row["expected"] for row in rows}


async def list_expected(reader: Reader, venue: str) -> dict[str, Decimal]:
    rows = await reader.all("SELECT asset, expected FROM venues.balance WHERE venue = $1", venue)
    return {row["asset"]: row["expected"] for row in rows}


async def list_open(reader: Reader, venue: str) -> list[Difference]:
    """Differences that stand, oldest first."""
    rows = await reader.all(
        """
        SELECT id, venue, kind, about, expected, told, asset, amount, found_at
        FROM venues.difference WHERE venue = $1 AND state = 'open' ORDER BY id
        """,
        venue,
    )
    return [_difference(row) for row in rows]


async def lock_open(tx: Tx, ids: Sequence[UUID]) -> list[Difference]:
    rows = await tx.all(
        """
        SELECT id, venue, kind, about, expected, told, asset, amount, found_at
        FROM venues.difference WHERE id = ANY($1) AND state = 'open' ORDER BY id FOR UPDATE
        """,
        ids,
    )
    return [_difference(row) for row in rows]


async def upsert_differences(tx: Tx, differences: Sequence[Difference]) -> list[Difference]:
    """Keep them; those that are new, or say something else than before, with the id they are kept under."""
    rows = await tx.all(
        """
        INSERT INTO venues.difference AS d (id, venue, kind, about, expected, told, asset, amount, found_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::numeric[], $9::timestamptz[])
        ON CONFLICT (venue, kind, about) WHERE state = 'open' DO UPDATE
            SET expected = excluded.expected, told = excluded.told, amount = excluded.amount
            WHERE d.expected <> excluded.expected OR d.told <> excluded.told
        RETURNING id, venue, kind, about, expected, told, asset, amount, found_at
        """,
        [each.id for each in differences],
        [each.venue for each in differences],
        [each.finding.kind.value for each in differences],
        [each.finding.about for each in differences],
        [each.finding.expected for each in differences],
        [each.finding.told for each in differences],
        [each.finding.asset for each in differences],
        [each.finding.amount for each in differences],
        [each.found_at for each in differences],
    )
    return [_difference(row) for row in rows]


async def end_differences(tx: Tx, ids: Sequence[UUID], state: str) -> None:
    await tx.execute(
        "UPDATE venues.difference SET state = $3, ended_at = $1 WHERE id = ANY($2) AND state = 'open'",
        tx.now,
        ids,
        state,
    )


def _sent(row: Any) -> Sent:
    base, _, quote = row["pair"].partition("/")
    order = VenueOrder(
        row["client_id"],
        Pair(_asset(base), _asset(quote)),
        Side(row["side"]),
        row["quantity"],
        row["limit_price"],
        TimeInForce(row["time_in_force"]),
        row["post_only"],
    )
    return Sent(order, row["state"], row["filled"], row["spent"])


def _asset(code: str) -> Asset:
    return ASSETS.get(code) or Asset(code, 8, AssetKind.CRYPTO)


def _difference(row: Any) -> Difference:
    finding = Finding(
        DifferenceKind(row["kind"]), row["about"], row["expected"], row["told"], row["asset"], row["amount"]
    )
    return Difference(row["id"], row["venue"], finding, row["found_at"])
