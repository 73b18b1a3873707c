"""The paper market: the same for the same seed and moment, near real rates, with spreads and swings like real ones."""

import itertools
import math
from datetime import timedelta
from decimal import Decimal
from statistics import median, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.registry import PAIRS
from cambista.venues import Observation, PaperMarket, RateName, SourceKind, paper_pairs
from cambista.venues.paper.anchors import ANCHORS
from cambista.venues.paper.noise import to_decimal, wave
from cambista.venues.rules import admit
from tests.unit.venues.worlds import BTC_USDT, START, USDT_COP, USDT_VES

SECONDS = st.integers(min_value=-10_000_000, max_value=10_000_000)


def _books(market: PaperMarket, seconds: float = 0) -> dict[tuple[str, str], Observation]:
    return {(each.source, str(each.pair)): each for each in market.books_at(START + timedelta(seconds=seconds))}


@given(seed=st.integers(min_value=0, max_value=2**32), seconds=SECONDS)
def test_the_same_seed_and_moment_give_the_same_books_whatever_was_asked_before(seed: int, seconds: int) -> None:
    market = PaperMarket(seed=seed)
    market.books_at(START)
    assert market.books_at(START + timedelta(seconds=seconds)) == PaperMarket(seed=seed).books_at(
        START + timedelta(seconds=seconds)
    )


def test_another_seed_gives_other_books() -> None:
    assert _books(PaperMarket(seed=1)) != _books(PaperMarket(seed=2))


@given(seconds=SECONDS)
def test_every_book_is_sane_deep_and_on_its_tick(seconds: int) -> None:
    for book in _books(PaperMarket(seed=5), seconds).values():
        assert admit(book, book.observed_at) == book
        assert len(book.bids) >= 10
        assert len(book.asks) >= 10
        assert all(level.price % PAIRS[str(book.pair)].tick == 0 for level in (*book.bids, *book.asks))


def test_every_enabled_pair_but_those_that_pricing_crosses_has_two_sources_or_more() -> None:
    names = {str(pair) for pair in paper_pairs()}
    assert names == {name for name, spec in PAIRS.items() if spec.enabled} - {"BTC/COP", "ETH/COP"}
    sources = [pair for _, pair in _books(PaperMarket())]
    assert min(sources.count(name) for name in names) >= 2
    assert sources.count("USDT/COP") == 3


def test_ads_are_p2p_and_books_are_market_rates() -> None:
    kinds = {(each.kind, each.rate) for each in _books(PaperMarket()).values()}
    assert kinds == {(SourceKind.P2P_ADS, RateName.P2P), (SourceKind.FIRM_BOOK, RateName.MARKET)}


def test_prices_stay_within_some_per_cent_of_the_real_rates_they_move_around() -> None:
    market = PaperMarket(seed=11)
    for pair in paper_pairs():
        anchor = ANCHORS[pair.quote.code].per_usd / ANCHORS[pair.base.code].per_usd
        mids = [market.mid_at(pair, START + timedelta(hours=hour)) for hour in range(0, 24 * 60, 7)]
        assert abs(median(mids) / anchor - 1) < Decimal("0.01"), pair
        assert max(abs(mid / anchor - 1) for mid in mids) < Decimal("0.12"), pair


def test_a_dollar_of_bolivares_costs_the_street_price_and_not_the_official_one() -> None:
    official = Decimal("856.34765229")
    assert PaperMarket().mid_at(USDT_VES, START) > official * Decimal("1.25")


@pytest.mark.parametrize(("pair", "least", "most"), [(BTC_USDT, 5, 13), (USDT_COP, 1.5, 4.5), (USDT_VES, 0.9, 2.5)])
def test_a_minute_moves_a_price_as_much_as_on_the_real_market(pair: object, least: float, most: float) -> None:
    name = next(each for each in paper_pairs() if each == pair)
    market = PaperMarket(seed=3)
    logs = [math.log(market.mid_at(name, START + timedelta(minutes=minute))) for minute in range(3_000)]
    swings = [(after - before) * 10_000 for before, after in itertools.pairwise(logs)]
    assert least < pstdev(swings) < most


def test_stormy_minutes_follow_stormy_minutes() -> None:
    market = PaperMarket(seed=3)
    logs = [math.log(market.mid_at(BTC_USDT, START + timedelta(minutes=minute))) for minute in range(3_000)]
    sizes = [abs(after - before) for before, after in itertools.pairwise(logs)]
    centre = sum(sizes) / len(sizes)
    spread = sum((size - centre) ** 2 for size in sizes)
    together = sum((one - centre) * (two - centre) for one, two in zip(sizes, sizes[15:], strict=False))
    assert together / spread > 0.08


def test_a_cross_of_two_pairs_agrees_with_the_pair_itself() -> None:
    market = PaperMarket(seed=9)
    pairs = {str(pair): pair for pair in paper_pairs()}
    crossed = market.mid_at(pairs["USDT/USD"], START) * market.mid_at(pairs["USD/COP"], START)
    assert abs(crossed / market.mid_at(pairs["USDT/COP"], START) - 1) < Decimal("0.000001")


def test_a_pinned_pair_stands_still_exactly_there_at_every_source_until_released() -> None:
    market = PaperMarket(seed=1, fixed={"USDT/COP": Decimal("4000")})
    for seconds in (0, 3_600):
        books = _books(market, seconds)
        for source in ("paper_exchange", "paper_otc", "paper_p2p"):
            book = books[source, "USDT/COP"]
            assert book.bid is not None
            assert book.ask is not None
            assert (book.bid + book.ask) / 2 == Decimal(4000)
    market.fix("USDT/COP", None)
    assert market.mid_at(USDT_COP, START) != Decimal(4000)


def test_a_silenced_source_says_nothing_until_it_may_speak() -> None:
    market = PaperMarket()
    market.silence("paper_otc")
    market.silence("paper_p2p", "USDT/VES")
    heard = set(_books(market))
    assert "paper_otc" not in {source for source, _ in heard}
    assert ("paper_p2p", "USDT/VES") not in heard
    assert ("paper_p2p", "USDT/COP") in heard
    market.speak("paper_otc")
    market.speak("paper_p2p", "USDT/VES")
    assert set(_books(market)) == set(_books(PaperMarket()))


@given(name=st.text(max_size=5), seconds=st.floats(min_value=0, max_value=1e9), period=st.sampled_from((2.0, 600.0)))
def test_noise_is_continuous_and_bounded(name: str, seconds: float, period: float) -> None:
    here, near = wave(1, name, seconds, period), wave(1, name, seconds + period * 1e-6, period)
    assert abs(here) < 12
    assert abs(here - near) < 1e-3


def test_a_simulated_number_becomes_a_decimal_of_nine_digits() -> None:
    assert to_decimal(0.1 + 0.2) == Decimal("0.300000000")
