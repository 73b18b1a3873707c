"""Binance P2P's search, live: pages, ways to pay, amounts, merchants; and what it does when it misbehaves."""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cambista.kernel.market import Side
from cambista.kernel.registry import PAIRS
from cambista.venues import BinanceP2p, P2pSearch, SourceKind, VenueThrottled, VenueUnavailable, prices_by_method
from tests.unit.venues.worlds import SteppingClock
from tests.venue_servers.binance_p2p import P2pServer, recorded_ads, running_p2p

USDT_BOB = PAIRS["USDT/BOB"].pair
BUY = P2pSearch(USDT_BOB, Side.BUY, pages=5)


@pytest.fixture
async def server(shared_data: Path) -> AsyncIterator[P2pServer]:
    async with running_p2p(recorded_ads(shared_data, "BOB", 45)) as server:
        assert len(server.ads) == 45
        yield server


def _venue(server: P2pServer) -> BinanceP2p:
    return BinanceP2p([USDT_BOB], clock=SteppingClock(), rng=random.Random(1), url=server.url)


def _changed(ad: dict[str, Any], **terms: str) -> dict[str, Any]:
    return ad | {"adv": ad["adv"] | terms}


async def test_it_reads_page_after_page_and_each_ad_once(server: P2pServer) -> None:
    found = await _venue(server).search(BUY)
    assert [asked["page"] for asked in server.asked] == [1, 2, 3]
    server.overlap = True
    again = await _venue(server).search(BUY)
    assert [ad.id for ad in again] == [ad.id for ad in found]
    assert len({ad.id for ad in found}) == len(found) > 20
    assert [ad.price for ad in found] == sorted(ad.price for ad in found)


async def test_it_never_asks_for_more_than_five_pages(server: P2pServer) -> None:
    server.ads = [
        ad | {"adv": ad["adv"] | {"advNo": f"{n}-{ad['adv']['advNo']}"}} for n in range(5) for ad in server.ads
    ]
    await _venue(server).search(P2pSearch(USDT_BOB, Side.BUY, pages=1_000))
    assert len(server.asked) == 5


async def test_a_search_is_narrowed_by_amount_way_to_pay_and_merchants(server: P2pServer) -> None:
    venue = _venue(server)
    method = (await venue.search(BUY))[0].methods[0]
    for ad in await venue.search(P2pSearch(USDT_BOB, Side.BUY, methods=(method,))):
        assert method in ad.methods
    for ad in await venue.search(P2pSearch(USDT_BOB, Side.BUY, amount=Decimal(1_000))):
        assert ad.minimum <= 1_000 <= ad.maximum
    for ad in await venue.search(P2pSearch(USDT_BOB, Side.BUY, merchants_only=True)):
        assert ad.merchant
    assert server.asked[-2]["transAmount"] == "1000"


async def test_who_stands_behind_an_ad_is_told_exactly(server: P2pServer) -> None:
    told = {ad["adv"]["advNo"]: ad for ad in server.ads}
    for ad in await _venue(server).search(BUY):
        recorded = told[ad.id]
        assert ad.price == Decimal(recorded["adv"]["price"])
        assert ad.month_orders == recorded["advertiser"]["monthOrderCount"]
        assert ad.finish_rate == Decimal(str(recorded["advertiser"]["monthFinishRate"]))


async def test_each_way_to_pay_has_its_best_price(server: P2pServer) -> None:
    ads = await _venue(server).search(BUY)
    best = prices_by_method(ads, Side.BUY)
    assert best
    for method, price in best.items():
        assert price == min(ad.price for ad in ads if method in ad.methods)


async def test_as_prices_the_ads_are_two_sides_of_one_book(server: P2pServer) -> None:
    server.ads += [
        ad | {"adv": ad["adv"] | {"tradeType": "BUY", "price": str(Decimal(ad["adv"]["price"]) - 1)}}
        for ad in server.ads
    ]
    said: Any = _venue(server).observations()
    async with aclosing(said):
        [found] = await anext(said)
    assert (found.kind, found.pair) == (SourceKind.P2P_ADS, USDT_BOB)
    assert found.bids
    assert found.asks


@pytest.mark.parametrize(
    ("status", "garbage", "refusal"),
    [
        (429, None, VenueThrottled),
        (500, None, VenueUnavailable),
        (200, b"<html>", VenueUnavailable),
        (200, b'{"code":"000002"}', VenueUnavailable),
        (200, b'{"code":"000000","data":[{"adv":5}]}', VenueUnavailable),
        (200, b" " * (2**21 + 1), VenueUnavailable),
    ],
)
async def test_an_answer_that_is_none_is_a_refusal(
    server: P2pServer, status: int, garbage: bytes | None, refusal: type[Exception]
) -> None:
    server.status, server.garbage = status, garbage
    with pytest.raises(refusal):
        await _venue(server).search(BUY)
