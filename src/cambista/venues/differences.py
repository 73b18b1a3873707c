"""Our books of a venue against its own word, pure: what fills move, what differs, what the ledger is offered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from cambista.kernel.market import Side
from cambista.venues.trading_port import VenueBalance, VenueFill, VenueOrder, VenueReport

# Venues cut off the ninth digit of fees and proceeds: less than one of the eighth is no difference.
DUST = Decimal("0.00000001")
_ZERO = Decimal(0)


class DifferenceKind(StrEnum):
    """A balance other than fills and transfers made it, an order that was otherwise, an order that is not ours."""

    BALANCE = "balance"
    ORDER = "order"
    STRANGER = "stranger"


class SentState(StrEnum):
    """What became of an order besides the venue's own words: `sent` and not told yet, `lost`: it can no longer come."""

    SENT = "sent"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference as found now; `amount` of `asset` is what the venue says beyond what we expect."""

    kind: DifferenceKind
    about: str
    expected: str
    told: str
    asset: str | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding that is kept until it vanishes or somebody accepts it."""

    id: UUID
    venue: str
    finding: Finding
    found_at: datetime


@dataclass(frozen=True, slots=True)
class SuspenseProposal:
    """What the ledger is offered for a difference of money: `amount` moves from suspense to the venue's float where it
    is above zero, and from the float to suspense where it is below. `difference_id` serves as the transfer's id."""

    difference_id: UUID
    venue: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Sent:
    """An order as we remember it: what was asked, its state, and how far we know it filled."""

    order: VenueOrder
    state: str
    filled: Decimal
    spent: Decimal


def moves(order: VenueOrder, fills: Sequence[VenueFill]) -> dict[str, Decimal]:
    """What these fills add to each asset at the venue, fees taken off."""
    base, quote = order.pair.base.code, order.pair.quote.code
    sign = 1 if order.side is Side.BUY else -1
    moved: dict[str, Decimal] = {}
    for fill in fills:
        for asset, amount in (
            (base, sign * fill.quantity),
            (quote, -sign * fill.quantity * fill.price),
            (fill.fee_asset, -fill.fee),
        ):
            moved[asset] = moved.get(asset, _ZERO) + amount
    return {asset: amount for asset, amount in moved.items() if amount}


def news(sent: Sent, report: VenueReport) -> bool:
    """Whether the report says more than we know: words may overtake each other on their way."""
    if report.filled != sent.filled:
        return report.filled > sent.filled
    ended = sent.state in ("filled", "cancelled", "expired", "rejected")
    return sent.state != report.state and not (ended and not report.state.ended)


def compare_order(sent: Sent, told: VenueReport | None) -> Finding | None:
    """How the venue contradicts what it told us before: an order gone, or filled less than it had been."""
    about, known = str(sent.order.client_id), f"{sent.state} {sent.filled:f}"
    if told is None:
        return None if sent.state in tuple(SentState) else Finding(DifferenceKind.ORDER, about, known, "unknown")
    if told.filled < sent.filled:
        return Finding(DifferenceKind.ORDER, about, known, f"{told.state} {told.filled:f}")
    return None


def compare_balances(expected: Mapping[str, Decimal], told: Mapping[str, VenueBalance]) -> list[Finding]:
    """Each asset of which the venue says another total than we expect, by name."""
    found = []
    for asset in sorted(expected.keys() | told.keys()):
        ours = expected.get(asset, _ZERO)
        theirs = told[asset].total if asset in told else _ZERO
        if abs(theirs - ours) >= DUST:
            found.append(Finding(DifferenceKind.BALANCE, asset, f"{ours:f}", f"{theirs:f}", asset, theirs - ours))
    return found


def strangers(ours: frozenset[UUID], working: Sequence[VenueReport]) -> list[Finding]:
    """Orders that work there under an id of our form which we never sent."""
    return [
        Finding(DifferenceKind.STRANGER, str(report.client_id), "none", f"{report.state} {report.filled:f}")
        for report in working
        if report.client_id not in ours
    ]


def proposal(difference: Difference) -> SuspenseProposal | None:
    """What to book in suspense for it; nothing where no money differs."""
    finding = difference.finding
    if finding.asset is None or not finding.amount:
        return None
    return SuspenseProposal(difference.id, difference.venue, finding.asset, finding.amount)
