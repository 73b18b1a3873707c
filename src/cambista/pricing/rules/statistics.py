"""Statistics kept between ticks: volatility of the fair price and imbalance of the customers' orders."""

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cambista.kernel.market import Side
from cambista.pricing.rules.decimals import as_share, exact, from_statistic


@dataclass(frozen=True, slots=True)
class Volatility:
    """EWMA variance of log returns per second, and the price it was last told."""

    variance: float
    price: float
    at: datetime


def next_volatility(before: Volatility | None, price: Decimal, at: datetime, decay_per_s: Decimal) -> Volatility:
    """Tell the EWMA a new price: σ² ← λ·σ² + (1-λ)·r² (RiskMetrics 1996), with λ raised to the seconds gone by."""
    value = float(price)
    if before is None:
        return Volatility(0.0, value, at)
    seconds = (at - before.at).total_seconds()
    if seconds < 0:
        return Volatility(before.variance, value, at)  # the clock was set back: go on from here
    if seconds == 0:
        return before
    keep = float(decay_per_s) ** seconds
    squared = math.log(value / before.price) ** 2 / seconds
    return Volatility(keep * before.variance + (1 - keep) * squared, value, at)


def volatility_bps(state: Volatility | None, horizon_s: Decimal) -> Decimal:
    """One standard deviation of the return over `horizon_s`, in bps; zero before two prices are known."""
    if state is None:
        return Decimal(0)
    return from_statistic(math.sqrt(state.variance * float(horizon_s)) * 10_000)


@dataclass(frozen=True, slots=True)
class Flow:
    """What customers bought and sold of base, each decaying with the same half-life, as of `at`."""

    bought: float
    sold: float
    at: datetime


def next_flow(before: Flow | None, side: Side, base: Decimal, at: datetime, half_life_s: Decimal) -> Flow:
    """Add a deal of `base` on the customer's `side`."""
    keep = _keep(before, at, half_life_s)
    bought, sold = (before.bought * keep, before.sold * keep) if before is not None else (0.0, 0.0)
    size = float(base)
    return Flow(bought + size, sold, at) if side is Side.BUY else Flow(bought, sold + size, at)


@exact
def imbalance(state: Flow | None, at: datetime, half_life_s: Decimal, damper: Decimal) -> Decimal:
    """(bought - sold) / (bought + sold + damper) in -1..1; the damper (base) keeps one small deal from shouting."""
    if state is None:
        return Decimal(0)
    keep = _keep(state, at, half_life_s)
    bought, sold = state.bought * keep, state.sold * keep
    share = (bought - sold) / (bought + sold + float(damper))
    return as_share(Decimal(f"{min(max(share, -1.0), 1.0):.6f}"))


def _keep(state: Flow | None, at: datetime, half_life_s: Decimal) -> float:
    if state is None:
        return 1.0
    return float(0.5 ** (max((at - state.at).total_seconds(), 0.0) / float(half_life_s)))
