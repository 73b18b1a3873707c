"""The receipt's content: canonical JSON of the market, the knobs, the wish and every step; and the way back."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from cambista.kernel.canonical import canonical_json
from cambista.kernel.ids import CustomerId, QuoteId
from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import asset
from cambista.kernel.time import parse_time, wire_time
from cambista.pricing.rules.crosses import market as market_over
from cambista.pricing.rules.decimals import text
from cambista.pricing.rules.fair import age_ms
from cambista.pricing.rules.ladder import best_leg
from cambista.pricing.types import (
    Alternative,
    Configured,
    FairTerms,
    JudgedSource,
    KindTerms,
    Knob,
    Leg,
    Market,
    OfferRequest,
    OfferTerms,
    Remembered,
    Rung,
    SourceView,
    Step,
    Tax,
    UsdRate,
)
from cambista.venues import RateName, SourceKind

PRICING_VERSION = 2
"""Raise it when a change of code prices a golden receipt otherwise."""

CONTENT_MAX = 65_536
_MILLISECOND = timedelta(milliseconds=1)
_encode = msgspec.json.Encoder(order="deterministic").encode


def content(market: bytes, terms: bytes, request: Mapping[str, object], steps: Mapping[str, object]) -> bytes:
    """The receipt's canonical bytes from two fragments worked out once a tick and the parts of this offer."""
    return b'{"market":%b,"pricing_version":%d,"request":%b,"steps":%b,"terms":%b}' % (
        market,
        PRICING_VERSION,
        _encode(request),
        _encode(steps),
        terms,
    )


def market_fragment(market: Market) -> bytes:
    """Canonical JSON of the evidence: every source, leg, path and what came of them."""
    return canonical_json(
        {
            "at": wire_time(market.at),
            "confidence": text(market.confidence),
            "depth": [text(market.bid_depth), text(market.ask_depth)],
            "dispersion_bps": text(market.dispersion_bps),
            "fair": text(market.fair),
            "gap": None
            if market.alternative is None
            else [market.alternative.path, text(market.alternative.fair), text(market.gap_bps)],
            "legs": [_leg_json(step, market.at) for step in market.steps],
            "pair": str(market.pair),
            "path": market.path,
            "rung": market.rung.value,
            "spread_bps": text(market.spread_bps),
            "usd": None if market.usd is None else [text(market.usd.value), market.usd.basis],
            "volatility_bps": text(market.volatility_bps),
        }
    )


def _leg_json(step: Step, at: datetime) -> dict[str, object]:
    leg = step.leg
    found: dict[str, object] = {
        "confidence": text(leg.confidence),
        "depth": [text(leg.bid_depth), text(leg.ask_depth)],
        "dispersion_bps": text(leg.dispersion_bps),
        "fair": text(leg.fair),
        "inverse": step.inverse,
        "pair": str(leg.pair),
        "rung": leg.rung.value,
        "sources": [_source_json(source) for source in leg.judged],
        "spread_bps": text(leg.spread_bps),
    }
    if leg.previous is not None:
        found["previous"] = [text(leg.previous[0]), leg.previous[1]]
    if leg.remembered is not None:
        kept = leg.remembered
        found["remembered"] = [age_ms(kept.observed_at, at), age_ms(kept.fresh_until, at), list(kept.sources)]
    if leg.configured is not None:
        fixed = leg.configured
        found["configured"] = [text(fixed.bid), text(fixed.ask), wire_time(fixed.expires_at), str(fixed.set_by)]
    return found


def _source_json(source: JudgedSource) -> list[object]:
    view = source.view
    row: list[object] = [
        view.source,
        view.kind.value,
        view.rate.value,
        _text_or_none(view.bid),
        _text_or_none(view.ask),
        text(view.bid_depth),
        text(view.ask_depth),
        source.age_ms,
        text(source.weight),
        source.verdict.value,
    ]
    if view.valid_from is not None and view.valid_to is not None:
        row += [view.valid_from.isoformat(), view.valid_to.isoformat()]
    return row


def _text_or_none(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


@lru_cache(maxsize=256)
def terms_fragment(fair: FairTerms, offer: OfferTerms) -> bytes:
    """Canonical JSON of the knobs."""
    return canonical_json(
        {
            "fair": {
                "controlled_assets": sorted(fair.controlled_assets),
                "kinds": [
                    [kind.value, *(text(v) for v in (k.weight, k.half_life_s, k.drop_after_s, k.spread_max_bps))]
                    for kind, k in fair.kinds
                ],
                "official_pairs": sorted(fair.official_pairs),
                **{name: text(getattr(fair, name)) for name in _FAIR_NUMBERS},
            },
            "offer": {
                "fee_bps": text(offer.fee_bps),
                "kept_share": text(offer.kept_share),
                "knobs": [[name, text(k.slope), text(k.floor_bps), text(k.cap_bps)] for name, k in offer.knobs],
                "maximum": offer.maximum.text,
                "minimum": offer.minimum.text,
                "rungs": [[rung.value, text(bps), text(dict(offer.rung_size)[rung])] for rung, bps in offer.rung_bps],
                "spread_bps": text(offer.spread_bps),
                "sum_cap_bps": text(offer.sum_cap_bps),
                "taxes_buy": [[tax.name, text(tax.bps)] for tax in offer.taxes_buy],
                "taxes_sell": [[tax.name, text(tax.bps)] for tax in offer.taxes_sell],
                "tick": text(offer.tick),
            },
        }
    )


_FAIR_NUMBERS = (
    "mad_factor", "mad_floor_bps", "disagree_max_bps", "jump_max_bps", "jump_hold_s", "reference_band_bps",
    "one_sided_bps", "gap_max_bps", "leg_cost_bps", "cached_ttl_s", "last_recorded_max_s",
)  # fmt: skip


def pair_named(name: str) -> Pair:
    """The pair of that name, quoted by the house or not; refuses unknown assets."""
    base, quote = name.split("/")
    return Pair(asset(base), asset(quote))


def market_again(evidence: Mapping[str, Any], terms: FairTerms) -> Market:
    """Work the market out again from its evidence: sources → legs → path. Nothing computed is taken over."""
    at = parse_time(evidence["at"])
    steps = tuple(_step_again(leg, at, terms) for leg in evidence["legs"])
    gap, usd = evidence["gap"], evidence["usd"]
    return market_over(
        pair_named(evidence["pair"]),
        at,
        steps,
        terms,
        (
            None if gap is None else Alternative(gap[0], Decimal(gap[1])),
            Decimal(evidence["volatility_bps"]),
            None if usd is None else UsdRate(Decimal(usd[0]), usd[1]),
        ),
    )


def _step_again(evidence: Mapping[str, Any], at: datetime, terms: FairTerms) -> Step:
    pair = pair_named(evidence["pair"])
    views = [_view_again(row, at) for row in evidence["sources"]]
    previous = evidence.get("previous")
    known = (
        None if previous is None else (Decimal(previous[0]), int(previous[1])),
        _remembered_again(pair, evidence, at),
        _configured_again(pair, evidence.get("configured")),
    )
    leg = best_leg(pair, views, at, terms, known)
    if leg is None:
        raise ValueError(f"the evidence gives no price for {pair}")
    return Step(leg, bool(evidence["inverse"]))


def _view_again(row: Sequence[Any], at: datetime) -> SourceView:
    source, kind, rate, bid, ask, bid_depth, ask_depth, age, _weight, _verdict = row[:10]
    return SourceView(
        source=source,
        kind=SourceKind(kind),
        rate=RateName(rate),
        bid=None if bid is None else Decimal(bid),
        ask=None if ask is None else Decimal(ask),
        bid_depth=Decimal(bid_depth),
        ask_depth=Decimal(ask_depth),
        observed_at=at - age * _MILLISECOND,
        valid_from=date.fromisoformat(row[10]) if len(row) > 10 else None,
        valid_to=date.fromisoformat(row[11]) if len(row) > 11 else None,
    )


def _remembered_again(pair: Pair, evidence: Mapping[str, Any], at: datetime) -> Remembered | None:
    kept = evidence.get("remembered")
    if kept is None:
        return None
    return Remembered(
        pair=pair,
        fair=Decimal(evidence["fair"]),
        spread_bps=Decimal(evidence["spread_bps"]),
        dispersion_bps=Decimal(evidence["dispersion_bps"]),
        confidence=Decimal(evidence["confidence"]),
        bid_depth=Decimal(evidence["depth"][0]),
        ask_depth=Decimal(evidence["depth"][1]),
        sources=tuple(kept[2]),
        observed_at=at - int(kept[0]) * _MILLISECOND,
        fresh_until=at - int(kept[1]) * _MILLISECOND,
    )


def _configured_again(pair: Pair, fixed: Sequence[Any] | None) -> Configured | None:
    if fixed is None:
        return None
    return Configured(pair, Decimal(fixed[0]), Decimal(fixed[1]), parse_time(fixed[2]), UUID(fixed[3]))


def fair_terms_again(knobs: Mapping[str, Any]) -> FairTerms:
    """The fair price's knobs from a receipt."""
    return FairTerms(
        kinds=tuple((SourceKind(row[0]), KindTerms(*(Decimal(v) for v in row[1:]))) for row in knobs["kinds"]),
        official_pairs=frozenset(knobs["official_pairs"]),
        controlled_assets=frozenset(knobs["controlled_assets"]),
        **{name: Decimal(knobs[name]) for name in _FAIR_NUMBERS},
    )


def offer_terms_again(knobs: Mapping[str, Any], pair: Pair) -> OfferTerms:
    """The customer price's knobs from a receipt."""
    return OfferTerms(
        tick=Decimal(knobs["tick"]),
        minimum=Amount.of(knobs["minimum"], pair.base),
        maximum=Amount.of(knobs["maximum"], pair.base),
        spread_bps=Decimal(knobs["spread_bps"]),
        fee_bps=Decimal(knobs["fee_bps"]),
        knobs=tuple((row[0], Knob(*(Decimal(v) for v in row[1:]))) for row in knobs["knobs"]),
        sum_cap_bps=Decimal(knobs["sum_cap_bps"]),
        kept_share=Decimal(knobs["kept_share"]),
        rung_bps=tuple((Rung(row[0]), Decimal(row[1])) for row in knobs["rungs"]),
        rung_size=tuple((Rung(row[0]), Decimal(row[2])) for row in knobs["rungs"]),
        taxes_buy=tuple(Tax(name, Decimal(bps)) for name, bps in knobs["taxes_buy"]),
        taxes_sell=tuple(Tax(name, Decimal(bps)) for name, bps in knobs["taxes_sell"]),
    )


def request_again(wish: Mapping[str, Any], pair: Pair) -> tuple[OfferRequest, Decimal]:
    """The wish and the order flow it met, from a receipt."""
    request = OfferRequest(
        quote_id=QuoteId(UUID(wish["quote_id"])),
        customer_id=CustomerId(UUID(wish["customer_id"])),
        pair=pair,
        side=Side(wish["side"]),
        amount=Amount.of(wish["amount"][0], asset(wish["amount"][1])),
        skew=Decimal(wish["skew"]),
        discount_bps=Decimal(wish["discount_bps"]),
        markup_bps=Decimal(wish["markup_bps"]),
    )
    return request, Decimal(wish["flow"])


def leg_sources(leg: Leg) -> tuple[str, ...]:
    """One line a source: value, age, weight and verdict."""
    return tuple(
        f"{s.view.source}: {_text_or_none(s.view.bid)} / {_text_or_none(s.view.ask)}, {s.age_ms} ms old, "
        f"weight {text(s.weight)}, {s.verdict.value}"
        for s in leg.judged
    )
