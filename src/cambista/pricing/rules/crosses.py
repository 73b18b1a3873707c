"""A pair's market: its own leg, or a path of up to three legs through others, the best by total cost."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from cambista.kernel.market import Pair
from cambista.pricing.rules.decimals import ONE, ZERO, as_bps, as_share, exact, gap_bps, price_digits
from cambista.pricing.types import Alternative, FairTerms, Market, Rung, Step, UsdRate

LEGS_MAX = 3
_ORDER = {rung: place for place, rung in enumerate(Rung)}
Path = tuple[tuple[Pair, bool], ...]


@lru_cache(maxsize=1024)
def paths(pair: Pair, known: frozenset[Pair], hubs: tuple[str, ...]) -> tuple[Path, ...]:
    """Every way from base to quote over at most three known pairs, through `hubs` only, each asset visited once.

    A step is (pair, inverse); the direct pair, when known, is a path of one.
    """
    edges: dict[str, list[tuple[str, Pair, bool]]] = {}
    for each in sorted(known, key=str):
        edges.setdefault(each.base.code, []).append((each.quote.code, each, False))
        edges.setdefault(each.quote.code, []).append((each.base.code, each, True))
    found: list[Path] = []

    def walk(asset: str, visited: frozenset[str], path: Path) -> None:
        for target, each, inverse in edges.get(asset, ()):
            step = (*path, (each, inverse))
            if target == pair.quote.code:
                found.append(step)
            elif target in hubs and target not in visited and len(step) < LEGS_MAX:
                walk(target, visited | {target}, step)

    walk(pair.base.code, frozenset({pair.base.code}), ())
    return tuple(found)


@exact
def choose(
    pair: Pair, candidates: Iterable[Sequence[Step]], terms: FairTerms
) -> tuple[tuple[Step, ...], Alternative | None] | None:
    """The best priced path (by rung, then spread, dispersion and number of legs), and what to hold it against.

    The alternative is the best live path of the other sort: a cross for a direct price, the direct price for a cross.
    """
    ordered = sorted((tuple(steps) for steps in candidates), key=lambda steps: _cost(steps, terms))
    if not ordered:
        return None
    best = ordered[0]
    other = next(
        (steps for steps in ordered[1:] if _worst(steps) is Rung.LIVE and (len(steps) == 1) != (len(best) == 1)),
        None,
    )
    if other is None or _worst(best) is not Rung.LIVE:
        return best, None
    return best, Alternative(path_text(other), fair_over(other))


def _cost(steps: Sequence[Step], terms: FairTerms) -> tuple[int, Decimal, str]:
    bps = sum((step.leg.spread_bps + step.leg.dispersion_bps for step in steps), ZERO)
    return _ORDER[_worst(steps)], bps + terms.leg_cost_bps * (len(steps) - 1), path_text(steps)


def _worst(steps: Sequence[Step]) -> Rung:
    return max((step.leg.rung for step in steps), key=_ORDER.__getitem__)


def path_text(steps: Sequence[Step]) -> str:
    """`BTC/USDT*USDT/COP`, `1/` before an inverted leg."""
    return "*".join(f"{'1/' if step.inverse else ''}{step.leg.pair}" for step in steps)


@exact
def product(prices: Sequence[tuple[Decimal, bool]]) -> Decimal:
    """The price over a path of (price, inverse)."""
    value = ONE
    for price, inverse in prices:
        value = value / price if inverse else value * price
    return price_digits(value)


def fair_over(steps: Sequence[Step]) -> Decimal:
    """The fair price over priced steps."""
    return product([(step.leg.fair, step.inverse) for step in steps])


def _depths(steps: Sequence[Step]) -> tuple[Decimal, Decimal]:
    # Each leg's depth, brought to the path's base asset; the thinnest leg decides.
    price = ONE
    bids: list[Decimal] = []
    asks: list[Decimal] = []
    for step in steps:
        leg = step.leg
        if step.inverse:
            bids.append(leg.ask_depth * leg.fair / price)
            asks.append(leg.bid_depth * leg.fair / price)
            price = price / leg.fair
        else:
            bids.append(leg.bid_depth / price)
            asks.append(leg.ask_depth / price)
            price = price * leg.fair
    return price_digits(min(bids)), price_digits(min(asks))


@exact
def market(
    pair: Pair,
    at: datetime,
    steps: tuple[Step, ...],
    terms: FairTerms,
    given: tuple[Alternative | None, Decimal, UsdRate | None],
) -> Market:
    """The pair's market over `steps`. `given` is the alternative, the volatility in bps and the base asset's USD rate.

    A gap to the alternative above the tolerated one counts as dispersion, so both prices lie inside the spread.
    """
    alternative, volatility_bps, usd = given
    fair = fair_over(steps)
    gap = as_bps(gap_bps(fair, alternative.fair)) if alternative is not None else ZERO
    dispersion = sum((step.leg.dispersion_bps for step in steps), ZERO)
    confidence = ONE
    for step in steps:
        confidence *= step.leg.confidence
    bid_depth, ask_depth = _depths(steps)
    return Market(
        pair=pair,
        at=at,
        steps=steps,
        rung=_worst(steps),
        fair=fair,
        spread_bps=sum((step.leg.spread_bps for step in steps), ZERO),
        dispersion_bps=dispersion + (2 * gap if gap > terms.gap_max_bps else ZERO),
        confidence=as_share(confidence),
        bid_depth=bid_depth,
        ask_depth=ask_depth,
        observed_at=min(step.leg.observed_at for step in steps),
        alternative=alternative,
        gap_bps=gap,
        volatility_bps=volatility_bps,
        usd=usd,
    )
