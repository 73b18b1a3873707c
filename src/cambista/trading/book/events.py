"""What a book says happened, in order."""

from enum import StrEnum
from typing import TypeAlias

import msgspec


class Rejection(StrEnum):
    """Why an order never was."""

    DUPLICATE = "duplicate"
    QUANTITY = "quantity"
    PRICE = "price"
    TERMS = "terms"
    WOULD_TAKE = "would_take"
    NOT_FILLABLE = "not_fillable"
    UNKNOWN = "unknown"
    NO_MARK = "no_mark"


class Ending(StrEnum):
    """Why an order ended before it was filled."""

    ASKED = "asked"
    IMMEDIATE = "immediate"
    NO_LIQUIDITY = "no_liquidity"
    NOT_FILLABLE = "not_fillable"
    WOULD_TAKE = "would_take"
    SELF_TRADE = "self_trade"
    EXPIRED = "expired"


class Rejected(msgspec.Struct, frozen=True, gc=False, tag="rejected"):
    """The command changed nothing."""

    id: int
    reason: Rejection


class Traded(msgspec.Struct, frozen=True, gc=False, tag="traded"):
    """`quantity` lots changed hands at the maker's `price`; what each order still wants."""

    maker: int
    taker: int
    price: int
    quantity: int
    maker_left: int
    taker_left: int


class Rested(msgspec.Struct, frozen=True, gc=False, tag="rested"):
    """The order stands in the book with `left` lots."""

    id: int
    left: int


class Refreshed(msgspec.Struct, frozen=True, gc=False, tag="refreshed"):
    """An iceberg shows `shown` lots again, behind all others at its price."""

    id: int
    shown: int


class Reduced(msgspec.Struct, frozen=True, gc=False, tag="reduced"):
    """The order now wants `left` lots."""

    id: int
    left: int


class Asleep(msgspec.Struct, frozen=True, gc=False, tag="asleep"):
    """The order waits for the mark."""

    id: int


class Woken(msgspec.Struct, frozen=True, gc=False, tag="woken"):
    """The mark reached the order's trigger; what it did then follows."""

    id: int
    mark: int


class Ended(msgspec.Struct, frozen=True, gc=False, tag="ended"):
    """The order is out with `left` lots never filled."""

    id: int
    left: int
    reason: Ending


Event: TypeAlias = Rejected | Traded | Rested | Refreshed | Reduced | Asleep | Woken | Ended
