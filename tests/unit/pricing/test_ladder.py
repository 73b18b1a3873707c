"""The degradation ladder: each rung worse in price, smaller in size, named, and never zero."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import USDT
from cambista.pricing import AmountTooLarge, NoPrice, Offer, Rung
from cambista.pricing.rules.ladder import best_leg, remember
from cambista.pricing.rules.sources import view_of
from cambista.pricing.settings import PricingSettings
from cambista.pricing.types import Configured
from tests.unit.pricing.markets import NOW, USDT_COP, World, ads, book, market_of_the_day

HUNDRED = Amount.of("100", USDT)
TERMS = PricingSettings().fair_terms()
OPERATOR = Configured(USDT_COP, Decimal(3300), Decimal(3400), NOW + timedelta(hours=8), UUID(int=9))


def world_seen_once() -> World:
    world = World()
    world.observe(*market_of_the_day())
    return world


async def rung_after(world: World, seconds: float) -> Rung | None:
    world.clock.advance(seconds)
    return (await world.pricing.rungs())[USDT_COP]


async def test_a_silent_market_goes_down_rung_by_rung_to_no_price() -> None:
    world = world_seen_once()
    assert await rung_after(world, 0) is Rung.LIVE
    assert await rung_after(world, 120) is Rung.LIVE
    assert await rung_after(world, 1) is Rung.CACHED
    assert await rung_after(world, 19) is Rung.CACHED
    assert await rung_after(world, 1) is Rung.LAST_RECORDED
    assert await rung_after(world, 758) is Rung.LAST_RECORDED
    assert await rung_after(world, 2) is None
    refused = await world.answer(USDT_COP, Side.BUY, HUNDRED)
    assert isinstance(refused, NoPrice)


async def test_a_firm_book_is_live_for_ten_seconds_and_cached_for_twenty_more() -> None:
    world = World()
    world.observe(*market_of_the_day(), book(USDT_COP, "3360", "3372"))
    world.observe(ads(USDT_COP, None, None, at=NOW + timedelta(seconds=1)))  # the ads fall away
    assert await rung_after(world, 10) is Rung.LIVE
    assert await rung_after(world, 1) is Rung.CACHED
    assert await rung_after(world, 19) is Rung.CACHED
    assert await rung_after(world, 1) is Rung.LAST_RECORDED


async def test_each_rung_is_dearer_and_smaller_and_named_in_the_offer() -> None:
    offers: list[Offer] = []
    maxima: list[Decimal] = []
    for seconds in (0, 125, 300):
        world = world_seen_once()
        await world.pricing.rungs()
        world.clock.advance(seconds)
        offers.append(await world.ask(USDT_COP, Side.BUY, HUNDRED))
        refused = await world.answer(USDT_COP, Side.BUY, Amount.of("250000.000001", USDT))
        assert isinstance(refused, AmountTooLarge)
        assert refused.facts["rung"] == offers[-1].rung.value
        maxima.append(Decimal(str(refused.facts["maximum"])))
    assert [offer.rung for offer in offers] == [Rung.LIVE, Rung.CACHED, Rung.LAST_RECORDED]
    prices = [offer.price.value for offer in offers]
    assert prices == sorted(prices)
    assert len(set(prices)) == 3
    assert maxima == [250000, 125000, 25000]


def test_an_operators_price_is_the_last_rung_until_it_expires() -> None:
    leg = best_leg(USDT_COP, [], NOW, TERMS, (None, None, OPERATOR))
    assert leg is not None
    assert (leg.rung, leg.fair) == (Rung.CONFIGURED, Decimal(3350))
    assert best_leg(USDT_COP, [], OPERATOR.expires_at, TERMS, (None, None, OPERATOR)) is None


def test_a_live_market_comes_before_an_operators_price() -> None:
    leg = best_leg(USDT_COP, [view_of(ads(USDT_COP, "3360", "3372"))], NOW, TERMS, (None, None, OPERATOR))
    assert leg is not None
    assert leg.rung is Rung.LIVE


def test_what_is_remembered_says_until_when_it_was_fresh() -> None:
    live = best_leg(
        USDT_COP, [view_of(ads(USDT_COP, "3360", "3372"))], NOW + timedelta(seconds=30), TERMS, (None, None, None)
    )
    assert live is not None
    kept = remember(live, TERMS)
    assert (kept.observed_at, kept.fresh_until) == (NOW, NOW + timedelta(seconds=120))
    assert kept.sources == ("p2p",)


async def test_a_word_that_comes_late_does_not_replace_a_newer_one() -> None:
    world = world_seen_once()
    world.observe(ads(USDT_COP, "9000", "9010", at=NOW - timedelta(seconds=1)))
    assert (await world.pricing.current([USDT_COP]))[0].mid == 3366


async def test_a_word_is_heard_though_one_from_before_the_clock_went_back_is_later() -> None:
    world = world_seen_once()
    await world.pricing.rungs()
    world.clock.advance(-7200)
    world.observe(ads(USDT_COP, "3400", "3410", at=world.clock.moment))
    (shown,) = await world.pricing.current([USDT_COP])
    assert (shown.mid, shown.rung) == (Decimal(3405), Rung.LIVE)
    assert await rung_after(world, 121) is Rung.CACHED


async def test_words_from_before_the_clock_went_back_bear_no_rung_even_when_it_has_caught_up() -> None:
    world = world_seen_once()
    assert await rung_after(world, 0) is Rung.LIVE
    assert await rung_after(world, -7200) is None
    assert await rung_after(world, 7200) is None
    assert await rung_after(world, 125) is None


async def test_a_small_step_back_of_the_clock_costs_no_price() -> None:
    world = world_seen_once()
    assert await rung_after(world, 0) is Rung.LIVE
    assert await rung_after(world, -2) is Rung.LIVE
    world.observe(ads(USDT_COP, None, None, at=world.clock.moment + timedelta(seconds=2)))
    assert await rung_after(world, 0) is Rung.CACHED


async def test_a_promoted_absurd_jump_of_a_lonely_source_falls_to_the_remembered_price() -> None:
    world = world_seen_once()
    await world.pricing.rungs()
    world.clock.advance(5)
    world.observe(ads(USDT_COP, "9000", "9010", at=world.clock.moment))
    (shown,) = await world.pricing.current([USDT_COP])
    assert (shown.mid, shown.rung) == (Decimal(3366), Rung.CACHED)


@given(
    st.lists(
        st.tuples(st.floats(0, 1200), st.decimals("100", "10000", places=2), st.decimals("0.5", "2", places=2)),
        max_size=12,
    )
)
async def test_no_market_however_odd_gives_a_price_of_zero_or_less(
    history: list[tuple[float, Decimal, Decimal]],
) -> None:
    world = World()
    world.observe(*market_of_the_day())
    for seconds, bid, ratio in history:
        world.clock.advance(seconds)
        world.observe(ads(USDT_COP, bid, bid * ratio, at=world.clock.moment))
        for side in Side:
            answer = await world.answer(USDT_COP, side, HUNDRED)
            if isinstance(answer, Offer):
                assert answer.price.value > 0
                assert answer.quote.units > 0
            else:
                assert answer.code == "no_price"


@pytest.mark.parametrize("ladder", [{"rung_bps": (0, 30, 20, 150)}, {"rung_size": ("1", "0.5", "0.6", "0.05")}])
def test_settings_refuse_a_ladder_that_gets_better_downwards(ladder: dict[str, tuple[object, ...]]) -> None:
    values = {name: dict(zip(Rung, rungs, strict=True)) for name, rungs in ladder.items()}
    with pytest.raises(ValueError, match="ladder"):
        PricingSettings.model_validate(values)


def test_settings_refuse_an_official_rate_of_a_controlled_currency_as_a_market() -> None:
    with pytest.raises(ValueError, match="not a market price"):
        PricingSettings(official_pairs=frozenset({"USDT/VES"}))
    assert {"VES", "ARS"} <= PricingSettings(controlled_assets=frozenset()).controlled_assets
