"""What may enter the house from a market: pure checks of books and rates, and the cleaning of advertisements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from cambista.kernel.market import Level, Pair
from cambista.venues.types import Flag, Observation, ReferenceRate, SourceKind

NUMBER_LENGTH_MAX = 40
PRICE_MAX = Decimal(10) ** 12
PRICE_MIN = Decimal(10) ** -12
QUANTITY_MAX = Decimal(10) ** 12
LEVELS_MAX = 200
AHEAD_MAX = timedelta(seconds=5)

# Units of the asset per 1 USD, between which a published rate is believable. Ten times or more around the levels of
# 2024-2026 (currency-api's files, ../shared/data/market/fx), so that a devaluation passes and 38.87 BTC a dollar does
# not.
PER_USD: Mapping[str, tuple[Decimal, Decimal]] = {
    code: (Decimal(low), Decimal(high))
    for code, low, high in (
        ("COP", "400", "40000"),
        ("VES", "3", "100000"),
        ("ARS", "50", "30000"),
        ("BRL", "0.5", "50"),
        ("MXN", "1.8", "180"),
        ("PEN", "0.37", "37"),
        ("CLP", "95", "9500"),
        ("BOB", "0.69", "120"),
        ("USD", "1", "1"),
        ("EUR", "0.2", "5"),
        ("USDT", "0.5", "2"),
        ("USDC", "0.5", "2"),
        ("BTC", "0.0000001", "0.01"),
        ("ETH", "0.00001", "0.1"),
    )
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something from outside was not let in."""

    reason: str


def positive(value: object) -> Decimal | None:
    """The plain decimal string above zero that `value` is, or None: no floats, exponents, signs, NaN or 41 digits."""
    if not isinstance(value, str) or not 0 < len(value) <= NUMBER_LENGTH_MAX or not value.isascii():
        return None
    if not value.replace(".", "", 1).isdigit():
        return None
    number = Decimal(value)
    return number if number > 0 else None


def levels_of(rows: Sequence[Sequence[object]], count: int = LEVELS_MAX) -> list[Level] | None:
    """The first `count` [price, quantity] rows as levels; None when one of them is malformed."""
    levels = []
    for row in rows[:count]:
        if len(row) < 2:
            return None
        price, quantity = positive(row[0]), positive(row[1])
        if price is None or quantity is None:
            return None
        levels.append(Level(price, quantity))
    return levels


def admit(observation: Observation, now: datetime) -> Observation | Rejection:
    """The observation as the house takes it (long sides cut, a time from the future drawn back to now), or why not."""
    bids, asks = observation.bids, observation.asks
    if not bids and not asks:
        return Rejection("empty")
    if observation.observed_at.tzinfo is None or observation.observed_at > now + AHEAD_MAX:
        return Rejection("time")
    for side, sign in ((bids, -1), (asks, 1)):
        fault = _fault(side[:LEVELS_MAX], sign)
        if fault:
            return Rejection(fault)
    if bids and asks and bids[0].price > asks[0].price:
        if observation.kind is not SourceKind.P2P_ADS:
            return Rejection("crossed")
        bids, asks = uncross(bids, asks)
        observation = replace(observation, bids=bids, asks=asks, flags=observation.flags | {Flag.UNCROSSED})
    if len(bids) > LEVELS_MAX or len(asks) > LEVELS_MAX:
        observation = replace(observation, bids=bids[:LEVELS_MAX], asks=asks[:LEVELS_MAX])
    if observation.observed_at > now:
        observation = replace(observation, observed_at=now)
    return observation


def _fault(side: Sequence[Level], sign: int) -> str:
    before: Decimal | None = None
    for level in side:
        if not (level.price.is_finite() and level.quantity.is_finite()):
            return "not_a_number"
        if not PRICE_MIN <= level.price <= PRICE_MAX:
            return "price"
        if not 0 < level.quantity <= QUANTITY_MAX:
            return "quantity"
        if before is not None and (level.price - before) * sign < 0:
            return "unsorted"
        before = level.price
    return ""


def uncross(bids: Sequence[Level], asks: Sequence[Level]) -> tuple[Sequence[Level], Sequence[Level]]:
    """Two sides of people's ads that no longer cross.

    The best ad of each side goes, in turn, until bid is not above ask: bait and ads with narrow conditions sit there.
    When that would leave less than half of a side, the ads do not agree on a price: then each side becomes one level,
    the two medians in their proper order, so that the spread shows the doubt.
    """
    if not bids or not asks:
        return bids, asks
    for skipped in range((min(len(bids), len(asks)) + 1) // 2 + 1):
        left, right = bids[skipped:], asks[skipped:]
        if len(left) * 2 < len(bids) or len(right) * 2 < len(asks):
            break
        if left and right and left[0].price <= right[0].price:
            return left, right
    low, high = sorted((_median(bids), _median(asks)))
    return (Level(low, _total(bids)),), (Level(high, _total(asks)),)


def _median(side: Sequence[Level]) -> Decimal:
    return median(level.price for level in side)


def _total(side: Sequence[Level]) -> Decimal:
    return sum((level.quantity for level in side), Decimal(0))


def admit_rate(
    rate: ReferenceRate, per_usd: Mapping[str, tuple[Decimal, Decimal]] = PER_USD
) -> ReferenceRate | Rejection:
    """The rate, or why not.

    A pair of two known assets is believable when each stands within its bounds to the dollar.
    """
    if not rate.value.is_finite() or not PRICE_MIN <= rate.value <= PRICE_MAX:
        return Rejection("value")
    if rate.valid_to < rate.valid_from:
        return Rejection("validity")
    low, high = _bounds(rate.pair, per_usd)
    if not low <= rate.value <= high:
        return Rejection("absurd")
    return rate


def _bounds(pair: Pair, per_usd: Mapping[str, tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    base, quote = per_usd.get(pair.base.code), per_usd.get(pair.quote.code)
    if base is None or quote is None:
        return PRICE_MIN, PRICE_MAX
    return quote[0] / base[1], quote[1] / base[0]
