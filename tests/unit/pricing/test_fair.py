"""The fair price of one pair: who is believed, who fades, who is dropped and why."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.market import Level, Pair
from cambista.pricing import PricingSettings, Rung
from cambista.pricing.rules.decimals import weighted_median
from cambista.pricing.rules.fair import leg_from_sources
from cambista.pricing.rules.sources import view_of, view_of_rate
from cambista.pricing.types import JudgedSource, Leg, SourceView, Verdict
from cambista.venues import Flag, Observation, RateName, SourceKind
from tests.unit.pricing.markets import NOW, USD_COP, USDT_COP, USDT_VES, ads, book, published

TERMS = PricingSettings().fair_terms()
PRICES = st.decimals(min_value="1", max_value="10000", places=2)


def judge(
    *views: SourceView, pair: Pair = USDT_COP, previous: tuple[Decimal, int] | None = None
) -> tuple[Leg | None, dict[str, Verdict]]:
    leg, judged = leg_from_sources(pair, views, NOW, TERMS, previous)
    return leg, {source.view.source: source.verdict for source in judged}


def fair(*views: SourceView, pair: Pair = USDT_COP) -> Decimal:
    leg, _ = judge(*views, pair=pair)
    assert leg is not None
    return leg.fair


def one(value: Decimal | str, source: str, size: str = "100", age_s: float = 0) -> SourceView:
    return view_of(book(USDT_COP, value, value, source=source, size=size, at=NOW - timedelta(seconds=age_s)))


def test_the_fair_price_of_one_book_is_its_mid() -> None:
    leg, _ = judge(view_of(book(USDT_COP, "3360", "3372")))
    assert leg is not None
    assert (leg.fair, leg.rung) == (Decimal(3366), Rung.LIVE)
    assert leg.spread_bps == Decimal("35.65")


def test_an_absurd_source_of_three_is_an_outlier_and_the_price_stays_with_the_others() -> None:
    leg, verdicts = judge(one("3360", "a"), one("3362", "b"), one("33600", "c", size="9999999"))
    assert leg is not None
    assert Decimal(3360) <= leg.fair <= Decimal(3362)
    assert verdicts == {"a": Verdict.USED, "b": Verdict.USED, "c": Verdict.OUTLIER}


@given(st.lists(PRICES, min_size=3, max_size=3), st.integers(0, 2), st.integers(1, 10**9))
def test_no_single_source_of_three_moves_the_price_past_the_others(prices: list[Decimal], liar: int, size: int) -> None:
    views = [one(price, f"s{n}", size=str(size) if n == liar else "10") for n, price in enumerate(prices)]
    leg, verdicts = judge(*views)
    others = [price for n, price in enumerate(prices) if n != liar]
    assert leg is not None
    if verdicts[f"s{liar}"] is Verdict.USED and set(verdicts.values()) != {Verdict.USED}:
        return  # one of the other two was the odd one out; then the liar is in the majority
    assert min(others) <= leg.fair <= max(others)


@given(
    st.permutations(range(5)),
    st.lists(PRICES, min_size=5, max_size=5),
    st.lists(st.integers(0, 12), min_size=5, max_size=5),
)
def test_the_order_of_the_sources_changes_nothing(order: Sequence[int], prices: list[Decimal], ages: list[int]) -> None:
    views = [
        one(price, f"s{n}", size=str(n + 1), age_s=age) for n, (price, age) in enumerate(zip(prices, ages, strict=True))
    ]
    assert judge(*views) == judge(*(views[n] for n in order))


def test_a_source_fades_by_half_each_half_life_and_is_dropped_in_the_end() -> None:
    _, judged = leg_from_sources(USDT_COP, [one("3360", "new"), one("3362", "old", age_s=4)], NOW, TERMS, None)
    weights = {source.view.source: source.weight for source in judged}
    assert weights["old"] * 2 == pytest.approx(weights["new"], rel=Decimal("0.00001"))
    leg, verdicts = judge(one("3360", "a", age_s=10.001))
    assert leg is None
    assert verdicts == {"a": Verdict.STALE}


def test_a_faded_source_does_not_speak_beside_a_fresh_one() -> None:
    leg, verdicts = judge(one("3360", "fresh"), one("3400", "faded", age_s=9))
    assert leg is not None
    assert leg.fair == 3360
    assert verdicts["faded"] is Verdict.FADED


def test_a_word_from_the_future_is_not_believed() -> None:
    _, verdicts = judge(one("3360", "a", age_s=-6))
    assert verdicts == {"a": Verdict.FUTURE}


def test_two_sources_that_contradict_each_other_give_no_price_without_a_witness() -> None:
    leg, verdicts = judge(one("3360", "a"), one("4000", "b"))
    assert leg is None
    assert set(verdicts.values()) == {Verdict.DISAGREES}


def test_two_sources_that_contradict_each_other_are_settled_by_the_last_price() -> None:
    leg, verdicts = judge(one("3360", "a"), one("4000", "b"), previous=(Decimal(3350), 5_000))
    assert leg is not None
    assert leg.fair == 3360
    assert verdicts["b"] is Verdict.DISAGREES


def test_the_gap_between_two_sources_becomes_dispersion_so_that_the_spread_covers_both() -> None:
    leg, _ = judge(one("3300", "a"), one("3400", "b"))
    assert leg is not None
    assert leg.fair * (1 - leg.dispersion_bps / 20000) <= 3301
    assert leg.fair * (1 + leg.dispersion_bps / 20000) >= 3399


def test_a_lonely_source_that_jumps_is_held_back_for_a_minute() -> None:
    leg, verdicts = judge(one("4000", "a"), previous=(Decimal(3360), 30_000))
    assert leg is None
    assert verdicts == {"a": Verdict.JUMPED}
    later, _ = judge(one("4000", "a"), previous=(Decimal(3360), 61_000))
    assert later is not None


def test_a_crossed_firm_book_is_dropped_but_crossed_ad_medians_are_a_wide_market() -> None:
    leg, verdicts = judge(view_of(book(USDT_VES, "271", "270", source="book")), pair=USDT_VES)
    assert leg is None
    assert verdicts == {"book": Verdict.CROSSED}
    crossed, _ = judge(view_of(ads(USDT_VES, "271", "269")), pair=USDT_VES)
    assert crossed is not None
    assert crossed.fair == 270
    assert crossed.spread_bps == Decimal("74.07")


def test_a_source_whose_own_sides_are_absurdly_far_apart_is_dropped() -> None:
    leg, verdicts = judge(view_of(ads(USDT_VES, "270", "402")), pair=USDT_VES)
    assert leg is None
    assert verdicts == {"p2p": Verdict.SPREAD_TOO_WIDE}


def test_a_side_of_ads_is_the_median_of_the_believable_ones() -> None:
    seen = Observation(
        "p2p", SourceKind.P2P_ADS, RateName.P2P, USDT_VES,
        [Level(Decimal(price), Decimal(100)) for price in ("402", "270", "269.5", "269")],
        [Level(Decimal(price), Decimal(100)) for price in ("219", "271", "271.5", "272")],
        NOW, NOW,
    )  # fmt: skip
    view = view_of(seen)
    assert (view.bid, view.ask) == (Decimal("269.5"), Decimal("271.5"))
    assert view.bid_depth == view.ask_depth == 300


def test_nominal_sizes_count_as_no_depth() -> None:
    seen = Observation(
        "p2p", SourceKind.P2P_ADS, RateName.P2P, USDT_VES, [Level(Decimal(270), Decimal(1))], [], NOW, NOW,
        frozenset({Flag.SIZE_NOMINAL}),
    )  # fmt: skip
    assert view_of(seen).bid_depth == 0


@pytest.mark.parametrize("name", [RateName.OFFICIAL, RateName.PARALLEL])
def test_official_and_parallel_rates_never_become_a_market_price(name: RateName) -> None:
    leg, verdicts = judge(view_of_rate(published(USDT_COP, "3360", name=name)))
    assert leg is None
    assert verdicts == {"publisher": Verdict.OTHER_RATE}


@pytest.mark.parametrize("name", list(RateName))
def test_no_published_rate_of_a_controlled_currency_is_ever_a_price_whatever_its_name(name: RateName) -> None:
    leg, verdicts = judge(view_of_rate(published(USDT_VES, "256", name=name)), pair=USDT_VES)
    assert leg is None
    assert verdicts == {"publisher": Verdict.CONTROLLED_CURRENCY}


def test_an_allowed_official_rate_is_a_witness_beside_the_market_and_a_recorded_price_alone() -> None:
    trm = view_of_rate(published(USD_COP, "3368"))
    leg, verdicts = judge(view_of(book(USD_COP, "3360", "3372")), trm, pair=USD_COP)
    assert leg is not None
    assert (leg.fair, verdicts["publisher"]) == (Decimal(3366), Verdict.WITNESS)
    alone, _ = judge(trm, pair=USD_COP)
    assert alone is not None
    assert (alone.fair, alone.rung) == (Decimal(3368), Rung.LAST_RECORDED)


def test_a_reference_that_streams_is_live_alone_and_a_witness_beside_a_market() -> None:
    def bars(age_s: float) -> SourceView:
        at = NOW - timedelta(seconds=age_s)
        level = [Level(Decimal(3368), Decimal(1))]
        flags = frozenset({Flag.SIZE_NOMINAL})
        return view_of(Observation("bars", SourceKind.REFERENCE, RateName.MARKET, USD_COP, level, level, at, at, flags))

    alone, _ = judge(bars(300), view_of_rate(published(USD_COP, "3300")), pair=USD_COP)
    assert alone is not None
    assert (alone.fair, alone.rung) == (Decimal(3368), Rung.LIVE)
    beside, verdicts = judge(bars(300), view_of(book(USD_COP, "3360", "3372")), pair=USD_COP)
    assert beside is not None
    assert (beside.fair, verdicts["bars"]) == (Decimal(3366), Verdict.WITNESS)
    gone, _ = judge(bars(901), pair=USD_COP)
    assert gone is None


def test_a_lonely_source_far_off_the_official_rate_is_dropped() -> None:
    leg, verdicts = judge(
        view_of(book(USD_COP, "4100", "4110")), view_of_rate(published(USD_COP, "3368")), pair=USD_COP
    )
    assert leg is None
    assert verdicts["venue"] is Verdict.OFF_REFERENCE


def test_a_rate_is_in_force_by_the_day_of_its_country() -> None:
    late = NOW.replace(hour=3)  # still the day before in Bogotá
    rate = published(USD_COP, "3368", at=late - timedelta(days=1))
    leg, _ = leg_from_sources(USD_COP, [view_of_rate(rate)], late, TERMS, None)
    assert leg is not None
    gone, judged = leg_from_sources(USD_COP, [view_of_rate(rate)], late + timedelta(hours=3), TERMS, None)
    assert gone is None
    assert judged[0].verdict is Verdict.NOT_IN_FORCE


def test_more_fresh_agreeing_sources_give_more_confidence() -> None:
    def confidence(*views: SourceView) -> Decimal:
        leg, _ = judge(*views)
        assert leg is not None
        return leg.confidence

    lonely = confidence(one("3360", "a"))
    three = confidence(one("3360", "a"), one("3361", "b"), one("3362", "c"))
    older = confidence(one("3360", "a", age_s=5), one("3361", "b", age_s=5), one("3362", "c", age_s=5))
    assert 0 < lonely < three < 1
    assert older < three


@given(st.lists(st.tuples(PRICES, st.decimals("0.01", "1000", places=2)), min_size=1, max_size=8))
def test_a_weighted_median_lies_within_its_values(values: list[tuple[Decimal, Decimal]]) -> None:
    found = weighted_median(values)
    assert min(value for value, _ in values) <= found <= max(value for value, _ in values)


def test_a_weighted_median_of_equal_weights_is_the_plain_one() -> None:
    assert weighted_median([(Decimal(n), Decimal(2)) for n in (5, 1, 3)]) == 3
    assert weighted_median([(Decimal(n), Decimal(2)) for n in (1, 3)]) == 2


def _weight(judged: Sequence[JudgedSource], source: str) -> Decimal:
    return next(each.weight for each in judged if each.view.source == source)


def test_a_deeper_source_weighs_more_but_by_its_square_root() -> None:
    _, judged = leg_from_sources(USDT_COP, [one("1", "a", size="100"), one("1", "b", size="400")], NOW, TERMS, None)
    assert _weight(judged, "b") == 2 * _weight(judged, "a")
