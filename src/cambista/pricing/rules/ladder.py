"""The degradation ladder of one pair: live, cached, last recorded, configured, or nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cambista.kernel.market import Pair
from cambista.pricing.rules.decimals import BPS, ONE, TWO, ZERO, as_bps, exact, price_digits
from cambista.pricing.rules.fair import age_ms, leg_from_sources
from cambista.pricing.types import Configured, FairTerms, JudgedSource, Leg, Remembered, Rung, SourceView, Verdict

Previous = tuple[Decimal, int] | None
CLOCK_STEP_MAX_MS = 2_000
_MILLISECOND = timedelta(milliseconds=1)
_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)


@exact
def best_leg(
    pair: Pair,
    views: Sequence[SourceView],
    at: datetime,
    terms: FairTerms,
    known: tuple[Previous, Remembered | None, Configured | None],
) -> Leg | None:
    """The best rung `pair` can stand on at `at`, or None: then there is no price."""
    previous, remembered, configured = known
    leg, judged = leg_from_sources(pair, views, at, terms, previous)
    if leg is not None and leg.rung is Rung.LIVE:
        return leg
    rung = _rung_of(remembered, at, terms)
    if remembered is not None and rung is not None:
        return _remembered_leg(remembered, rung, judged, previous)
    if leg is not None:
        return leg
    if configured is not None and at < configured.expires_at:
        return _configured_leg(configured, at, judged, previous)
    return None


def remember(leg: Leg, terms: FairTerms) -> Remembered:
    """What is kept of a live leg for when its sources fall silent."""
    assert leg.rung is Rung.LIVE
    drop = {kind: knobs.drop_after_s for kind, knobs in terms.kinds}
    used = [source for source in leg.judged if source.verdict is Verdict.USED]
    left_ms = max(int(drop[source.view.kind] * 1000) - source.age_ms for source in used)
    newest_ms = min(source.age_ms for source in used)
    return Remembered(
        pair=leg.pair,
        fair=leg.fair,
        spread_bps=leg.spread_bps,
        dispersion_bps=leg.dispersion_bps,
        confidence=leg.confidence,
        bid_depth=leg.bid_depth,
        ask_depth=leg.ask_depth,
        sources=tuple(sorted({source.view.source for source in used})),
        observed_at=leg.observed_at,
        fresh_until=leg.observed_at + (left_ms + newest_ms) * _MILLISECOND,
    )


def is_ahead(remembered: Remembered, at: datetime) -> bool:
    """Whether it was remembered by a clock that has been set back since: how old it is cannot be known."""
    return age_ms(remembered.observed_at, at) < -CLOCK_STEP_MAX_MS


def undated(remembered: Remembered) -> Remembered:
    """The same price, too old for any rung whatever the clock may say later."""
    return replace(remembered, observed_at=_LONG_AGO, fresh_until=_LONG_AGO)


def _rung_of(remembered: Remembered | None, at: datetime, terms: FairTerms) -> Rung | None:
    if remembered is None or is_ahead(remembered, at):
        return None
    if age_ms(remembered.fresh_until, at) <= terms.cached_ttl_s * 1000:
        return Rung.CACHED
    return Rung.LAST_RECORDED if age_ms(remembered.observed_at, at) <= terms.last_recorded_max_s * 1000 else None


def _remembered_leg(remembered: Remembered, rung: Rung, judged: tuple[JudgedSource, ...], previous: Previous) -> Leg:
    return Leg(
        pair=remembered.pair,
        rung=rung,
        fair=remembered.fair,
        spread_bps=remembered.spread_bps,
        dispersion_bps=remembered.dispersion_bps,
        confidence=remembered.confidence,
        bid_depth=remembered.bid_depth,
        ask_depth=remembered.ask_depth,
        observed_at=remembered.observed_at,
        judged=judged,
        previous=previous,
        remembered=remembered,
    )


def _configured_leg(configured: Configured, at: datetime, judged: tuple[JudgedSource, ...], previous: Previous) -> Leg:
    mid = price_digits((configured.bid + configured.ask) / TWO)
    return Leg(
        pair=configured.pair,
        rung=Rung.CONFIGURED,
        fair=mid,
        spread_bps=as_bps((configured.ask - configured.bid) / mid * BPS),
        dispersion_bps=ZERO,
        confidence=ONE,
        bid_depth=ZERO,
        ask_depth=ZERO,
        observed_at=at,
        judged=judged,
        previous=previous,
        configured=configured,
    )
