"""The knobs of trading."""

from decimal import Decimal

from pydantic import BaseModel, Field


class TradingSettings(BaseModel):
    """`quote_ttl_s`: how long a firm quote stands, in seconds (never above 120).

    `open_quotes_max`: firm quotes one customer may have open. `till_targets`: whole units of each asset that the tills
    want; how far they are from it is the skew of prices.

    Of the own book: `maker_fee_bps` and `taker_fee_bps` are paid by who rested and by who took, in basis points of the
    quote amount; `collar_bps` is how far from the fair price, or from its trigger, an order without a limit may trade;
    `open_orders_max` is how many orders one customer may have open; `book_snapshot_every`: commands of a pair between
    two snapshots of its book; `participation_bps`: what part of the other side's shown lots a slice of a TWAP or VWAP
    may take.
    """

    quote_ttl_s: int = Field(default=15, ge=1, le=120)
    open_quotes_max: int = Field(default=20, ge=1, le=10_000)
    till_targets: dict[str, Decimal] = Field(default_factory=dict)
    maker_fee_bps: int = Field(default=10, ge=0, le=1000)
    taker_fee_bps: int = Field(default=20, ge=0, le=1000)
    collar_bps: int = Field(default=500, ge=1, le=5000)
    open_orders_max: int = Field(default=200, ge=1, le=10_000)
    book_snapshot_every: int = Field(default=1000, ge=10, le=100_000)
    participation_bps: int = Field(default=2000, ge=1, le=10_000)
