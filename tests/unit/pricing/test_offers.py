"""The customer's price and amounts: in the house's favour by at most a unit, and nothing to earn by turning round."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.errors import Refusal
from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Amount, AmountNotPositive
from cambista.kernel.registry import BTC, COP, EUR, USD, USDT, pair_spec
from cambista.pricing import (
    AmountAssetWrong,
    AmountTooLarge,
    AmountTooSmall,
    NoPrice,
    Offer,
    PricingSettings,
    Rung,
    TaxRule,
)
from cambista.pricing.settings import TAX_EXAMPLES
from tests.unit.pricing.markets import (
    BTC_COP,
    BTC_USDT,
    EUR_COP,
    EUR_USD,
    NOW,
    USDT_COP,
    USDT_USD,
    USDT_VES,
    World,
    ads,
    book,
    market_of_the_day,
)

PAIRS = st.sampled_from([USDT_COP, BTC_USDT, BTC_COP, USDT_USD])
SIDES = st.sampled_from(list(Side))
STATES = st.fixed_dictionaries(
    {},
    optional={
        "skew": st.decimals(-1, 1, places=3).map(str),
        "discount_bps": st.decimals(0, 500, places=1).map(str),
        "markup_bps": st.decimals(0, 300, places=1).map(str),
    },
)


@st.composite
def base_amounts(draw: st.DrawFn, pair: Pair) -> Amount:
    spec = pair_spec(str(pair))
    return Amount(draw(st.integers(spec.minimum.units, spec.maximum.units)), pair.base)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    mid = draw(st.decimals("3000", "5000", places=2))
    coin = draw(st.decimals("20000", "150000", places=1))
    world.observe(*market_of_the_day())
    world.observe(
        ads(USDT_COP, mid, mid * draw(st.decimals("0.99", "1.03", places=4)), size=str(draw(st.integers(1, 10**6)))),
        book(BTC_USDT, coin, coin * draw(st.decimals("1", "1.02", places=4)), source="binance", size="2"),
    )
    for _ in range(draw(st.integers(0, 3))):
        pair = draw(PAIRS)
        world.pricing.note_flow(pair, draw(SIDES), draw(base_amounts(pair)))
    return world


async def test_a_buyer_pays_above_and_a_seller_gets_below_the_fair_price() -> None:
    world = World()
    world.observe(*market_of_the_day())
    bought = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    sold = await world.ask(USDT_COP, Side.SELL, Amount.of("100", USDT))
    assert sold.price.value < 3366 < bought.price.value
    assert bought.base == sold.base == Amount.of("100", USDT)
    assert bought.quote.decimal == bought.base.decimal * bought.price.value + bought.fee.decimal
    assert sold.quote.decimal == sold.base.decimal * sold.price.value - sold.fee.decimal
    assert bought.notional == Amount.of("99.97", USD)
    assert bought.rung is Rung.LIVE


@pytest.mark.parametrize("side", list(Side))
async def test_an_amount_in_the_quote_asset_is_exactly_what_the_customer_pays_or_gets(side: Side) -> None:
    world = World()
    world.observe(*market_of_the_day())
    offer = await world.ask(USDT_COP, side, Amount.of("1000000.01", COP))
    assert offer.quote == Amount.of("1000000.01", COP)
    assert 0 < offer.fee.units < offer.quote.units // 500


@given(worlds(), PAIRS, STATES, STATES, st.data())
async def test_a_round_trip_never_profits_the_customer(
    world: World, pair: Pair, one: dict[str, str], other: dict[str, str], data: st.DataObject
) -> None:
    amount = data.draw(base_amounts(pair))
    bought = await world.ask(pair, Side.BUY, amount, **one)
    sold = await world.ask(pair, Side.SELL, amount, **other)
    assert bought.price.value > sold.price.value
    assert bought.quote.units > sold.quote.units


@given(worlds(), PAIRS, STATES, STATES, st.data())
async def test_money_sent_there_and_back_comes_home_smaller(
    world: World, pair: Pair, one: dict[str, str], other: dict[str, str], data: st.DataObject
) -> None:
    seed = await world.ask(pair, Side.BUY, data.draw(base_amounts(pair)))
    bought = await world.answer(pair, Side.BUY, seed.quote, **one)
    if isinstance(bought, Refusal):
        assert bought.code in {"amount_too_small", "amount_too_large"}
        return
    sold = await world.ask(pair, Side.SELL, bought.base, **other)
    assert sold.quote.units < bought.quote.units


@given(worlds(), PAIRS, SIDES, STATES, st.data())
async def test_a_larger_deal_is_never_priced_better(
    world: World, pair: Pair, side: Side, state: dict[str, str], data: st.DataObject
) -> None:
    small, large = sorted((data.draw(base_amounts(pair)), data.draw(base_amounts(pair))), key=lambda a: a.units)
    one, other = await world.ask(pair, side, small, **state), await world.ask(pair, side, large, **state)
    if side is Side.BUY:
        assert one.price.value <= other.price.value
        assert one.quote.units <= other.quote.units
    else:
        assert one.price.value >= other.price.value
        assert one.quote.units <= other.quote.units


@given(worlds(), PAIRS, SIDES, STATES, st.data())
async def test_rounding_favours_the_house_by_less_than_a_unit_and_money_adds_up(
    world: World, pair: Pair, side: Side, state: dict[str, str], data: st.DataObject
) -> None:
    offer = await world.ask(pair, side, data.draw(base_amounts(pair)), **state)
    unit = Decimal(1).scaleb(-pair.quote.scale)
    sign = 1 if side is Side.BUY else -1
    gross = offer.quote.decimal - sign * offer.fee.decimal
    assert 0 <= sign * (gross - offer.base.decimal * offer.price.value) < unit
    assert 0 <= offer.fee.decimal - gross * Decimal("0.001") < unit
    assert offer.quote.units > 0
    assert offer.spread.units >= -1


@given(worlds(), PAIRS, SIDES, STATES, st.data())
async def test_rounding_of_a_quote_amount_costs_at_most_a_unit_of_base_and_one_of_quote(
    world: World, pair: Pair, side: Side, state: dict[str, str], data: st.DataObject
) -> None:
    seed = await world.ask(pair, side, data.draw(base_amounts(pair)))
    offer = await world.answer(pair, side, seed.quote, **state)
    if isinstance(offer, Refusal):
        return
    assert offer.quote == seed.quote
    sign = 1 if side is Side.BUY else -1
    gross = offer.quote.decimal - sign * offer.fee.decimal
    base_unit, quote_unit = Decimal(1).scaleb(-pair.base.scale), Decimal(1).scaleb(-pair.quote.scale)
    assert 0 <= sign * (gross - offer.base.decimal * offer.price.value) < base_unit * offer.price.value
    assert abs(offer.fee.decimal - gross * Decimal("0.001")) <= quote_unit


@given(worlds(), PAIRS, SIDES, STATES, st.data())
async def test_the_house_never_sells_under_nor_buys_over_the_fair_price_whatever_discount_flow_or_till(
    world: World, pair: Pair, side: Side, state: dict[str, str], data: st.DataObject
) -> None:
    offer = await world.ask(pair, side, data.draw(base_amounts(pair)), **state)
    (shown,) = await world.pricing.current([pair])
    if side is Side.BUY:
        assert offer.price.value > shown.mid
    else:
        assert offer.price.value < shown.mid


async def test_a_full_till_makes_base_cheaper_on_both_sides() -> None:
    world = World()
    world.observe(*market_of_the_day())
    level = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    full = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT), skew="1")
    empty = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT), skew="-1")
    assert full.price.value < level.price.value < empty.price.value
    sold = await world.ask(USDT_COP, Side.SELL, Amount.of("100", USDT))
    sold_full = await world.ask(USDT_COP, Side.SELL, Amount.of("100", USDT), skew="1")
    assert sold_full.price.value < sold.price.value


async def test_customers_who_all_buy_make_the_next_one_pay_more_until_the_flow_fades() -> None:
    world = World()
    world.observe(*market_of_the_day())
    before = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    world.pricing.note_flow(USDT_COP, Side.BUY, Amount.of("20000", USDT))
    after = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    assert after.price.value > before.price.value
    world.clock.advance(86_400)
    world.observe(*market_of_the_day(world.clock.moment))
    later = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    assert later.price.value == before.price.value


async def test_a_discount_and_a_mark_up_move_the_price_their_way() -> None:
    world = World()
    world.observe(*market_of_the_day())
    plain, loyal, partner = [
        await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT), **state)
        for state in ({}, {"discount_bps": "20"}, {"markup_bps": "50"})
    ]
    assert loyal.price.value < plain.price.value < partner.price.value


async def test_amounts_outside_the_pairs_bounds_are_refused_with_the_bound() -> None:
    world = World()
    world.observe(*market_of_the_day())
    small = await world.answer(USDT_COP, Side.BUY, Amount.of("0.999999", USDT))
    assert isinstance(small, AmountTooSmall)
    assert small.facts == {"pair": "USDT/COP", "minimum": "1.000000", "asset": "USDT"}
    large = await world.answer(USDT_COP, Side.BUY, Amount.of("250000.000001", USDT))
    assert isinstance(large, AmountTooLarge)
    assert large.facts["maximum"] == "250000.000000"
    assert isinstance(await world.answer(USDT_COP, Side.BUY, Amount.of("0.01", COP)), AmountTooSmall)
    assert isinstance(await world.answer(USDT_COP, Side.SELL, Amount(2**63 - 1, COP)), AmountTooLarge)
    assert isinstance(await world.answer(USDT_COP, Side.BUY, Amount(0, USDT)), AmountNotPositive)
    assert isinstance(await world.answer(USDT_COP, Side.BUY, Amount.of("1", BTC)), AmountAssetWrong)


async def test_a_pair_nobody_prices_is_refused_and_harms_no_neighbour() -> None:
    world = World()
    world.observe(*market_of_the_day())
    refused = await world.answer(USDT_VES, Side.BUY, Amount.of("100", USDT))
    assert isinstance(refused, NoPrice)
    assert refused.facts["pair"] == "USDT/VES"
    unknown = await world.answer(Pair(EUR, USDT), Side.BUY, Amount.of("100", EUR))
    assert isinstance(unknown, Refusal)
    assert unknown.code == "pair_unknown"
    assert isinstance(await world.answer(USDT_COP, Side.BUY, Amount.of("100", USDT)), Offer)


async def test_a_pair_whose_worth_in_dollars_is_not_known_is_refused() -> None:
    world = World()
    world.observe(ads(USDT_COP, "3360", "3372"))
    refused = await world.answer(USDT_COP, Side.BUY, Amount.of("100", USDT))
    assert isinstance(refused, NoPrice)
    assert refused.facts["reason"] == "no_usd_rate"


async def test_the_dollar_rate_last_known_serves_when_its_market_is_silent() -> None:
    world = World()
    world.observe(*market_of_the_day())
    await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    world.clock.advance(3600)
    world.observe(ads(USDT_COP, "3360", "3372", at=world.clock.moment))
    offer = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    assert offer.notional == Amount.of("99.97", USD)
    assert b'"usd":["0.9997","last_known"]' in offer.receipt.content


async def test_a_tax_in_force_is_inside_the_total_beside_the_fee_and_one_not_in_force_is_not() -> None:
    rule = TaxRule(name="GMF", asset="COP", bps=Decimal(40), side=Side.SELL, valid_from=NOW.date())
    ended = TaxRule(
        name="old",
        asset="COP",
        bps=Decimal(500),
        valid_from=NOW.date().replace(year=2020),
        valid_to=NOW.date().replace(day=1),
    )
    world = World(PricingSettings(taxes=(rule, ended)))
    world.observe(*market_of_the_day())
    sold = await world.ask(USDT_COP, Side.SELL, Amount.of("100", USDT))
    gross = sold.base.decimal * sold.price.value
    assert sold.tax is not None
    assert sold.tax.decimal == pytest.approx(gross * Decimal("0.004"), abs=Decimal("0.01"))
    assert sold.quote.decimal == gross - sold.fee.decimal - sold.tax.decimal
    exact = await world.ask(USDT_COP, Side.SELL, Amount.of("1000000", COP))
    assert exact.quote == Amount.of("1000000", COP)
    bought = await world.ask(USDT_COP, Side.BUY, Amount.of("100", USDT))
    assert bought.tax is None


def test_the_tax_examples_are_not_in_force_by_default() -> None:
    assert TAX_EXAMPLES
    assert PricingSettings().taxes == ()


@given(st.integers(1, 10**12), SIDES, st.lists(st.decimals("0.1", "400", places=1), min_size=2, max_size=4))
async def test_many_small_taxes_never_take_the_fee_below_zero(units: int, side: Side, rates: list[Decimal]) -> None:
    taxes = tuple(TaxRule(name=f"t{n}", asset="COP", bps=bps, valid_from=NOW.date()) for n, bps in enumerate(rates))
    world = World(PricingSettings(taxes=taxes, fee_bps=Decimal(0)))
    world.observe(*market_of_the_day())
    offer = await world.answer(USDT_COP, side, Amount(units, COP))
    if isinstance(offer, Offer):
        assert offer.quote.units == units
        assert offer.fee.units >= 0
        assert offer.tax is not None


async def test_a_pair_without_a_source_is_crossed_and_the_receipt_shows_the_path() -> None:
    world = World()
    world.observe(*market_of_the_day())
    (shown,) = await world.pricing.current([BTC_COP])
    assert shown.mid == Decimal("83000.5") * 3366
    assert shown.sources == ("binance", "p2p")
    offer = await world.ask(BTC_COP, Side.BUY, Amount.of("0.01", BTC))
    assert b'"path":"BTC/USDT*USDT/COP"' in offer.receipt.content


async def test_an_inverse_leg_crosses_too() -> None:
    world = World()
    world.observe(*market_of_the_day(), book(EUR_USD, "1.10", "1.1002", source="ecb-like"))
    (shown,) = await world.pricing.current([EUR_COP])
    assert shown.mid == pytest.approx(Decimal("1.1001") / Decimal("0.9997") * 3366, rel=Decimal("1e-9"))


async def test_a_direct_price_far_from_the_cross_widens_the_spread_over_both() -> None:
    world = World()
    world.observe(*market_of_the_day(), book(BTC_COP, "265000000", "265100000", source="thin", size="0.01"))
    buy = await world.ask(BTC_COP, Side.BUY, Amount.of("0.001", BTC))
    sell = await world.ask(BTC_COP, Side.SELL, Amount.of("0.001", BTC))
    cross = Decimal("83000.5") * 3366
    assert sell.price.value < 265_050_000 < cross < buy.price.value
    assert b'"gap":["BTC/' in buy.receipt.content


async def test_what_the_public_sees_is_no_better_than_a_small_deal() -> None:
    world = World()
    world.observe(*market_of_the_day())
    for shown in await world.pricing.current():
        buy = await world.ask(shown.pair, Side.BUY, pair_spec(str(shown.pair)).minimum)
        sell = await world.ask(shown.pair, Side.SELL, pair_spec(str(shown.pair)).minimum)
        assert (sell.price.value, buy.price.value) == (shown.bid, shown.ask)
        assert shown.bid < shown.mid < shown.ask


async def test_a_named_pair_without_a_price_refuses_and_all_pairs_leave_it_out() -> None:
    world = World()
    world.observe(*market_of_the_day())
    with pytest.raises(NoPrice):
        await world.pricing.current([USDT_VES])
    assert USDT_VES not in {shown.pair for shown in await world.pricing.current()}
