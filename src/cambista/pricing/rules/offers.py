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
from cambista.pricing.types import Market, OfferRequest, OfferTerms, Rung, Tax

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Quoted:
    """A customer price with its terms in bps: each adjustment, their bounded sum, and the spread's parts."""

    adjustments: tuple[tuple[str, Decimal], ...]
    sum_bps: Decimal
    bounded_bps: Decimal
    market_bps: Decimal
    rung_bps: Decimal
    spread_bps: Decimal
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


@exact
def draft(market: Market, terms: OfferTerms, request: OfferRequest, flow: Decimal) -> Draft:
    """Price `request` in `market`. `flow` in -1..1 is the customers' recent order-flow imbalance (above 0: they buy).

    Refuses amounts of another asset, not above zero, below the pair's minimum or above its maximum on this rung, and a
    market whose worth in the reporting asset is not known (`no_price`).
    """
    assert -1 <= request.skew <= 1
    assert -1 <= flow <= 1
    size = _size(market, terms, request)
    quoted = quote(market, terms, request, size=size, flow=flow)
    price = Price(quoted.value, market.pair)
    amounts = _from_base if request.amount.asset == market.pair.base else _from_quote
    sums = amounts(market, terms, request, price)
    _check_size(market, terms, sums.base)
    if sums.quote.units <= 0 or sums.gross.units <= 0:
        raise AmountTooSmall(pair=str(market.pair), minimum=terms.minimum.text, asset=terms.minimum.asset.code)
    return Draft(price, sums, quoted, _notional(market, sums.base))


def _size(market: Market, terms: OfferTerms, request: OfferRequest) -> Decimal:
    pair, amount = market.pair, request.amount
    if amount.asset not in (pair.base, pair.quote):
        raise AmountAssetWrong(pair=str(pair), asset=amount.asset.code)
    if amount.units <= 0:
        raise AmountNotPositive(asset=amount.asset.code)
    if amount.asset == pair.base:
        _check_size(market, terms, amount)
        return amount.decimal
    return amount.decimal / market.fair


def _check_size(market: Market, terms: OfferTerms, base: Amount) -> None:
    if base < terms.minimum:
        raise AmountTooSmall(pair=str(market.pair), minimum=terms.minimum.text, asset=base.asset.code)
    maximum = maximum_on(terms, market.rung)
    if maximum < base:
        raise AmountTooLarge(pair=str(market.pair), maximum=maximum.text, asset=base.asset.code, rung=market.rung.value)


def maximum_on(terms: OfferTerms, rung: Rung) -> Amount:
    """The largest base amount quoted on `rung`."""
    share = next(value for name, value in terms.rung_size if name is rung)
    return scale_amount(terms.maximum, share, Rounding.DOWN)


def quote(market: Market, terms: OfferTerms, request: OfferRequest, *, size: Decimal, flow: Decimal) -> Quoted:
    """The customer's price of `size` base: fair × (1 ± Σ adjustments) ± half the spread, to the pair's tick.

    The sum is bounded so that at least `kept_share` of the half spread stays: the house never sells under the fair
    price nor buys over it, whatever the discount, flow or till.
    """
    buying = request.side is Side.BUY
    sign = 1 if buying else -1
    measures = Measures(
        sign=sign,
        size=size,
        depth=market.ask_depth if buying else market.bid_depth,
        target=terms.maximum.decimal,
        confidence=market.confidence,
        volatility_bps=market.volatility_bps,
        flow=flow,
        skew=request.skew,
        discount_bps=request.discount_bps,
        markup_bps=request.markup_bps,
    )
    adjustments = _adjustments(terms, measures)
    total = sum((bps for _, bps in adjustments), ZERO)
    market_bps = market.spread_bps + market.dispersion_bps
    rung_bps = next(bps for rung, bps in terms.rung_bps if rung is market.rung)
    spread_bps = max(terms.spread_bps, market_bps) + rung_bps
    half = spread_bps / TWO
    bounded = min(max(total, -as_bps(half * (1 - terms.kept_share))), terms.sum_cap_bps)
    exact_price = market.fair * (BPS + sign * (bounded + half)) / BPS
    ticks = (exact_price / terms.tick).to_integral_value(ROUND_CEILING if buying else ROUND_FLOOR)
    if ticks <= 0:
        raise NoPrice(pair=str(market.pair), reason="below_tick")
    return Quoted(adjustments, total, bounded, market_bps, rung_bps, spread_bps, exact_price, ticks * terms.tick)


def _adjustments(terms: OfferTerms, measures: Measures) -> tuple[tuple[str, Decimal], ...]:
    found = []
    for name, knob in terms.knobs:
        bps = ADJUSTMENTS[name](measures, knob)
        found.append((name, min(max(bps, knob.floor_bps), knob.cap_bps).quantize(_CENT, ROUND_CEILING)))
    return tuple(found)


def _from_base(market: Market, terms: OfferTerms, request: OfferRequest, price: Price) -> Sums:
    buying = request.side is Side.BUY
    base = request.amount
    gross = price.quote_for(base, Rounding.UP if buying else Rounding.DOWN)
    fee = scale_amount(gross, terms.fee_bps / BPS, Rounding.UP)
    taxes = _taxes(terms, request.side, gross)
    extras = sum((tax.units for tax in taxes), fee.units)
    total = Amount(gross.units + (extras if buying else -extras), gross.asset)
    return _sums(market, request.side, price, (base, gross, fee, total), taxes)


def _from_quote(market: Market, terms: OfferTerms, request: OfferRequest, price: Price) -> Sums:
    # The customer's amount is exact; the unit that fee and taxes cannot share out stays with the fee.
    buying = request.side is Side.BUY
    total = request.amount
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
        raise AmountTooSmall(pair=str(market.pair), minimum=terms.minimum.text, asset=terms.minimum.asset.code)
    base = price.base_for(gross, Rounding.DOWN if buying else Rounding.UP)
    return _sums(market, request.side, price, (base, gross, Amount(fee, total.asset), total), taxes)


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
def steps_json(terms: OfferTerms, request: OfferRequest, drafted: Draft) -> Mapping[str, object]:
    """Every step from the fair price to the amounts, in bps and in money of the quote asset."""
    quoted, sums = drafted.quoted, drafted.sums
    taxes = _in_force(terms, request.side)
    worth, cent = sums.at_fair.decimal, Decimal(1).scaleb(-sums.gross.asset.scale)

    def money(bps: Decimal) -> str:
        return text((worth * bps / BPS).quantize(cent))

    return {
        "adjustments": [[name, text(bps), money(bps)] for name, bps in quoted.adjustments],
        "at_fair": sums.at_fair.text,
        "base": sums.base.text,
        "bounded_bps": text(quoted.bounded_bps),
        "fee": [text(terms.fee_bps), sums.fee.text],
        "gross": sums.gross.text,
        "half_spread": [text(quoted.spread_bps / TWO), money(quoted.spread_bps / TWO)],
        "notional": [drafted.notional.text, drafted.notional.asset.code],
        "price": drafted.price.text,
        "price_exact": text(quoted.exact),
        "quote": sums.quote.text,
        "rounding": text(sums.remainder),
        "spread": spread_of(request.side, sums).text,
        "spread_bps": [text(terms.spread_bps), text(quoted.market_bps), text(quoted.rung_bps), text(quoted.spread_bps)],
        "sum_bps": text(quoted.sum_bps),
        "taxes": [[tax.name, text(tax.bps), paid.text] for tax, paid in zip(taxes, sums.taxes, strict=True)],
    }
