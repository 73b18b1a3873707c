"""The price board: what the venues said last, kept in memory, and the market of each pair worked out from it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Amount, Asset
from cambista.kernel.registry import REPORTING_ASSET
from cambista.pricing.rules import crosses, statistics
from cambista.pricing.rules.fair import FUTURE_MAX_MS, SOURCES_MAX, age_ms, local_date
from cambista.pricing.rules.ladder import best_leg, is_ahead, remember, undated
from cambista.pricing.rules.sources import view_of, view_of_rate
from cambista.pricing.settings import PricingSettings
from cambista.pricing.types import Configured, Leg, Market, Remembered, Rung, SourceView, Step, UsdRate
from cambista.venues import Observation, RateName, ReferenceRate

PAIRS_MAX = 512
KEPT_SOURCES_MAX = 32
KEPT_RATES_MAX = 8
_REUSE = timedelta(milliseconds=20)


class Board:
    """In memory and without I/O. Every answer depends only on what was told (and when) and the moment asked about."""

    def __init__(self, settings: PricingSettings) -> None:
        self._settings = settings
        self._terms = settings.fair_terms()
        self._refresh = timedelta(seconds=float(settings.refresh_s))
        self._views: dict[Pair, dict[str, SourceView]] = {}
        self._rates: dict[Pair, dict[tuple[str, RateName], list[ReferenceRate]]] = {}
        self._remembered: dict[Pair, Remembered] = {}
        self._unrecorded: set[Pair] = set()
        self._configured: dict[Pair, Configured] = {}
        self._volatility: dict[Pair, statistics.Volatility] = {}
        self._flows: dict[Pair, statistics.Flow] = {}
        self._usd_known: dict[Asset, Decimal] = {}
        self._known: frozenset[Pair] = frozenset()
        self._generation = 0
        self._clock = datetime.min.replace(tzinfo=UTC)
        self._legs: dict[Pair, tuple[int, datetime, Leg | None]] = {}
        self._markets: dict[Pair, tuple[int, datetime, Market | None]] = {}

    def observe(self, observations: Iterable[Observation], now: datetime) -> None:
        """Take in what venues said. A word older than the source's last is ignored, unless that was said in the future:
        by a clock that has been set back since."""
        self._follow_clock(now)
        for seen in observations:
            views = self._views.get(seen.pair)
            if views is None:
                if len(self._views) >= PAIRS_MAX:
                    continue
                views = self._views[seen.pair] = {}
            before = views.get(seen.source)
            if before is not None and seen.observed_at < before.observed_at <= now:
                continue
            if before is None and len(views) >= KEPT_SOURCES_MAX:
                views.pop(min(views.values(), key=lambda view: (view.observed_at, view.source)).source)
            views[seen.source] = view_of(seen)
        self._touch()

    def set_rates(self, rates: Iterable[ReferenceRate]) -> None:
        """Take in accepted published rates: per source and name the last few validity ranges, a correction in place."""
        for rate in rates:
            kept = self._rates.setdefault(rate.pair, {}).setdefault((rate.source, rate.rate), [])
            kept[:] = [each for each in kept if each.valid_from != rate.valid_from]
            kept.append(rate)
            kept.sort(key=lambda each: each.valid_from)
            del kept[:-KEPT_RATES_MAX]
        self._touch()

    def load(self, remembered: Sequence[Remembered], configured: Sequence[Configured], now: datetime) -> None:
        """Take over what was recorded before this process started."""
        for price in remembered:
            self._remembered.setdefault(price.pair, price)
        self.set_configured(configured)
        self._seed_usd()
        self._forget_ahead_of(now)

    def set_configured(self, configured: Sequence[Configured]) -> None:
        """Replace the operators' fixed prices."""
        fresh = {price.pair: price for price in configured}
        if fresh != self._configured:
            self._configured = fresh
            self._touch()

    def put_configured(self, price: Configured) -> None:
        """Set one pair's fixed price."""
        self._configured[price.pair] = price
        self._touch()

    def last_fair(self, pair: Pair) -> Decimal | None:
        """The last live fair price of the pair itself, whatever its age."""
        kept = self._remembered.get(pair)
        return None if kept is None else kept.fair

    def note_flow(self, pair: Pair, side: Side, base: Amount, at: datetime) -> None:
        """A customer traded: lean the price against the flow."""
        half_life = self._settings.flow_half_life_s
        self._flows[pair] = statistics.next_flow(self._flows.get(pair), side, base.decimal, at, half_life)

    def flow(self, pair: Pair, at: datetime, damper: Decimal) -> Decimal:
        """The imbalance of recent orders in -1..1."""
        return statistics.imbalance(self._flows.get(pair), at, self._settings.flow_half_life_s, damper)

    def note_price(self, market: Market) -> None:
        """Tell the volatility a live price."""
        self._volatility[market.pair] = statistics.next_volatility(
            self._volatility.get(market.pair), market.fair, market.at, self._settings.volatility_decay_per_s
        )

    def take_unrecorded(self) -> list[Remembered]:
        """Remembered prices that changed since last taken, by pair."""
        pairs, self._unrecorded = sorted(self._unrecorded, key=str), set()
        return [self._remembered[pair] for pair in pairs]

    def put_back_unrecorded(self, prices: Iterable[Remembered]) -> None:
        """Prices that could not be recorded are still to be."""
        self._unrecorded.update(price.pair for price in prices)

    def market(self, pair: Pair, at: datetime) -> Market | None:
        """The pair's market at `at`, direct or crossed; None when no rung bears it."""
        self._follow_clock(at)
        cached = self._markets.get(pair)
        if cached is not None and self._holds(cached[0], cached[1], at):
            return cached[2]
        found = self._market(pair, at)
        if len(self._markets) < PAIRS_MAX or pair in self._markets:
            self._markets[pair] = (self._generation, at, found)
        return found

    def _follow_clock(self, now: datetime) -> None:
        if now < self._clock:
            self._forget_ahead_of(now)
        self._clock = now

    def _forget_ahead_of(self, now: datetime) -> None:
        # Told before the clock was set back. Kept, these would look fresh again once the clock has caught up.
        for views in self._views.values():
            for source in [each for each, view in views.items() if age_ms(view.observed_at, now) < -FUTURE_MAX_MS]:
                del views[source]
        for pair, kept in self._remembered.items():
            if is_ahead(kept, now):
                self._remembered[pair] = undated(kept)
                self._unrecorded.add(pair)
        self._touch()

    def _touch(self) -> None:
        self._generation += 1
        known = self._views.keys() | self._rates.keys() | self._remembered.keys() | self._configured.keys()
        if known != self._known:
            self._known = frozenset(known)

    def _holds(self, generation: int, moment: datetime, at: datetime) -> bool:
        age = at - moment
        if generation == self._generation:
            return timedelta(0) <= age < self._refresh
        # Under a busy feed one working-out serves a few offers; at one and the same moment news is never overlooked.
        return timedelta(0) < age < _REUSE

    def _market(self, pair: Pair, at: datetime) -> Market | None:
        chosen = crosses.choose(pair, self._priced_paths(pair, at), self._terms)
        if chosen is None:
            return None
        steps, alternative = chosen
        volatility = statistics.volatility_bps(self._volatility.get(pair), self._settings.volatility_horizon_s)
        given = (alternative, volatility, self._usd(pair.base, at))
        return crosses.market(pair, at, steps, self._terms, given)

    def _priced_paths(self, pair: Pair, at: datetime) -> list[tuple[Step, ...]]:
        found = []
        for path in crosses.paths(pair, self._known, self._settings.hubs):
            steps = []
            for each, inverse in path:
                leg = self._leg(each, at)
                if leg is None:
                    break
                steps.append(Step(leg, inverse))
            else:
                found.append(tuple(steps))
        return found

    def _leg(self, pair: Pair, at: datetime) -> Leg | None:
        cached = self._legs.get(pair)
        if cached is not None and cached[0] == self._generation and cached[1] == at:
            return cached[2]
        remembered = self._remembered.get(pair)
        known = (self._previous(remembered, at), remembered, self._configured.get(pair))
        leg = best_leg(pair, self._views_of(pair, at), at, self._terms, known)
        if leg is not None and leg.rung is Rung.LIVE:
            self._remember(leg, at)
        self._legs[pair] = (self._generation, at, leg)
        return leg

    def _previous(self, remembered: Remembered | None, at: datetime) -> tuple[Decimal, int] | None:
        if remembered is None or is_ahead(remembered, at):
            return None
        age = max(age_ms(remembered.observed_at, at), 0)
        return (remembered.fair, age) if age <= self._settings.jump_hold_s * 1000 else None

    def _remember(self, leg: Leg, at: datetime) -> None:
        before = self._remembered.get(leg.pair)
        if before is not None and leg.observed_at < before.observed_at <= at:
            return
        kept = remember(leg, self._terms)
        if before is None or (before.fair, before.observed_at) != (kept.fair, kept.observed_at):
            self._unrecorded.add(leg.pair)
        self._remembered[leg.pair] = kept

    def _views_of(self, pair: Pair, at: datetime) -> list[SourceView]:
        views = sorted(self._views.get(pair, {}).values(), key=lambda view: (view.observed_at, view.source))
        today = local_date(pair, at)
        published = [
            view_of_rate(rate)
            for rates in self._rates.get(pair, {}).values()
            for rate in rates
            if rate.valid_from <= today <= rate.valid_to and rate.known_at <= at
        ]
        # The freshest few: evidence must fit in a receipt.
        return views[-SOURCES_MAX:] + published[: max(1, SOURCES_MAX - len(views))]

    def _usd(self, asset: Asset, at: datetime) -> UsdRate | None:
        if asset == REPORTING_ASSET:
            return UsdRate(Decimal(1), REPORTING_ASSET.code)
        target = Pair(asset, REPORTING_ASSET)
        chosen = crosses.choose(target, self._priced_paths(target, at), self._terms)
        if chosen is not None:
            self._usd_known[asset] = crosses.fair_over(chosen[0])
            return UsdRate(self._usd_known[asset], crosses.path_text(chosen[0]))
        known = self._usd_known.get(asset)
        return None if known is None else UsdRate(known, "last_known")

    def _seed_usd(self) -> None:
        # However old, a recorded rate values a deal better than none; the receipt calls it last known.
        known = frozenset(self._remembered)
        for asset in sorted({each for pair in known for each in (pair.base, pair.quote)}, key=str):
            if asset == REPORTING_ASSET:
                continue
            found = crosses.paths(Pair(asset, REPORTING_ASSET), known, self._settings.hubs)
            if found:
                shortest = min(found, key=len)
                self._usd_known[asset] = crosses.product(
                    [(self._remembered[pair].fair, inverse) for pair, inverse in shortest]
                )
