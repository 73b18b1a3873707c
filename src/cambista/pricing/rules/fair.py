"""The fair price of one pair from its own sources: fade, reject, then a liquidity-weighted median."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from cambista.kernel.market import Pair
from cambista.pricing.rules.decimals import (
    BPS,
    MAD_TO_SIGMA,
    ONE,
    TWO,
    ZERO,
    as_bps,
    as_share,
    exact,
    gap_bps,
    median,
    outlier_band,
    price_digits,
    weight_digits,
    weighted_median,
)
from cambista.pricing.types import FairTerms, JudgedSource, KindTerms, Leg, Rung, SourceView, Verdict
from cambista.venues import RateName, SourceKind

SOURCES_MAX = 6
FUTURE_MAX_MS = 5_000
_MINUS_LN2 = -Decimal(2).ln()
_FADED = Decimal("0.25")
_DOUBTS = (Verdict.OUTLIER, Verdict.DISAGREES, Verdict.JUMPED, Verdict.OFF_REFERENCE)
_MILLISECOND = timedelta(milliseconds=1)
# A published rate is in force by the calendar of its country; none of these changes its clock in summer.
_OFFSET_H = {"COP": -5, "PEN": -5, "VES": -4, "BOB": -4, "ARS": -3, "BRL": -3}


def local_date(pair: Pair, at: datetime) -> date:
    """The day it is where the pair's quote (or base) currency is issued; UTC for others."""
    hours = _OFFSET_H.get(pair.quote.code, _OFFSET_H.get(pair.base.code, 0))
    return (at.astimezone(UTC) + timedelta(hours=hours)).date()


def age_ms(moment: datetime, at: datetime) -> int:
    """Whole milliseconds from `moment` to `at`, towards the past."""
    return (at - moment) // _MILLISECOND


@dataclass(slots=True)
class _Draft:
    view: SourceView
    age_ms: int
    mid: Decimal
    spread_bps: Decimal
    freshness: Decimal
    verdict: Verdict
    weight: Decimal = ZERO


@exact
def leg_from_sources(
    pair: Pair,
    views: Sequence[SourceView],
    at: datetime,
    terms: FairTerms,
    previous: tuple[Decimal, int] | None,
) -> tuple[Leg | None, tuple[JudgedSource, ...]]:
    """The live leg of `pair`, or None when no source is left, and what was made of each source.

    `previous` is the last fair price and its age in ms: the witness when one or two sources cannot outvote each other.
    """
    drafts = [_alone(pair, view, at, terms) for view in sorted(views, key=lambda v: v.source)]
    group, witnesses = _speakers(drafts)
    for draft in witnesses:
        draft.verdict = Verdict.WITNESS
    _set_faded_aside(group)
    used = _agreeing(group, witnesses, terms, previous)
    _weigh(used, terms)
    judged = tuple(JudgedSource(d.view, d.age_ms, d.weight, d.verdict) for d in drafts)
    if not used:
        return None, judged
    return _leg(pair, at, used, judged, previous), judged


def _alone(pair: Pair, view: SourceView, at: datetime, terms: FairTerms) -> _Draft:
    kind = next(knobs for name, knobs in terms.kinds if name is view.kind)
    age = age_ms(view.observed_at, at)
    bid, ask = view.bid, view.ask
    sides = [side for side in (bid, ask) if side is not None]
    mid = sum(sides, ZERO) / len(sides) if sides else ZERO
    spread = gap_bps(mid, mid + ask - bid) if bid is not None and ask is not None else terms.one_sided_bps
    verdict = _verdict(pair, view, age, at, terms)
    if verdict is Verdict.USED and (not sides or spread > kind.spread_max_bps):
        verdict = Verdict.SPREAD_TOO_WIDE
    freshness = _freshness(view, age, kind) if verdict is Verdict.USED else ZERO
    return _Draft(view, age, mid, spread, freshness, verdict)


def _verdict(pair: Pair, view: SourceView, age: int, at: datetime, terms: FairTerms) -> Verdict:
    reference = view.kind is SourceKind.REFERENCE
    if reference and {pair.base.code, pair.quote.code} & terms.controlled_assets:
        return Verdict.CONTROLLED_CURRENCY
    if view.rate is RateName.PARALLEL or (view.rate is RateName.OFFICIAL and str(pair) not in terms.official_pairs):
        return Verdict.OTHER_RATE
    if age < -FUTURE_MAX_MS:
        return Verdict.FUTURE
    if view.valid_from is not None and view.valid_to is not None:
        in_force = view.valid_from <= local_date(pair, at) <= view.valid_to
        return Verdict.USED if in_force else Verdict.NOT_IN_FORCE
    drop_after = next(knobs.drop_after_s for name, knobs in terms.kinds if name is view.kind)
    if age > drop_after * 1000:
        return Verdict.STALE
    if view.kind is SourceKind.FIRM_BOOK and view.bid is not None and view.ask is not None and view.bid > view.ask:
        return Verdict.CROSSED
    return Verdict.USED


def _freshness(view: SourceView, age: int, kind: KindTerms) -> Decimal:
    if _is_published(view):
        return ONE
    return (_MINUS_LN2 * max(age, 0) / (kind.half_life_s * 1000)).exp()


def _speakers(drafts: list[_Draft]) -> tuple[list[_Draft], list[_Draft]]:
    # Markets speak; without one, a reference that streams; without that, what is published for the day.
    heard = [draft for draft in drafts if draft.verdict is Verdict.USED]
    markets = [draft for draft in heard if draft.view.kind is not SourceKind.REFERENCE]
    streaming = [draft for draft in heard if draft.view.kind is SourceKind.REFERENCE and not _is_published(draft.view)]
    published = [draft for draft in heard if _is_published(draft.view)]
    if markets:
        return markets, streaming + published
    return (streaming, published) if streaming else (published, [])


def _is_published(view: SourceView) -> bool:
    return view.valid_from is not None


def _set_faded_aside(group: list[_Draft]) -> None:
    if any(draft.freshness >= _FADED for draft in group):
        for draft in group:
            if draft.freshness < _FADED:
                draft.verdict = Verdict.FADED


def _agreeing(
    group: list[_Draft], witnesses: list[_Draft], terms: FairTerms, previous: tuple[Decimal, int] | None
) -> list[_Draft]:
    peers = [draft for draft in group if draft.verdict is Verdict.USED]
    recent = previous if previous is not None and previous[1] <= terms.jump_hold_s * 1000 else None
    if len(peers) >= 3:
        low, high = outlier_band([draft.mid for draft in peers], terms.mad_factor, terms.mad_floor_bps)
        for draft in peers:
            if not low <= draft.mid <= high:
                draft.verdict = Verdict.OUTLIER
    elif len(peers) == 2 and gap_bps(peers[0].mid, peers[1].mid) > terms.disagree_max_bps:
        _settle_two(peers, recent)
    peers = [draft for draft in peers if draft.verdict is Verdict.USED]
    if len(peers) == 1:
        _question(peers[0], witnesses, terms, recent)
    return [draft for draft in peers if draft.verdict is Verdict.USED]


def _settle_two(peers: list[_Draft], recent: tuple[Decimal, int] | None) -> None:
    # Two that contradict each other and nobody to ask: no price is better than a coin toss.
    if recent is None:
        for draft in peers:
            draft.verdict = Verdict.DISAGREES
        return
    gaps = [gap_bps(recent[0], draft.mid) for draft in peers]
    peers[0 if gaps[0] > gaps[1] else 1].verdict = Verdict.DISAGREES


def _question(draft: _Draft, witnesses: list[_Draft], terms: FairTerms, recent: tuple[Decimal, int] | None) -> None:
    if witnesses and gap_bps(median(w.mid for w in witnesses), draft.mid) > terms.reference_band_bps:
        draft.verdict = Verdict.OFF_REFERENCE
    elif recent is not None and gap_bps(recent[0], draft.mid) > terms.jump_max_bps:
        draft.verdict = Verdict.JUMPED


def _weigh(used: list[_Draft], terms: FairTerms) -> None:
    weights = {name: knobs.weight for name, knobs in terms.kinds}
    depths = [(draft.view.bid_depth + draft.view.ask_depth) / TWO for draft in used]
    # A source that shows no size counts as the smallest that does.
    least = min((depth for depth in depths if depth > 0), default=ONE)
    for draft, depth in zip(used, depths, strict=True):
        draft.weight = weight_digits(weights[draft.view.kind] * draft.freshness * (depth or least).sqrt())


def _leg(
    pair: Pair,
    at: datetime,
    used: list[_Draft],
    judged: tuple[JudgedSource, ...],
    previous: tuple[Decimal, int] | None,
) -> Leg:
    fair = price_digits(_middle(used))
    published = _is_published(used[0].view)
    dispersion = _dispersion(fair, used)
    return Leg(
        pair=pair,
        # A published daily rate is a recorded price, not a live one.
        rung=Rung.LAST_RECORDED if published else Rung.LIVE,
        fair=fair,
        spread_bps=as_bps(weighted_median([(draft.spread_bps, draft.weight) for draft in used])),
        dispersion_bps=as_bps(dispersion),
        confidence=as_share(_confidence(used, judged, dispersion) / (TWO if published else ONE)),
        bid_depth=price_digits(sum((draft.view.bid_depth for draft in used), ZERO)),
        ask_depth=price_digits(sum((draft.view.ask_depth for draft in used), ZERO)),
        observed_at=at - min(draft.age_ms for draft in used) * _MILLISECOND,
        judged=judged,
        previous=previous,
    )


def _middle(used: list[_Draft]) -> Decimal:
    value = weighted_median([(draft.mid, draft.weight) for draft in used])
    if len(used) < 3:
        return value
    # However deep one source is, it cannot pull the price past all the others.
    ordered = sorted(draft.mid for draft in used)
    return min(max(value, ordered[1]), ordered[-2])


def _dispersion(fair: Decimal, used: list[_Draft]) -> Decimal:
    if len(used) == 1:
        return ZERO
    if len(used) == 2:
        return abs(used[0].mid - used[1].mid) / fair * BPS
    return median(gap_bps(fair, draft.mid) for draft in used) * MAD_TO_SIGMA


def _confidence(used: list[_Draft], judged: Sequence[JudgedSource], dispersion: Decimal) -> Decimal:
    doubters = sum(1 for source in judged if source.verdict in _DOUBTS)
    agreement = Decimal(len(used)) / (len(used) + doubters)
    number = ONE - ONE / (1 << len(used))
    freshness = max(draft.freshness for draft in used)
    return agreement * number * freshness * Decimal(100) / (Decimal(100) + dispersion)
