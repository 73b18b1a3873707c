"""The customer's price and amounts: fair, adjustments, spread, fee, tax, rounding; every step kept for the receipt."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount, AmountNotPositive, Rounding, divide, scale_amount, to_amount
from cambista.kernel.registry import REPORTING_ASSET
from cambista.pricing.adjustments import ADJUSTMENTS, Measures
from cambista.pricing.errors import AmountAssetWrong, AmountTooLarge, AmountTooSmall, NoPrice
from cambista.pricing.rules.decimals import BPS, TWO, ZERO, as_bps, exact, text
from cambista.pricing.types import Market, OfferRequest, OfferTerms, Tax

_CENT = Decimal("0.01")


# Where no source tells sizes, the market is taken to bear this part of the pair's largest deal.
UNKNOWN_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Quoted:
    """A customer price: each adjustment and their bounded sum in bps, the exact price, and that price to the tick."""

    adjustments: tuple[tuple[str, Decimal], ...]
    sum_bps: Decimal
    bounded_bps: Decimal
    exact: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Sums:
    """The money of an offer, in whole units. `gross` is the quote asset before fee and taxes."""

    base: Amount
    gross: Amount
    fee: Amount
    taxes: tuple[Amount, ...]
    quote: Amount
    at_fair: Amount
    remainder: Decimal


@dataclass(frozen=True, slots=True)
class Draft:
    """An offer before its receipt."""

    price: Price
    sums: Sums
    quoted: Quoted
    notional: Amount


@dataclass(frozen=True, slots=True)
class Frame:
    """What all offers on one market share: bounds and spread in bps, worked out once; texts for the receipt."""

    market: Market
    terms: OfferTerms
    maximum: Amount
    target: Decimal
    market_bps: Decimal
    rung_bps: Decimal
    spread_bps: Decimal
    half_bps: Decimal
    given_max_bps: Decimal
    fee_share: Decimal
    fee_text: str
    half_text: str
    spread_texts: tuple[str, str, str, str]


@exact
def frame(market: Market, terms: OfferTerms) -> Frame:
    """The market under those terms.

    At least `kept_share` of the half spread stays with the house: the rest, `given_max_bps`, is the most that
    adjustments may give away. So the house never sells under the fair price nor buys over it, whatever the discount,
    flow or till.
    """
    market_bps = market.spread_bps + market.dispersion_bps
    rung_bps = next(bps for rung, bps in terms.rung_bps if rung is market.rung)
    spread_bps = max(terms.spread_bps, market_bps) + rung_bps
    half = spread_bps / TWO
    share = next(value for rung, value in terms.rung_size if rung is market.rung)
    return Frame(
        market=market,
        terms=terms,
        maximum=scale_amount(terms.maximum, share, Rounding.DOWN),
        target=terms.maximum.decimal,
        market_bps=market_bps,
        rung_bps=rung_bps,
        spread_bps=spread_bps,
        half_bps=half,
        given_max_bps=as_bps(half * (1 - terms.kept_share)),
        fee_share=terms.fee_bps / BPS,
        fee_text=text(terms.fee_bps),
        half_text=text(half),
        spread_texts=(text(terms.spread_bps), text(market_bps), text(rung_bps), text(spread_bps)),
    )


@exact
def draft(framed: Frame, request: OfferRequest, flow: Decimal) -> Draft:
    """Price `request`. `flow` in -1..1 is the customers' recent order-flow imbalance (above 0: they buy).

    Refuses amounts of another asset, not above zero, below the pair's minimum or above its maximum on this rung, and a
    market whose worth in the reporting asset is not known (`no_price`).
    """
    assert -1 <= request.skew <= 1
    assert -1 <= flow <= 1
    quoted = quote(framed, request, size=_size(framed, request), flow=flow)
    pair = framed.market.pair
    price = Price(quoted.value, pair)
    amounts = _from_base if request.amount.asset == pair.base else _from_quote
    sums = amounts(framed, request, price)
    _check_size(framed, sums.base)
    if sums.quote.units <= 0 or sums.gross.units <= 0:
        raise _too_small(framed)
    return Draft(price, sums, quoted, _notional(framed.market, sums.base))


def _size(framed: Frame, request: OfferRequest) -> Decimal:
    pair, amount = framed.market.pair, request.amount
    if amount.asset not in (pair.base, pair.quote):
        raise AmountAssetWrong(pair=str(pair), asset=amount.asset.code)
    if amount.units <= 0:
        raise AmountNotPositive(asset=amount.asset.code)
    if amount.asset == pair.base:
        _check_size(framed, amount)
        return amount.decimal
    size = amount.decimal / framed.market.fair
    if size > TWO * framed.target:
        raise _too_large(framed)
    return size


def _check_size(framed: Frame, base: Amount) -> None:
    if base.units < framed.terms.minimum.units:
        raise _too_small(framed)
    if base.units > framed.maximum.units:
        raise _too_large(framed)


def _too_large(framed: Frame) -> AmountTooLarge:
    market, maximum = framed.market, framed.maximum
    return AmountTooLarge(pair=str(market.pair), maximum=maximum.text, asset=maximum.asset.code, rung=market.rung.value)


def _too_small(framed: Frame) -> AmountTooSmall:
    minimum = framed.terms.minimum
    return AmountTooSmall(pair=str(framed.market.pair), minimum=minimum.text, asset=minimum.asset.code)


@exact
def quote(framed: Frame, request: OfferRequest, *, size: Decimal, flow: Decimal) -> Quoted:
    """The customer's price of `size` base: fair × (1 ± Σ adjustments) ± half the spread, to the pair's tick."""
    market, terms = framed.market, framed.terms
    buying = request.side is Side.BUY
    sign = 1 if buying else -1
    adjustments = _adjustments(terms, _measures(framed, request, size, flow))
    total = sum((bps for _, bps in adjustments), ZERO)
    bounded = min(max(total, -framed.given_max_bps), terms.sum_cap_bps)
    exact_price = market.fair * (BPS + sign * (bounded + framed.half_bps)) / BPS
    ticks = (exact_price / terms.tick).to_integral_value(ROUND_CEILING if buying else ROUND_FLOOR)
    if ticks <= 0:
        raise NoPrice(pair=str(market.pair), reason="below_tick")
    return Quoted(adjustments, total, bounded, exact_price, (ticks * terms.tick).quantize(terms.tick))


def _measures(framed: Frame, request: OfferRequest, size: Decimal, flow: Decimal) -> Measures:
    market = framed.market
    buying = request.side is Side.BUY
    return Measures(
        sign=1 if buying else -1,
        size=size,
        depth=(market.ask_depth if buying else market.bid_depth) or framed.terms.maximum.decimal / UNKNOWN_DEPTH,
        target=framed.target,
        confidence=market.confidence,
        volatility_bps=market.volatility_bps,
        flow=flow,
        skew=request.skew,
        discount_bps=request.discount_bps,
        markup_bps=request.markup_bps,
    )


def _adjustments(terms: OfferTerms, measures: Measures) -> tuple[tuple[str, Decimal], ...]:
    found = []
    for name, knob in terms.knobs:
        bps = min(max(ADJUSTMENTS[name](measures, knob), knob.floor_bps), knob.cap_bps)
        found.append((name, bps.quantize(_CENT, ROUND_CEILING) if bps else ZERO))
    return tuple(found)


def _from_base(framed: Frame, request: OfferRequest, price: Price) -> Sums:
    buying = request.side is Side.BUY
    base = request.amount
    gross = price.quote_for(base, Rounding.UP if buying else Rounding.DOWN)
    fee = scale_amount(gross, framed.fee_share, Rounding.UP)
    taxes = _taxes(framed.terms, request.side, gross)
    extras = sum((tax.units for tax in taxes), fee.units)
    total = Amount(gross.units + (extras if buying else -extras), gross.asset)
    return _sums(framed.market, request.side, price, (base, gross, fee, total), taxes)


def _from_quote(framed: Frame, request: OfferRequest, price: Price) -> Sums:
    # The customer's amount is exact; the unit that fee and taxes cannot share out stays with the fee.
    buying = request.side is Side.BUY
    total, terms = request.amount, framed.terms
    extra_bps = terms.fee_bps + sum((tax.bps for tax in _in_force(terms, request.side)), ZERO)
    numerator, denominator = (BPS + (extra_bps if buying else -extra_bps)).as_integer_ratio()
    gross = Amount(
        divide(total.units * 10_000 * denominator, numerator, Rounding.DOWN if buying else Rounding.UP), total.asset
    )
    taxes, fee = _shares(terms, request, gross)
    if fee < 0:
        # Several taxes, each rounded up, took more than is there: a unit more or less of gross makes room.
        gross = Amount(gross.units + (fee if buying else -fee), gross.asset)
        taxes, fee = _shares(terms, request, gross)
    if gross.units <= 0 or fee < 0:
        raise _too_small(framed)
    base = price.base_for(gross, Rounding.DOWN if buying else Rounding.UP)
    return _sums(framed.market, request.side, price, (base, gross, Amount(fee, total.asset), total), taxes)


def _shares(terms: OfferTerms, request: OfferRequest, gross: Amount) -> tuple[tuple[Amount, ...], int]:
    taxes = _taxes(terms, request.side, gross)
    between = abs(request.amount.units - gross.units)
    return taxes, between - sum(tax.units for tax in taxes)


def _in_force(terms: OfferTerms, side: Side) -> tuple[Tax, ...]:
    return terms.taxes_buy if side is Side.BUY else terms.taxes_sell


def _taxes(terms: OfferTerms, side: Side, gross: Amount) -> tuple[Amount, ...]:
    return tuple(scale_amount(gross, tax.bps / BPS, Rounding.UP) for tax in _in_force(terms, side))


def _sums(
    market: Market, side: Side, price: Price, amounts: tuple[Amount, Amount, Amount, Amount], taxes: tuple[Amount, ...]
) -> Sums:
    base, gross, fee, total = amounts
    buying = side is Side.BUY
    exact_gross = base.decimal * price.value
    return Sums(
        base=base,
        gross=gross,
        fee=fee,
        taxes=taxes,
        quote=total,
        at_fair=to_amount(base.decimal * market.fair, gross.asset, Rounding.UP if buying else Rounding.DOWN),
        remainder=gross.decimal - exact_gross if buying else exact_gross - gross.decimal,
    )


def _notional(market: Market, base: Amount) -> Amount:
    if market.usd is None:
        raise NoPrice(pair=str(market.pair), reason="no_usd_rate")
    return to_amount(base.decimal * market.usd.value, REPORTING_ASSET, Rounding.UP)


def spread_of(side: Side, sums: Sums) -> Amount:
    """What the house earns against the fair price, in the quote asset."""
    return sums.gross - sums.at_fair if side is Side.BUY else sums.at_fair - sums.gross


def request_json(request: OfferRequest, flow: Decimal) -> Mapping[str, object]:
    """The wish and the state it met, as the receipt holds them."""
    return {
        "amount": [request.amount.text, request.amount.asset.code],
        "customer_id": str(request.customer_id),
        "discount_bps": text(request.discount_bps),
        "flow": text(flow),
        "markup_bps": text(request.markup_bps),
        "quote_id": str(request.quote_id),
        "side": request.side.value,
        "skew": text(request.skew),
    }


@exact
def steps_json(framed: Frame, request: OfferRequest, drafted: Draft) -> Mapping[str, object]:
    """Every step from the fair price to the amounts, in bps and in money of the quote asset."""
    quoted, sums = drafted.quoted, drafted.sums
    taxes = _in_force(framed.terms, request.side)
    worth = sums.at_fair
    return {
        "adjustments": [
            [name, text(bps), _money(worth, bps)] if bps else [name, "0", "0"] for name, bps in quoted.adjustments
        ],
        "at_fair": worth.text,
        "base": sums.base.text,
        "bounded_bps": text(quoted.bounded_bps),
        "fee": [framed.fee_text, sums.fee.text],
        "gross": sums.gross.text,
        "half_spread": [framed.half_text, _money(worth, framed.half_bps)],
        "notional": [drafted.notional.text, drafted.notional.asset.code],
        "price": drafted.price.text,
        "price_exact": text(quoted.exact),
        "quote": sums.quote.text,
        "rounding": text(sums.remainder),
        "spread": spread_of(request.side, sums).text,
        "spread_bps": framed.spread_texts,
        "sum_bps": text(quoted.sum_bps),
        "taxes": [[tax.name, text(tax.bps), paid.text] for tax, paid in zip(taxes, sums.taxes, strict=True)],
    }


def _money(worth: Amount, bps: Decimal) -> str:
    return scale_amount(worth, bps.scaleb(-4), Rounding.HALF_EVEN).text
