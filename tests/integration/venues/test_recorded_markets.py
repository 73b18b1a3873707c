"""The recorded markets themselves: what the house hears of them is sane, complete and on the market."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

import msgspec
import pytest

from cambista.venues import Flag, Observation, Replay, Venues, replay_events
from cambista.venues.binance_spot import Book, Difference, Snapshot, Ticker
from cambista.venues.replay.recording import lines
from cambista.venues.rules import Rejection, admit
from tests.unit.venues.worlds import SteppingClock, runtime_with

Heard = dict[tuple[str, str], list[Observation]]


@pytest.fixture(scope="module")
def heard(shared_data: Path) -> Heard:
    found: Heard = defaultdict(list)
    for _, observation in replay_events(shared_data):
        found[observation.source, str(observation.pair)].append(observation)
    return found


def _mids(observations: Sequence[Observation]) -> list[Decimal]:
    return [(each.bid + each.ask) / 2 for each in observations if each.bid and each.ask]


def test_every_recording_is_heard(heard: Heard) -> None:
    assert {name: len(observations) for name, observations in heard.items()} == {
        ("binance_spot", "BTC/USDT"): 6_122,
        ("binance_spot", "ETH/USDT"): 5_761,
        ("spot_bars", "USD/COP"): 66_459,
        ("binance_p2p:BOB-todos", "USDT/BOB"): 39,
        ("binance_p2p:USD-Zinli", "USDT/USD"): 39,
        ("binance_p2p_top20", "USDT/VES"): 24_696,
        ("binance_p2p_merchants", "USDT/VES"): 9_572,
    }


def test_all_of_it_passes_the_boundary(heard: Heard) -> None:
    verdicts = Counter(
        verdict.reason
        for observations in heard.values()
        for each in observations
        if isinstance(verdict := admit(each, each.observed_at), Rejection)
    )
    assert verdicts == {}


def test_no_promoted_ad_moves_a_price_off_the_market(heard: Heard) -> None:
    for name, low, high in (
        (("binance_p2p:BOB-todos", "USDT/BOB"), "10.9", "12.1"),
        (("binance_p2p:USD-Zinli", "USDT/USD"), "0.99", "1.04"),
    ):
        polls = heard[name]
        for before, after in pairwise(polls):
            for poll in (before, after):
                assert poll.bid is not None
                assert poll.ask is not None
                assert Decimal(low) < poll.bid <= poll.ask < Decimal(high)
                assert poll.ask / poll.bid < Decimal("1.015")


def test_no_crossed_median_and_no_absurd_poll_gives_a_price(heard: Heard) -> None:
    polls = heard["binance_p2p_top20", "USDT/VES"]
    assert sum(Flag.UNCROSSED in poll.flags for poll in polls) > len(polls) * 0.33
    assert sum(Flag.WIDE in poll.flags for poll in polls) == 12
    for poll in polls:
        both = poll.bid is not None and poll.ask is not None
        assert both is (Flag.WIDE not in poll.flags)
        assert poll.bid is None or poll.ask is None or poll.bid <= poll.ask <= poll.bid * Decimal("1.05")


def test_two_sources_of_bolivares_agree(heard: Heard) -> None:
    top = [poll for poll in heard["binance_p2p_top20", "USDT/VES"] if poll.bid and poll.ask]
    times, gaps = [poll.observed_at for poll in top], []
    for poll in heard["binance_p2p_merchants", "USDT/VES"]:
        place = bisect_right(times, poll.observed_at) - 1
        if place >= 0 and poll.bid and poll.ask and poll.observed_at - times[place] < timedelta(minutes=10):
            gaps.append(abs(_mids([poll])[0] / _mids([top[place]])[0] - 1))
    gaps.sort()
    assert len(gaps) > 5_000
    assert gaps[len(gaps) // 2] < Decimal("0.005")
    assert gaps[len(gaps) * 99 // 100] < Decimal("0.03")


@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
def test_the_book_kept_from_differences_shows_the_exchanges_own_best_prices(shared_data: Path, symbol: str) -> None:
    """After a difference up to update u, the best prices are those of the last ticker up to u."""
    path = shared_data / "market" / "crypto" / f"binance_spot_ws_{symbol}_2024-08-08.txt.gz"
    book, tickers, checked = Book(), list[Ticker](), 0
    for line in lines(path, Counter()):
        body = line.partition(b" ")[2]
        if body.startswith(b'{"lastUpdateId"'):
            assert book.snapshot(msgspec.json.decode(body, type=Snapshot))
        elif b"@bookTicker" in body:
            tickers.append(msgspec.convert(msgspec.json.decode(body)["data"], Ticker))
        elif b"@depth" in body and book.difference(msgspec.convert(msgspec.json.decode(body)["data"], Difference)):
            assert book.last_id is not None
            seen = [ticker for ticker in tickers if ticker.u <= book.last_id]
            tickers = tickers[max(0, len(seen) - 1) :]
            if seen:
                (bid,), (ask,) = book.top(1)
                best = seen[-1]
                assert (bid.price, bid.quantity) == (Decimal(best.b), Decimal(best.B))
                assert (ask.price, ask.quantity) == (Decimal(best.a), Decimal(best.A))
                checked += 1
    assert book.gaps == 0
    assert checked > 3_400


def test_spot_books_are_deep_and_tight(heard: Heard) -> None:
    for name in ("BTC/USDT", "ETH/USDT"):
        books = heard["binance_spot", name]
        assert {len(book.bids) for book in books} == {len(book.asks) for book in books} == {20}
        mids = _mids(books)
        assert max(mids) / min(mids) < Decimal("1.02")
        assert median(book.ask / book.bid - 1 for book in books if book.ask and book.bid) < Decimal("0.00001")


def test_the_day_is_dealt_in_order_and_begins_with_every_recording(shared_data: Path) -> None:
    first = list(islice(replay_events(shared_data), 7))
    assert {str(observation.pair) for _, observation in first} == {
        "BTC/USDT", "ETH/USDT", "USD/COP", "USDT/BOB", "USDT/USD", "USDT/VES",
    }  # fmt: skip


async def test_the_house_hears_the_whole_day_through_its_boundary(shared_data: Path) -> None:
    replay = Replay(shared_data, clock=(clock := SteppingClock()), speed=0)
    service = Venues(runtime_with(clock), [replay], [])
    heard: Counter[str] = Counter()
    await service.start()
    async for batch in service.watch():
        heard.update(each.source for each in batch)
        if sum(heard.values()) >= 20_000:
            break
    await service.stop()
    (health,) = service.health()
    assert health.dropped == {}
    assert health.errors == 0
    assert len(service.latest()) == 7
    assert all(each.recorded_at is not None for each in service.latest())
