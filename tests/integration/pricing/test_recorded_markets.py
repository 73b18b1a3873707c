"""Pricing on what real markets said: no quote off the market by a promoted ad, a crossed median or an official rate."""

import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from cambista.kernel.market import Level, Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import BOB, BTC, USD, USDT, pair_spec
from cambista.pricing import Offer, RateVerdict, Rung
from cambista.pricing.rules.rate_book import judge_publications
from cambista.pricing.types import RateRecord
from cambista.venues import Observation, RateName, ReferenceRate, Replay, SourceKind
from tests.unit.pricing.markets import NOW, USDT_USD, USDT_VES, HandClock, World, ads, book, published

USDT_BOB = Pair(USDT, BOB)
HUNDRED = Amount.of("100", USDT)
DOLLARS = {"source": "kraken", "size": "900000"}


def ves_polls(shared_data: Path, every: int) -> Iterator[dict[str, str]]:
    with (shared_data / "market/p2p/usdt_ves_p2p_top20_stats.csv").open() as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % every == 0:
                yield row


async def test_seven_months_of_bolivar_medians_crossed_or_not_are_quoted_around_the_market(shared_data: Path) -> None:
    crossed = live = 0
    world = World(now=datetime(2025, 9, 19, tzinfo=UTC))
    for row in ves_polls(shared_data, every=11):
        world.clock.moment = at = datetime.fromisoformat(row["datetime_utc"])
        bid, ask = Decimal(row["buy_median"]), Decimal(row["sell_median"])
        crossed += ask < bid
        world.observe(book(USDT_USD, "0.9996", "0.9998", at=at, **DOLLARS), ads(USDT_VES, bid, ask, at=at))
        if abs(ask - bid) / (ask + bid) > Decimal("0.025"):
            continue  # the absurd polls have a test of their own
        buy, sell = await world.ask(USDT_VES, Side.BUY, HUNDRED), await world.ask(USDT_VES, Side.SELL, HUNDRED)
        live += 1
        assert buy.rung is sell.rung is Rung.LIVE
        middle = Decimal(row["market_median"])
        assert sell.price.value < middle < buy.price.value, row
        assert buy.price.value / sell.price.value < Decimal("1.09"), row
        assert sell.quote.units < buy.quote.units
    assert crossed > 500
    assert live > 2000


async def test_polls_with_an_absurd_side_are_not_quoted_as_live_from_themselves(shared_data: Path) -> None:
    absurd = 0
    for row in ves_polls(shared_data, every=1):
        bid, ask, middle = (Decimal(row[name]) for name in ("buy_median", "sell_median", "market_median"))
        if abs(ask / bid - 1) <= Decimal("0.055"):
            continue
        absurd += 1
        world = World(now=datetime.fromisoformat(row["datetime_utc"]))
        world.observe(
            book(USDT_USD, "0.9996", "0.9998", at=world.clock.moment, **DOLLARS),
            ads(USDT_VES, bid, ask, at=world.clock.moment),
        )
        answer = await world.answer(USDT_VES, Side.BUY, HUNDRED)
        assert not isinstance(answer, Offer), (middle, answer)
        assert answer.code == "no_price"
    assert absurd >= 5


async def test_official_bolivar_rates_published_beside_the_ads_change_nothing(shared_data: Path) -> None:
    with (shared_data / "market/fx/currency_api_monthly.csv").open() as file:
        official = {date.fromisoformat(row["date"]): row["usdt_ves"] for row in csv.DictReader(file)}
    compared = 0
    for row in ves_polls(shared_data, every=1):
        at = datetime.fromisoformat(row["datetime_utc"])
        if at.date() not in official or at.hour != 15:
            continue
        compared += 1
        alone, beside = World(now=at), World(now=at)
        for world in (alone, beside):
            world.observe(
                book(USDT_USD, "0.9996", "0.9998", at=at, **DOLLARS),
                ads(USDT_VES, Decimal(row["buy_median"]), Decimal(row["sell_median"]), at=at),
            )
        for name in RateName:
            rate = published(USDT_VES, official[at.date()], source=f"api-{name.value}", name=name, at=at)
            beside.pricing._board.set_rates([rate])
        one, other = [await world.ask(USDT_VES, Side.BUY, HUNDRED) for world in (alone, beside)]
        assert one.price == other.price
        assert other.price.value > Decimal(official[at.date()]) * Decimal("1.2")
    assert compared >= 5


def ad_levels(announcements: list[dict[str, Any]], *, falling: bool) -> list[Level]:
    levels = [
        Level(Decimal(each["adv"]["price"]), Decimal(each["adv"]["tradableQuantity"] or each["adv"]["surplusAmount"]))
        for each in announcements
    ]
    return sorted(levels, key=lambda level: level.price, reverse=falling)


async def test_promoted_ads_in_raw_lists_do_not_move_the_price_off_the_ordinary_ones(shared_data: Path) -> None:
    polls: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    with gzip.open(shared_data / "market/p2p/binance_p2p_ads_usdt_bob_usd.jsonl.gz", "rt") as file:
        for line in file:
            poll = json.loads(line)
            if poll["mercado"] == "BOB-todos":
                polls[poll["fecha_utc"]][poll["lado"]] = poll["anuncios"]
    assert len(polls) > 30
    promoted_first = 0
    for moment, sides in polls.items():
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        ordinary = {
            side: [Decimal(each["adv"]["price"]) for each in found if each.get("privilegeType") != 8]
            for side, found in sides.items()
        }
        promoted_first += sides["compra"][0].get("privilegeType") == 8
        world = World(now=at)
        world.observe(
            book(USDT_USD, "0.9996", "0.9998", at=at, **DOLLARS),
            Observation(
                "binance-p2p", SourceKind.P2P_ADS, RateName.P2P, USDT_BOB,
                ad_levels(sides["venta"], falling=True), ad_levels(sides["compra"], falling=False), at, at,
            ),
        )  # fmt: skip
        (shown,) = await world.pricing.current([USDT_BOB])
        middle = (median(ordinary["compra"]) + median(ordinary["venta"])) / 2
        assert abs(shown.mid / middle - 1) < Decimal("0.01"), moment
        offer = await world.ask(USDT_BOB, Side.BUY, HUNDRED)
        assert world.pricing.explain(offer.receipt).matches
        assert len(offer.receipt.content) < 4096
    assert promoted_first > 5


class EagerClock(HandClock):
    """Whoever sleeps has slept at once: a recorded day passes as fast as it can be read."""

    def monotonic(self) -> float:
        return (self.moment - NOW).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


async def test_a_replayed_day_of_every_recorded_market_is_quoted_sanely_and_explains_itself(shared_data: Path) -> None:
    clock, rungs, quoted = EagerClock(), Counter[Rung](), Counter[str]()
    world = World(clock=clock)
    batches = Replay(shared_data, clock=clock, speed=60).observations()
    number = 0
    async for batch in batches:
        world.observe(book(USDT_USD, "0.9996", "0.9998", at=clock.moment, **DOLLARS), *batch)
        number += 1
        if number % 50 == 0:
            await quote_everything(world, rungs, quoted)
        if number == 10_000:
            break
    assert rungs[Rung.LIVE] > 200
    assert {"BTC/USDT", "ETH/USDT", "USDT/VES", "USDT/BOB", "USD/COP"} <= quoted.keys()


async def quote_everything(world: World, rungs: Counter[Rung], quoted: Counter[str]) -> None:
    for shown in await world.pricing.current():
        assert 0 < shown.bid < shown.mid < shown.ask
        assert shown.ask / shown.bid < Decimal("1.12"), shown
        rungs[shown.rung] += 1
        quoted[str(shown.pair)] += 1
        minimum = pair_spec(str(shown.pair)).minimum
        offer = await world.ask(shown.pair, Side.BUY, Amount(minimum.units * 10, minimum.asset))
        assert world.pricing.explain(offer.receipt).matches


def test_the_corrupt_published_day_is_absurd_against_the_month_before(shared_data: Path) -> None:
    corrupt_day = date(2025, 12, 6)
    raw = json.loads((shared_data / "market/fx/currency_api_raw/2025.12.6/usd.json").read_text())
    at = datetime(2025, 12, 6, 15, tzinfo=UTC)
    pair = Pair(USD, BTC)
    before = ReferenceRate("api", RateName.MARKET, pair, Decimal("0.0000109"), date(2025, 11, 6), date(2025, 11, 6), at)
    rate = ReferenceRate("api", RateName.MARKET, pair, Decimal(str(raw["usd"]["btc"])), corrupt_day, corrupt_day, at)
    known = [RateRecord(before, RateVerdict.ACCEPTED)]
    (record,) = judge_publications([rate], known, absurd_factor=Decimal(2), stuck_after=5)
    assert record.verdict is RateVerdict.ABSURD
