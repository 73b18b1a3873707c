"""The knobs of trading."""

from decimal import Decimal

from pydantic import BaseModel, Field


class TradingSettings(BaseModel):
    """`quote_ttl_s`: how long a firm quote stands, in seconds (never above 120).

    `open_quotes_max`: firm quotes one customer may have open. `till_targets`: whole units of each asset that the tills
    want; how far they are from it is the skew of prices.
    """

    quote_ttl_s: int = Field(default=15, ge=1, le=120)
    open_quotes_max: int = Field(default=20, ge=1, le=10_000)
    till_targets: dict[str, Decimal] = Field(default_factory=dict)
