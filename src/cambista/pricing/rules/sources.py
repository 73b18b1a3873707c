"""What one source says of a pair, reduced to a robust value and a depth a side."""

from collections.abc import Sequence
from decimal import Decimal

from cambista.kernel.market import Level
from cambista.pricing.rules.decimals import ONE, ZERO, exact, outlier_band, price_digits, weighted_median
from cambista.pricing.types import SourceView
from cambista.venues import Flag, Observation, ReferenceRate, SourceKind

LEVELS_MAX = 20
_ADS_MAD_FACTOR = Decimal(3)
_ADS_MAD_FLOOR_BPS = Decimal(100)


@exact
def view_of(observation: Observation) -> SourceView:
    """A firm book counts by its best levels; advertisements by their median, absurd and promoted ones left out."""
    side = _ads_side if observation.kind is SourceKind.P2P_ADS else _book_side
    bid, bid_depth = side(observation.bids)
    ask, ask_depth = side(observation.asks)
    if Flag.SIZE_NOMINAL in observation.flags:
        bid_depth = ask_depth = ZERO
    return SourceView(
        source=observation.source,
        kind=observation.kind,
        rate=observation.rate,
        bid=bid,
        ask=ask,
        bid_depth=bid_depth,
        ask_depth=ask_depth,
        observed_at=observation.observed_at,
    )


@exact
def view_of_rate(rate: ReferenceRate) -> SourceView:
    """A published rate as a source: one value for both sides, no depth, good on its days."""
    value = price_digits(rate.value)
    return SourceView(
        source=rate.source,
        kind=SourceKind.REFERENCE,
        rate=rate.rate,
        bid=value,
        ask=value,
        bid_depth=ZERO,
        ask_depth=ZERO,
        observed_at=rate.known_at,
        valid_from=rate.valid_from,
        valid_to=rate.valid_to,
    )


def _sane(levels: Sequence[Level]) -> list[Level]:
    return [
        level
        for level in levels[:LEVELS_MAX]
        if level.price.is_finite() and level.price > 0 and level.quantity.is_finite() and level.quantity >= 0
    ]


def _book_side(levels: Sequence[Level]) -> tuple[Decimal | None, Decimal]:
    sane = _sane(levels)
    if not sane:
        return None, ZERO
    return price_digits(sane[0].price), price_digits(sum((level.quantity for level in sane), ZERO))


def _ads_side(levels: Sequence[Level]) -> tuple[Decimal | None, Decimal]:
    sane = _sane(levels)
    if not sane:
        return None, ZERO
    low, high = outlier_band([level.price for level in sane], _ADS_MAD_FACTOR, _ADS_MAD_FLOOR_BPS)
    kept = [level for level in sane if low <= level.price <= high]
    depth = sum((level.quantity for level in kept), ZERO)
    weighted = [(level.price, level.quantity if depth else ONE) for level in kept]
    return price_digits(weighted_median(weighted)), price_digits(depth)
