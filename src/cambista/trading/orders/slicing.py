"""What parents share: a schedule of slices drawn from a seed, and how much of it is due."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from cambista.trading.book.commands import TimeInForce
from cambista.trading.errors import OrderTermsInvalid
from cambista.trading.orders.ticket import Ticket, Working

SLICE_S = 30
SLICES_MAX = 500
DURATION_MAX_S = 86_400
# Size and time of a slice differ from the even ones by at most so many hundredths.
SIZE_SWING, TIME_SWING = 25, 40


@dataclass(frozen=True, slots=True)
class Slice:
    """After `after_us` microseconds of the parent's life, `lots` in all should have been sent."""

    after_us: int
    lots: int


def schedule(lots: int, duration_s: int, seed: int, curve: Sequence[int] = ()) -> list[Slice]:
    """Slices of `lots` over the duration, the same for the same seed; `curve` weighs equal parts of the time by the
    volume that is usual then (empty or all zero: evenly). The last one makes the lots full, and none is late."""
    count = max(1, min(SLICES_MAX, lots, duration_s // SLICE_S or 1))
    rng = random.Random(seed)  # nosec B311 - a schedule must come out the same after a restart, not be a secret
    usual = [curve[part * len(curve) // count] if curve else 1 for part in range(count)]
    if not any(usual):
        usual = [1] * count
    weights = [weight * rng.randint(100 - SIZE_SWING, 100 + SIZE_SWING) for weight in usual]
    total, sent = sum(weights), 0
    slices: list[Slice] = []
    for part, weight in enumerate(weights):
        sent += weight
        wait = (100 * part + rng.randint(0, TIME_SWING)) * duration_s * 1_000_000 // (100 * count)
        slices.append(Slice(wait, lots * sent // total))
    return slices


def due_lots(slices: Sequence[Slice], elapsed_us: int) -> int:
    """How many lots should have been sent by now; what was missed before is in it, so that it is caught up."""
    return max((each.lots for each in slices if each.after_us <= elapsed_us), default=0)


def next_slice(due: int, filled: int, shown: int, participation_bps: int) -> int:
    """The lots of the next child: what is behind the schedule, at most its part of what the other side shows."""
    return max(0, min(due - filled, shown * participation_bps // 10_000))


def work(ticket: Ticket) -> Working:
    """A parent's children are immediate, no worse than its price, or than the collar around the fair price."""
    assert ticket.duration_s is not None
    if not SLICE_S <= ticket.duration_s <= DURATION_MAX_S:
        raise OrderTermsInvalid(f"From {SLICE_S} s to {DURATION_MAX_S} s.", field="duration_s")
    assert ticket.time_in_force is TimeInForce.IOC
    return Working(ticket.price or ticket.collar(ticket.fair), ticket.terms())
