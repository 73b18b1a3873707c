"""The main road where a recorded market falls silent, lies for a day, or lands on a tick."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from cambista.identity import Customer
from cambista.kernel.errors import Refusal
from cambista.kernel.market import Level, Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import BTC, ETH, PAIRS, USD, USDT, VES
from cambista.pricing import AmountTooLarge, NoPrice, RateNotKnown, Rung
from cambista.runtime import Replay as ReplayedAnswer
from cambista.trading import IssuedQuote, QuoteKind, QuoteRequest
from cambista.venues import Observation, RateName, Replay, replay_events
from tests.databases import TestServer
from tests.houses import PaperHouse, caller_of
from tests.replays import CORRUPT_DAY, NAMES, PURSE, START, fair_of, replaying_house

BTC_USDT, USDT_USD, USDT_VES = (PAIRS[name].pair for name in ("BTC/USDT", "USDT/USD", "USDT/VES"))


async def test_a_price_on_a_tick_is_written_alike_when_its_receipt_is_worked_out_again(
    dsn: str, shared_data: Path
) -> None:
    """As on 2026-01-07 at 07:55:51. From 800.000 every whole hundredth of a basis point falls on a tick of 0.0001."""
    async with replaying_house(dsn, START) as paper:
        customer = await paper.customer(1, *PURSE)
        async for batch in Replay(shared_data, clock=paper.clock, pairs=[USDT_USD, USDT_VES]).observations():
            paper.house.pricing.observe([each for each in batch if each.pair == USDT_USD])
            [ves] = [each for each in batch if each.pair == USDT_VES]
            side = (Level(Decimal("800.000"), Decimal(1)),)
            paper.house.pricing.observe([replace(ves, bids=(), asks=side)])
            break
        wish = Amount.of("10", USDT)
        request = QuoteRequest(caller_of(customer), customer.id, USDT_VES, Side.BUY, wish)
        [issued] = await paper.house.trading.request_quotes([request])
        assert isinstance(issued, IssuedQuote)
        assert issued.quote.terms.price.value == Decimal("807.2296")
        assert paper.house.pricing.explain(issued.receipt).matches


async def test_a_gap_in_the_recording_takes_the_price_down_the_ladder_and_back(dsn: str, shared_data: Path) -> None:
    """The socket falls silent for 20 minutes at its second minute: what was recorded then is played after them."""
    async with replaying_house(dsn, START) as paper:
        customer = await paper.customer(1, *PURSE)
        ladder = Ladder(paper, customer)
        events = replay_events(shared_data, [BTC_USDT, USDT_USD])
        await ladder.play(events, seconds=60)
        live = await ladder.stand(Rung.LIVE, taken="2.5", refused=None)
        paper.clock.advance(12)
        cached = await ladder.stand(Rung.CACHED, taken="2.5", refused="2.50000001")
        paper.clock.advance(25)
        last = await ladder.stand(Rung.LAST_RECORDED, taken="0.5", refused="0.50000001")
        assert live < cached < last
        paper.clock.advance(870)
        assert isinstance(await ladder.ask("0.1"), NoPrice)
        with pytest.raises(NoPrice):
            await paper.house.pricing.current([BTC_USDT])
        await ladder.play(events, seconds=30)
        assert await ladder.stand(Rung.LIVE, taken="2.5", refused=None) < cached


@dataclass(slots=True)
class Ladder:
    """Plays BTC/USDT and asks what buying costs above the fair price, on whatever rung the house stands."""

    paper: PaperHouse
    customer: Customer

    async def play(self, events: Iterator[tuple[datetime, Observation]], *, seconds: int) -> None:
        """The next seconds of the recording, priced each second as the running house does."""
        began: datetime | None = None
        priced_at = start = self.paper.runtime.now()
        for recorded_at, observation in events:
            if observation.pair != BTC_USDT:
                self.paper.house.pricing.observe([at_time(observation, start)])
                continue
            began = began or recorded_at
            now = start + (recorded_at - began)
            self.paper.clock.advance((now - self.paper.runtime.now()).total_seconds())
            self.paper.house.pricing.observe([at_time(observation, now)])
            if now - priced_at >= timedelta(seconds=1):
                priced_at = now
                await self.paper.house.pricing.tick()
            if now - start >= timedelta(seconds=seconds):
                return

    async def ask(self, amount: str) -> IssuedQuote | Refusal:
        wish = Amount.of(amount, BTC)
        request = QuoteRequest(
            caller_of(self.customer), self.customer.id, BTC_USDT, Side.BUY, wish, QuoteKind.REFERENCE
        )
        [answer] = await self.paper.house.trading.request_quotes([request])
        assert not isinstance(answer, ReplayedAnswer)
        return answer

    async def stand(self, rung: Rung, *, taken: str, refused: str | None) -> Decimal:
        """The house stands on `rung` and quotes up to `taken`; returns what 0.1 BTC cost above the fair price."""
        for amount in ("0.1", taken):
            issued = await self.ask(amount)
            assert isinstance(issued, IssuedQuote), issued
            assert issued.quote.terms.rung is rung
            assert self.paper.house.pricing.explain(issued.receipt).matches
        if refused is not None:
            assert isinstance(await self.ask(refused), AmountTooLarge)
        small = await self.ask("0.1")
        assert isinstance(small, IssuedQuote)
        return small.quote.terms.price.value / fair_of(small) - 1


def at_time(observation: Observation, now: datetime) -> Observation:
    return replace(observation, observed_at=now, received_at=now)


async def test_the_corrupt_published_day_changes_no_price(
    server: TestServer, shared_data: Path, tmp_path: Path
) -> None:
    """On the day currency-api said 38.87 BTC a dollar, a house that reads it prices as one that does not."""
    copytree(shared_data / "market" / "fx" / "currency_api_raw" / "2025.12.6", tmp_path / "currency_api_raw" / "day")
    noon = datetime(2025, 12, 6, 17, tzinfo=UTC)
    shown = []
    for reference in (None, tmp_path):
        async with server.database() as dsn, replaying_house(dsn, noon, reference) as paper:
            async for batch in Replay(shared_data, clock=paper.clock, speed=1).observations():
                paper.house.pricing.observe(batch)
                if paper.runtime.now() - noon > timedelta(seconds=20):
                    break
            await paper.house.pricing.tick()
            prices = await paper.house.pricing.current([PAIRS[name].pair for name in NAMES])
            shown.append({str(each.pair): each for each in prices})
            for pair in (Pair(BTC, USD), Pair(BTC, USDT), Pair(ETH, USD), Pair(ETH, USDT)):
                with pytest.raises(RateNotKnown):
                    await paper.house.pricing.rate(RateName.MARKET, pair, on=CORRUPT_DAY)
            if reference is not None:
                official = await paper.house.pricing.rate(RateName.OFFICIAL, Pair(USDT, VES), on=CORRUPT_DAY)
                assert official.rate.value < 257
    without, with_file = shown
    assert without == with_file
    assert {each.rung for each in without.values()} == {Rung.LIVE}
