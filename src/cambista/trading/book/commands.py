"""What a book is told. Prices are whole ticks, quantities whole lots, times microseconds since 1970."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from cambista.kernel.market import Side


class TimeInForce(StrEnum):
    """How long an order may work: until cancelled, immediately or not at all, all of it or nothing, until a time."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class SelfTrade(StrEnum):
    """Which of two orders of one owner goes, when they would trade with each other."""

    CANCEL_NEWEST = "cancel_newest"
    CANCEL_OLDEST = "cancel_oldest"
    CANCEL_BOTH = "cancel_both"


class Trigger(StrEnum):
    """What wakes a sleeping order: the mark going against its owner, or for it, or turning back by a trail."""

    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAIL_TICKS = "trail_ticks"
    TRAIL_BPS = "trail_bps"


class Sleep(msgspec.Struct, frozen=True, gc=False):
    """Wait for the mark: to reach `value` (a price in ticks), or to turn back by `value` (ticks or basis points)."""

    trigger: Trigger
    value: int


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What most orders do not ask for. `visible` lots at a time make an iceberg; `sleep` a stop."""

    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: int | None = None
    post_only: bool = False
    visible: int | None = None
    self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST
    sleep: Sleep | None = None


class Place(msgspec.Struct, frozen=True, gc=False, tag="place"):
    """An order. Without a price it takes what is there (market); without terms it works until cancelled."""

    id: int
    owner: int
    side: Side
    quantity: int
    price: int | None = None
    terms: Terms | None = None


class Cancel(msgspec.Struct, frozen=True, gc=False, tag="cancel"):
    """Take an order out, resting or asleep."""

    id: int


class Reduce(msgspec.Struct, frozen=True, gc=False, tag="reduce"):
    """Take `by` lots off what is left of an order; it keeps its place in the queue."""

    id: int
    by: int


class Expire(msgspec.Struct, frozen=True, gc=False, tag="expire"):
    """Take out all whose time is over at `now`."""

    now: int


class Mark(msgspec.Struct, frozen=True, gc=False, tag="mark"):
    """The fair price is now `price`: triggers follow it, never the book's own last trade, which one may move alone."""

    price: int


Command: TypeAlias = Place | Cancel | Reduce | Expire | Mark
