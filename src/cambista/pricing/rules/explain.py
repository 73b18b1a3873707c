"""Works a stored receipt out again from the evidence inside it, and says how the price came about."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cambista.kernel.errors import Refusal
from cambista.pricing.rules import receipts
from cambista.pricing.rules.decimals import text
from cambista.pricing.rules.offers import Draft, Frame, draft, frame, request_json, spread_of, steps_json
from cambista.pricing.types import Explanation, OfferRequest

DIFFERENCES_MAX = 20


def explain(content: bytes) -> Explanation:
    """Recompute the receipt's content bit for bit. What is no receipt does not match, and why is said; never raises."""
    if len(content) > receipts.CONTENT_MAX:
        return Explanation(False, ("the content is too large for a receipt",), ())
    try:
        stored = json.loads(content)
        if stored["pricing_version"] != receipts.PRICING_VERSION:
            made_by, now = stored["pricing_version"], receipts.PRICING_VERSION
            return Explanation(False, (f"made by pricing version {made_by}, this code is version {now}",), ())
        again, steps = _again(stored)
    except Refusal as refusal:
        return Explanation(False, (f"the evidence is refused today: {refusal.code}",), ())
    except Exception as error:  # whatever is wrong with foreign content, the answer is: no receipt
        return Explanation(False, (f"this is no receipt of the house: {type(error).__name__}",), ())
    if again == content:
        return Explanation(True, (), steps)
    found = list(_differences("", stored, json.loads(again)))[:DIFFERENCES_MAX]
    return Explanation(False, tuple(found) or ("the bytes are not in canonical form",), steps)


def _again(stored: Mapping[str, Any]) -> tuple[bytes, tuple[str, ...]]:
    fair_terms = receipts.fair_terms_again(stored["terms"]["fair"])
    market = receipts.market_again(stored["market"], fair_terms)
    terms = receipts.offer_terms_again(stored["terms"]["offer"], market.pair)
    request, flow = receipts.request_again(stored["request"], market.pair)
    framed = frame(market, terms)
    drafted = draft(framed, request, flow)
    content = receipts.content(
        receipts.market_fragment(market),
        receipts.terms_fragment(fair_terms, terms),
        request_json(request, flow),
        steps_json(framed, request, drafted),
    )
    return content, tuple(_told(framed, request, drafted))


def _differences(path: str, stored: object, again: object) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(again, dict):
        for key in sorted(set(stored) | set(again)):
            yield from _differences(f"{path}.{key}" if path else key, stored.get(key), again.get(key))
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for place, (one, other) in enumerate(zip(stored, again, strict=True)):
            yield from _differences(f"{path}[{place}]", one, other)
    elif stored != again:
        yield f"{path}: the receipt says {json.dumps(stored)[:120]}, worked out again it is {json.dumps(again)[:120]}"


def _told(framed: Frame, request: OfferRequest, drafted: Draft) -> Iterator[str]:
    market, terms, quoted, sums = framed.market, framed.terms, drafted.quoted, drafted.sums
    for step in market.steps:
        yield f"{step.leg.pair} ({step.leg.rung.value}): fair {text(step.leg.fair)}"
        yield from (f"  {line}" for line in receipts.leg_sources(step.leg))
        if step.leg.remembered is not None:
            yield f"  remembered from {', '.join(step.leg.remembered.sources)}"
        if step.leg.configured is not None:
            yield f"  an operator's fixed price {text(step.leg.configured.bid)} / {text(step.leg.configured.ask)}"
    confidence = text(market.confidence)
    yield f"path {market.path}: fair price {text(market.fair)} {market.pair.quote}, confidence {confidence}"
    if market.alternative is not None:
        other = market.alternative
        yield f"held against {other.path}: {text(other.fair)} ({text(market.gap_bps)} bps apart)"
    for name, bps in quoted.adjustments:
        yield f"adjustment {name}: {text(bps)} bps against the customer"
    yield f"sum {text(quoted.sum_bps)} bps, bounded to {text(quoted.bounded_bps)} bps"
    yield (
        f"spread: the larger of the house's own {text(terms.spread_bps)} and the market's {text(framed.market_bps)}, "
        f"plus {text(framed.rung_bps)} for the rung {market.rung.value} = {text(framed.spread_bps)} bps"
    )
    yield f"customer {request.side.value}s at {text(quoted.exact)}, to the tick {drafted.price.text}"
    yield f"{sums.base} at {drafted.price.text} = {sums.gross}; rounding {text(sums.remainder)} {market.pair.quote}"
    yield f"fee {sums.fee}, taxes {', '.join(str(tax) for tax in sums.taxes) or 'none'}"
    yield f"total {sums.quote}; the house earns {spread_of(request.side, sums)} against the fair price"
