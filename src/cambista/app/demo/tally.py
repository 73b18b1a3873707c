"""What the demo's customers saw, counted: answers, refusals, rungs, waiting times. Pure."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

SAMPLES_MAX = 20_000


@dataclass(slots=True)
class Latencies:
    """Waiting times in seconds: all are counted, the last `SAMPLES_MAX` are kept."""

    count: int = 0
    _last: "deque[float]" = field(default_factory=lambda: deque(maxlen=SAMPLES_MAX))

    def add(self, seconds: float) -> None:
        self.count += 1
        self._last.append(seconds)

    def percentiles_ms(self, *percents: int) -> list[float | None]:
        """Nearest-rank percentiles of those kept, in milliseconds; None before the first."""
        ordered = sorted(self._last)
        if not ordered:
            return [None for _ in percents]
        ranks = (max(0, math.ceil(len(ordered) * percent / 100) - 1) for percent in percents)
        return [round(ordered[rank] * 1000, 1) for rank in ranks]


@dataclass(slots=True)
class PairTally:
    """One pair's trades as the customers saw them; volume in each of its assets."""

    trades: int = 0
    base_volume: Decimal = Decimal(0)
    quote_volume: Decimal = Decimal(0)


@dataclass(slots=True)
class Tally:
    """Everything counted in one run."""

    customers: int = 0
    quotes: int = 0
    deposits: int = 0
    withdrawals: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    pairs: dict[str, PairTally] = field(default_factory=dict)
    repeats: int = 0
    first_trade_s: float | None = None
    waits: dict[str, Latencies] = field(default_factory=lambda: {name: Latencies() for name in ("quotes", "trades")})

    @property
    def trades(self) -> int:
        return sum(each.trades for each in self.pairs.values())

    @property
    def refused(self) -> int:
        return self.refusals.total()

    def quoted(self, quote: Mapping[str, Any]) -> None:
        self.quotes += 1
        self.rungs[quote["rung"]] += 1

    def traded(self, trade: Mapping[str, Any], at_s: float) -> None:
        if self.first_trade_s is None:
            self.first_trade_s = at_s
        pair = self.pairs.setdefault(trade["pair"], PairTally())
        pair.trades += 1
        pair.base_volume += Decimal(trade["base_amount"])
        pair.quote_volume += Decimal(trade["quote_amount"])


def most_first(counts: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    """Counted things, the most frequent first, the equally frequent by name."""
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
