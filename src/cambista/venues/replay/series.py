"""Recorded series of one price a side: P2P statistics and merchants' best prices, and bars of a spot market."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from cambista.kernel.market import Level, Pair
from cambista.venues.replay.recording import Recorded, moment_of, rows
from cambista.venues.rules import positive
from cambista.venues.types import Flag, Observation, RateName, SourceKind

SPREAD_MAX = Decimal("0.05")
REACH_MAX = Decimal("0.10")
# The publishers give no sizes. 20 ads of some 100 USDT, and a dealer's clip: small on purpose, and marked.
ADS_NOMINAL = Decimal(2_000)
MERCHANT_NOMINAL = Decimal(500)
BAR_NOMINAL = Decimal(10_000)


class _TwoPrices:
    """Makes one honest observation of two published prices that are often crossed and sometimes absurd."""

    def __init__(self, source: str, pair: Pair, quantity: Decimal) -> None:
        self._source, self._pair, self._quantity = source, pair, quantity
        self._believed: Decimal | None = None

    def observe(self, bid: Decimal, ask: Decimal, moment: datetime) -> Observation | None:
        """Two prices near each other are put in order; of two far apart the one near the last is kept."""
        flags = {Flag.SIZE_NOMINAL}
        low, high = min(bid, ask), max(bid, ask)
        if bid > ask:
            flags.add(Flag.UNCROSSED)
        if high - low <= low * SPREAD_MAX:
            self._believed = (low + high) / 2
            return self._observation(low, high, moment, flags)
        flags.discard(Flag.UNCROSSED)
        flags.add(Flag.WIDE)
        believed = self._believed
        if believed is None:
            return None
        nearer = min((bid, ask), key=lambda price: abs(price - believed))
        if abs(nearer - believed) > believed * REACH_MAX:
            return None
        kept_bid, kept_ask = (bid, None) if nearer == bid else (None, ask)
        return self._observation(kept_bid, kept_ask, moment, flags)

    def _observation(self, bid: Decimal | None, ask: Decimal | None, moment: datetime, flags: set[Flag]) -> Observation:
        bids, asks = (() if price is None else (Level(price, self._quantity),) for price in (bid, ask))
        kind, rate = SourceKind.P2P_ADS, RateName.P2P
        return Observation(self._source, kind, rate, self._pair, bids, asks, moment, moment, frozenset(flags))


def read_statistics(pair: Pair, path: Path, skipped: Counter[str]) -> Iterator[Recorded]:
    """Polls of the first 20 ads a side: the medians, since the best of 20 is often bait."""
    columns = ("datetime_utc", "buy_median", "sell_median")
    return _two_prices(_TwoPrices("binance_p2p_top20", pair, ADS_NOMINAL), path, skipped, columns)


def read_merchants(pair: Pair, path: Path, skipped: Counter[str]) -> Iterator[Recorded]:
    """Polls of verified merchants: the second highest ask and the highest bid."""
    columns = ("datetime_utc", "buy_second_highest", "sell_highest")
    return _two_prices(_TwoPrices("binance_p2p_merchants", pair, MERCHANT_NOMINAL), path, skipped, columns)


def _two_prices(
    prices: _TwoPrices, path: Path, skipped: Counter[str], columns: tuple[str, str, str]
) -> Iterator[Recorded]:
    for row in rows(path, skipped, columns):
        moment, ask, bid = moment_of(row[columns[0]]), positive(row[columns[1]]), positive(row[columns[2]])
        if moment is None or ask is None or bid is None:
            skipped["row"] += 1
            continue
        observation = prices.observe(bid, ask, moment)
        if observation is None:
            skipped["not_believable"] += 1
        else:
            yield moment, observation


def read_bars(pair: Pair, path: Path, skipped: Counter[str]) -> Iterator[Recorded]:
    """Bars of a spot market. A bar has no two sides: its close stands as both, as a reference."""
    for row in rows(path, skipped, ("time", "open", "high", "low", "close")):
        moment = moment_of(row["time"])
        low, close, high = (positive(row[column]) for column in ("low", "close", "high"))
        if moment is None or low is None or close is None or high is None or not low <= close <= high:
            skipped["row"] += 1
            continue
        side = (Level(close, BAR_NOMINAL),)
        flags = frozenset({Flag.SIZE_NOMINAL})
        kind, rate = SourceKind.REFERENCE, RateName.MARKET
        yield moment, Observation("spot_bars", kind, rate, pair, side, side, moment, moment, flags)
