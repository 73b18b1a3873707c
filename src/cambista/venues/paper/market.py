"""The paper market itself: a pure function of seed and time, apart from what a test or simulation pins or silences."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from cambista.kernel.market import Level, Pair
from cambista.kernel.registry import PAIRS
from cambista.venues.paper.anchors import ANCHORS, SHAPES, Shape
from cambista.venues.paper.noise import to_decimal, wave
from cambista.venues.types import Observation, RateName, SourceKind

LEVELS = 12
PERIODS_S = (2, 8, 32, 128, 512, 2_048, 8_192, 32_768)
FAST_PERIOD_MAX_S = 128
# Waves of amplitude √period with these periods add up to 2.6 of variance a second from 5 s to 4 h, then flatten
# (measured): a walk that returns to its anchor within about a day.
_VARIANCE_S = 2.6
_CLUSTERS = ((3_600.0, 0.6), (300.0, 0.4))
_CLUSTER_MEAN = sum(weight**2 for _, weight in _CLUSTERS)


@dataclass(frozen=True, slots=True)
class PaperSource:
    """One simulated place: how its books differ from the pair's shape, and how far its opinion strays (bps)."""

    name: str
    kind: SourceKind
    rate: RateName
    spread_factor: float
    size_factor: float
    stray_bps: float


EXCHANGE = PaperSource("paper_exchange", SourceKind.FIRM_BOOK, RateName.MARKET, 1.0, 1.0, 1.0)
OTC = PaperSource("paper_otc", SourceKind.FIRM_BOOK, RateName.MARKET, 1.8, 0.4, 2.5)
ADS = PaperSource("paper_p2p", SourceKind.P2P_ADS, RateName.P2P, 1.0, 1.0, 6.0)
SOURCES: Mapping[str, PaperSource] = {source.name: source for source in (EXCHANGE, OTC, ADS)}


def paper_pairs() -> tuple[Pair, ...]:
    """The house's enabled pairs that have a market of their own here; BTC/COP and ETH/COP are for pricing to cross."""
    return tuple(spec.pair for name, spec in PAIRS.items() if spec.enabled and name in SHAPES)


class PaperMarket:
    """Books of every paper source at any moment.

    The same seed, pins and moment give the same books, in any order of asking.
    """

    def __init__(self, *, seed: int = 1, fixed: Mapping[str, Decimal] | None = None) -> None:
        self._seed = seed
        self._fixed: dict[str, Decimal] = {}
        self._silent: set[tuple[str, str]] = set()
        for pair, mid in (fixed or {}).items():
            self.fix(pair, mid)

    def fix(self, pair: str, mid: Decimal | None) -> None:
        """Pin the mid of `pair` (named `USDT/COP`) for every source, exactly; None lets it move again."""
        assert pair in SHAPES, f"the paper market has no {pair}"
        assert mid is None or mid > 0
        if mid is None:
            self._fixed.pop(pair, None)
        else:
            self._fixed[pair] = mid

    def silence(self, source: str, pair: str = "") -> None:
        """Let `source` say nothing more, about `pair` or about anything, until `speak`."""
        assert source in SOURCES
        self._silent.add((source, pair))

    def speak(self, source: str, pair: str = "") -> None:
        """Undo `silence`; without a pair, all of the source's silences."""
        self._silent = {
            each for each in self._silent if each != (source, pair) and not (each[0] == source and not pair)
        }

    def mid_at(self, pair: Pair, moment: datetime) -> Decimal:
        """The market's own price of `pair` then (9 digits), before any source's opinion."""
        fixed = self._fixed.get(str(pair))
        if fixed is not None:
            return fixed
        seconds = moment.timestamp()
        base, quote = ANCHORS[pair.base.code], ANCHORS[pair.quote.code]
        drift = _walk(self._seed, pair.quote.code, seconds) - _walk(self._seed, pair.base.code, seconds)
        return quote.per_usd / base.per_usd * to_decimal(math.exp(drift))

    def books_at(self, moment: datetime, *, sources: Collection[str] = tuple(SOURCES)) -> list[Observation]:
        """What those sources say at `moment`: one observation a source and pair, silent ones left out."""
        return [
            self._observe(SOURCES[name], pair, moment)
            for name in sources
            for pair in pairs_of(SOURCES[name])
            if not {(name, ""), (name, str(pair))} & self._silent
        ]

    def _observe(self, source: PaperSource, pair: Pair, moment: datetime) -> Observation:
        shape, tick = SHAPES[str(pair)], PAIRS[str(pair)].tick
        mid = self.mid_at(pair, moment)
        if str(pair) not in self._fixed:
            stray = source.stray_bps * wave(self._seed, f"{source.name}/{pair}", moment.timestamp(), 600)
            mid = (mid * (1 + to_decimal(stray / 10_000)) / tick).to_integral_value() * tick
        bids, asks = (self._side(source, shape, _Ladder(pair, mid, tick, sign), moment.timestamp()) for sign in (-1, 1))
        return Observation(source.name, source.kind, source.rate, pair, bids, asks, moment, moment)

    def _side(self, source: PaperSource, shape: Shape, ladder: "_Ladder", seconds: float) -> Sequence[Level]:
        ads = source.kind is SourceKind.P2P_ADS
        half = (shape.ads_half_bps or 0.0) if ads else shape.half_bps
        size = shape.ads_size if ads else shape.size
        # People's sizes spread over decades; a book's levels are closer to each other. Both live some seconds.
        spread, period = (1.1, 120.0) if ads else (0.5, 6.0)
        names = (f"{source.name}/{ladder.pair}/{ladder.sign}/{depth}" for depth in range(LEVELS))
        sizes = [
            size * source.size_factor * math.exp(spread * max(-2.5, min(2.5, wave(self._seed, name, seconds, period))))
            for name in names
        ]
        return ladder.levels(half * source.spread_factor, shape.step_bps * source.spread_factor, sizes)


@dataclass(frozen=True, slots=True)
class _Ladder:
    pair: Pair
    mid: Decimal
    tick: Decimal
    sign: int

    def levels(self, half_bps: float, step_bps: float, sizes: Iterable[float]) -> Sequence[Level]:
        levels, ticks = [], 0
        for depth, size in enumerate(sizes):
            away = self.mid * to_decimal((half_bps + step_bps * depth) / 10_000) / self.tick
            ticks = max(ticks + 1, int(away.to_integral_value()))
            price = self.mid + self.sign * ticks * self.tick
            if price > 0:
                levels.append(Level(price, round(to_decimal(size), min(6, self.pair.base.scale))))
        return tuple(levels)


def pairs_of(source: PaperSource) -> tuple[Pair, ...]:
    """The pairs that source speaks about."""
    ads = source.kind is SourceKind.P2P_ADS
    return tuple(pair for pair in paper_pairs() if not ads or SHAPES[str(pair)].ads_half_bps is not None)


@lru_cache(maxsize=4_096)
def _walk(seed: int, asset: str, seconds: float) -> float:
    """The logarithm of how far the asset's units per dollar are from their anchor."""
    volatility = ANCHORS[asset].volatility_bps / 10_000 / math.sqrt(60)
    if not volatility:
        return 0.0
    storm = sum(weight * wave(seed, f"{asset}/storm/{period}", seconds, period) for period, weight in _CLUSTERS)
    # Quiet and stormy hours: the square of this factor is 1 on average.
    fast = math.exp(storm - _CLUSTER_MEAN)
    return volatility * sum(
        math.sqrt(period / _VARIANCE_S)
        * (fast if period <= FAST_PERIOD_MAX_S else 1.0)
        * wave(seed, f"{asset}/{period}", seconds, period)
        for period in PERIODS_S
    )
