"""The certificate of solvency: what is owed and what is there, asset by asset, as one canonical statement."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from cambista.audit.errors.solvency import DayInvalid, LiabilitiesDiffer
from cambista.audit.rules.liabilities import node_sum
from cambista.audit.types.solvency import Position, Tree
from cambista.kernel.canonical import canonical_json, digest
from cambista.kernel.money import Asset
from cambista.kernel.time import wire_time
from cambista.ledger import AccountKind, Total

FORM = "cambista.solvency.v1"
TREE_FORM = "cambista.liabilities.v1"
BOOKS = "books"
"""The basis of a reserve that only the house's own books speak for."""


def position(totals: Sequence[Total], tree: Tree) -> Position:
    """What the totals of one asset say beside its tree; refuses (`liabilities_differ`) what does not add up."""
    asset = totals[0].asset
    assert all(each.asset == asset for each in totals)
    owed = sum(each.units for each in totals if each.kind == AccountKind.CUSTOMER)
    if owed != node_sum(tree.root) or sum(each.units for each in totals) != 0:
        raise LiabilitiesDiffer(asset=asset.code)
    return Position(
        asset=asset,
        depth=tree.depth,
        root=tree.root,
        liabilities=owed,
        suspense=sum(each.units for each in totals if each.kind == AccountKind.SUSPENSE),
        # The world's accounts mirror what lies outside: what came in through a bank and has not gone out lies there.
        reserves=tuple((each.owner, -each.units) for each in totals if each.kind == AccountKind.WORLD),
        own=tuple((_name(each), each.units) for each in totals if each.kind in _OWN),
    )


_OWN = frozenset(AccountKind) - {AccountKind.CUSTOMER, AccountKind.SUSPENSE, AccountKind.WORLD}


def _name(total: Total) -> str:
    return f"{total.kind}:{total.owner}" if total.owner else total.kind


def statement(branch: str, as_of: datetime, positions: Sequence[Position]) -> bytes:
    """The certificate's canonical bytes. Nothing in it names a customer or says how many there are."""
    return canonical_json(
        {
            "as_of": wire_time(as_of),
            "assets": [_position_json(each) for each in sorted(positions, key=lambda each: each.asset.code)],
            "branch": branch,
            "day": as_of.date().isoformat(),
            "form": FORM,
            "tree": TREE_FORM,
        }
    )


def _position_json(each: Position) -> Mapping[str, object]:
    def text(units: int) -> str:
        return units_text(units, each.asset)

    return {
        "asset": each.asset.code,
        "depth": each.depth,
        "liabilities": text(each.liabilities),
        "own": [{"account": name, "amount": text(units)} for name, units in each.own],
        "reserve": text(each.reserve),
        "reserves": [{"amount": text(units), "basis": BOOKS, "place": place} for place, units in each.reserves],
        "root": each.root[:32].hex(),
        "scale": each.asset.scale,
        "solvent": each.solvent,
        "surplus": text(each.surplus),
        "suspense": text(each.suspense),
    }


def signed_message(content: bytes) -> bytes:
    """What the signature of a certificate is of: its purpose and the SHA-256 of its statement."""
    return f"{FORM}:{digest(content)}".encode()


def units_text(units: int, asset: Asset) -> str:
    """A total as a decimal string with the asset's digits; it may be larger than an Amount."""
    whole, fraction = divmod(abs(units), 10**asset.scale)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{fraction:0{asset.scale}d}" if asset.scale else f"{sign}{whole}"


def due_since(now: datetime, hour_utc: int) -> bool:
    """Whether the hour of this UTC day's certificate has come; a missed one is due until midnight."""
    return now >= now.replace(hour=hour_utc, minute=0, second=0, microsecond=0)


def oldest_kept(now: datetime, days: int) -> date:
    """The oldest day whose leaves are kept."""
    return (now - timedelta(days=days)).date()


def parse_day(text: str) -> date:
    """Read `2026-11-24`; refuses others (`day_invalid`)."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise DayInvalid(day=text[:20]) from None
    if found.isoformat() != text:
        raise DayInvalid(day=text[:20])
    return found
