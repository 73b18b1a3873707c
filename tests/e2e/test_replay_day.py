"""The main road on recorded markets: what they said becomes quotes, trades, rungs and receipts that are sane."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import pytest

from cambista.app.build import House, build
from cambista.app.capital import fund_on_paper
from cambista.identity import Customer
from cambista.kernel.errors import Refusal
from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import BOB, BTC, COP, ETH, PAIRS, USD, USDT, VES, PairSpec
from cambista.ledger import AccountKind
from cambista.pricing import AmountTooLarge, NoPrice, PricingSettings, RateVerdict, Rung, Signer
from cambista.runtime import Replay as ReplayedAnswer
from cambista.trading import Acceptance, IssuedQuote, QuoteKind, QuoteRequest, QuoteTaken, Trade
from cambista.venues import Observation, PaperMarket, Replay, VenuesSettings
from cambista.venues.settings import ReferenceSettings
from tests.databases import TestServer, open_runtime
from tests.houses import SIGNER_SEED, PaperHouse, caller_of, settings
from tests.replays import (
    CORRUPT_DAY,
    PATHS,
    EagerClock,
    Expected,
    Tape,
    Yardstick,
    ads_file,
    polls,
    promoted_first,
    published,
    tapes,
)

# The merchants' first poll: begun at this moment, a replay of the bolivar plays each poll at its own day and hour.
START = datetime(2025, 9, 17, 19, 29, tzinfo=UTC)
NAMES = ("BTC/USDT", "ETH/USDT", "USDT/USD", "USDT/VES", "USDT/BOB", "USD/COP", "USDT/COP", "BTC/COP", "ETH/COP")
SPECS = [PAIRS[name] for name in NAMES]
SPEC_PAIRS = [spec.pair for spec in SPECS]
BTC_USDT, USDT_USD = PAIRS["BTC/USDT"].pair, PAIRS["USDT/USD"].pair
SOCKETS = timedelta(seconds=346)
ADS = timedelta(days=20)
END = timedelta(days=226)
# Of the days after the ads the corrupt one is played, those of the absurd polls, and every fifteenth.
DAYS = {CORRUPT_DAY, *(date(2026, 1, day) for day in range(2, 11))}
QUARTER_HOUR = timedelta(minutes=15)
# How near the fair price must be: the house weighs ads by their size, the yardstick takes their plain median.
NEAR = {"USDT/USD": Decimal("0.004"), "USDT/BOB": Decimal("0.004"), "USDT/VES": Decimal("0.002")}
NEAR_ELSE = Decimal("0.0005")
KNOBS = PricingSettings()
BPS = Decimal(10_000)
PURSE = (
    Amount.of("2", BTC), Amount.of("40", ETH), Amount.of("50000", USDT), Amount.of("50000", USD),
    Amount.of("50000000", VES), Amount.of("500000", BOB), Amount.of("500000000", COP),
)  # fmt: skip


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> dict[str, Tape]:
    """The raw recordings, read without the house."""
    return tapes(shared_data)


@asynccontextmanager
async def replaying_house(dsn: str, start: datetime, reference: Path | None = None) -> AsyncIterator[PaperHouse]:
    """A house with full tills on a clock that runs with the recordings; rates published in `reference` are known."""
    async with open_runtime(dsn, clock=EagerClock(start)) as runtime:
        given = settings(venues=VenuesSettings(reference=ReferenceSettings(folder=reference)))
        house = build(runtime, given, Signer.from_seed(SIGNER_SEED))
        await fund_on_paper(runtime, house.ledger)
        await house.pricing.load()
        records = await house.pricing.record_rates(await house.venues.rates())
        assert all(record.verdict is RateVerdict.ACCEPTED for record in records)
        yield PaperHouse(house, PaperMarket())


@dataclass(slots=True)
class Day:
    """A played day: asks for quotes on every pair, holds each against the yardstick, trades some."""

    paper: PaperHouse
    yardstick: Yardstick
    customer: Customer
    turns: Iterator[tuple[PairSpec, Side]] = field(
        default_factory=lambda: cycle((spec, side) for spec in SPECS for side in Side)
    )
    seen: Counter[tuple[str, Rung | None]] = field(default_factory=Counter)
    doubted: int = 0
    official: int = 0
    moments: int = 0
    trades: list[Trade] = field(default_factory=list)

    @property
    def house(self) -> House:
        return self.paper.house

    @property
    def now(self) -> datetime:
        return self.paper.runtime.now()

    def observe(self, batch: Sequence[Observation]) -> None:
        for each in batch:
            assert each.recorded_at is not None
            self.yardstick.hear(f"{each.source} {each.pair}", recorded_at=each.recorded_at, at=each.observed_at)
        self.house.pricing.observe(batch)

    async def keep_prices(self, pairs: set[Pair]) -> None:
        """Price what has just spoken, as the running house does each second: a price never seen is not remembered."""
        for pair in pairs:
            with suppress(NoPrice):
                await self.house.pricing.current([pair])

    async def quote_everything(self) -> None:
        """Every pair, both sides, in the base and the quote asset, small and large; one of the small ones is traded."""
        self.moments += 1
        await self.house.pricing.tick()
        await self.house.trading.watch_tills()
        asked = [
            self._request(spec, side, amount)
            for spec in SPECS
            for side in Side
            for amount in self._amounts(spec)
        ]  # fmt: skip
        answers = await self.house.trading.request_quotes(asked)
        for request, answer in zip(asked, answers, strict=True):
            assert not isinstance(answer, ReplayedAnswer)
            self._judge(request, answer)
        await self._trade()

    def _amounts(self, spec: PairSpec) -> list[Amount]:
        large = Amount(spec.maximum.units * 4 // 10, spec.pair.base)
        small = Amount(spec.minimum.units * 10, spec.pair.base)
        expected = self.yardstick.expected(str(spec.pair), self.now)
        if self.moments % 2 or expected is None:
            return [small, large]
        worth = small.decimal * expected.high
        return [Amount.of(f"{round(worth, spec.pair.quote.scale):f}", spec.pair.quote), large]

    def _request(
        self, spec: PairSpec, side: Side, amount: Amount, kind: QuoteKind = QuoteKind.REFERENCE
    ) -> QuoteRequest:
        return QuoteRequest(caller_of(self.customer), self.customer.id, spec.pair, side, amount, kind)

    def _judge(self, request: QuoteRequest, answer: IssuedQuote | Refusal) -> None:
        name = str(request.pair)
        expected = self.yardstick.expected(name, self.now)
        if isinstance(answer, NoPrice):
            assert expected is None or expected.doubtful, (name, self.now, expected)
            self.seen[name, None] += 1
            return
        assert expected is not None, (name, self.now, answer)
        if isinstance(answer, AmountTooLarge):
            rung = Rung(answer.facts["rung"])
            assert request.amount.decimal > PAIRS[name].maximum.decimal * KNOBS.rung_size[rung]
        else:
            assert isinstance(answer, IssuedQuote), (name, answer)
            rung = answer.quote.terms.rung
            self._judge_price(answer, expected)
            self._judge_receipt(answer)
        self.seen[name, rung] += 1
        assert rung is expected.rung or expected.doubtful, (name, self.now, rung, expected)
        self.doubted += expected.doubtful

    def _judge_price(self, issued: IssuedQuote, expected: Expected) -> None:
        terms = issued.quote.terms
        name, price, fair = str(terms.pair), terms.price.value, fair_of(issued)
        near = sum((NEAR.get(leg, NEAR_ELSE) for leg in PATHS.get(name, ((name,),))[0]), Decimal(0))
        low, high = expected.low * (1 - near), expected.high * (1 + near)
        assert low <= fair <= high, (name, self.now, fair, expected)
        spread_bps = max(KNOBS.spread_bps[name], expected.spread * BPS + KNOBS.one_sided_bps)
        bound = ((spread_bps + KNOBS.rung_bps[terms.rung]) / 2 + KNOBS.sum_cap_bps) / BPS
        if terms.side is Side.BUY:
            assert fair < price <= high * (1 + bound) + PAIRS[name].tick, (name, self.now, price, expected)
        else:
            assert low * (1 - bound) - PAIRS[name].tick <= price < fair, (name, self.now, price, expected)
        assert terms.spread.units > 0
        if terms.rung is Rung.LIVE and f"binance_spot {name}" in self.yardstick.tapes:
            book = self.yardstick.word(f"binance_spot {name}", self.now)
            assert price > book.ask if terms.side is Side.BUY else price < book.bid

    def _judge_receipt(self, issued: IssuedQuote) -> None:
        explanation = self.house.pricing.explain(issued.receipt)
        assert explanation.matches, explanation.differences
        assert explanation.signature_valid
        for leg in json.loads(issued.receipt.content)["market"]["legs"]:
            for source, kind, rate, *_, weight, verdict in (row[:10] for row in leg["sources"]):
                assert verdict != "used" or rate != "official", (source, leg["pair"])
                assert verdict != "used" or "VES" not in leg["pair"] or (kind, rate) == ("p2p_ads", "p2p")
                assert (verdict == "used") is (weight != "0"), (source, verdict, weight)
                self.official += rate == "official"

    async def _trade(self) -> None:
        spec, side = next(turn for turn in self.turns if self.yardstick.expected(str(turn[0].pair), self.now))
        amount = Amount(spec.minimum.units * 10, spec.pair.base)
        [issued] = await self.house.trading.request_quotes([self._request(spec, side, amount, QuoteKind.FIRM)])
        assert isinstance(issued, IssuedQuote), issued
        take = Acceptance(caller_of(self.customer), self.customer.id, issued.quote.id)
        first, again = await self.house.trading.accept_quotes([take, take])
        assert isinstance(first, Trade), first
        assert isinstance(again, QuoteTaken)
        assert first.terms == issued.quote.terms
        self.trades.append(first)


def fair_of(issued: IssuedQuote) -> Decimal:
    return Decimal(json.loads(issued.receipt.content)["market"]["fair"])


def test_the_traps_are_in_the_recordings(shared_data: Path, recorded: dict[str, Tape]) -> None:
    medians = polls(shared_data / "market" / "p2p" / "usdt_ves_p2p_top20_stats.csv", "buy_median", "sell_median")
    assert promoted_first(ads_file(shared_data)) == 94
    assert sum(word.absurd for word, _ in medians) == 12
    assert sum(crossed for _, crossed in medians) > len(medians) * 0.33
    assert recorded["binance_p2p_merchants USDT/VES"].times[0] == START


async def test_the_main_road_runs_sanely_through_seven_recorded_months(
    dsn: str, shared_data: Path, recorded: dict[str, Tape]
) -> None:
    async with replaying_house(dsn, START, reference=shared_data) as paper:
        customer = await paper.customer(1, *PURSE)
        day = Day(paper, Yardstick(recorded, published(shared_data)), customer)
        await play(day, shared_data)
        for name in NAMES:
            assert day.seen[name, Rung.LIVE] > 100, (name, day.seen)
        assert day.official > 0
        assert len(day.trades) == day.moments > 300
        assert day.doubted < day.moments
        await check_the_books(day)


async def play(day: Day, shared_data: Path) -> None:
    """Plays the recordings at their own pace, leaving out days between, and quotes at moments spread over the rest."""
    began, batches, quoted_at = START, 0, START - SOCKETS
    absurd = [word.at for tape in day.yardstick.tapes.values() for word in tape.words if word.absurd]
    async for batch in Replay(shared_data, clock=day.paper.clock, speed=1).observations():
        now = day.now
        since = now - START
        if since > END:
            return
        if not (since < ADS or now.date() in DAYS or now.date().toordinal() % 15 == 0):
            began = now + timedelta(seconds=1)
            continue
        day.observe(batch)
        batches += 1
        if since <= SOCKETS:
            due = now - quoted_at >= timedelta(seconds=4)
        else:
            await day.keep_prices({each.pair for each in batch})
            due = batches % 40 == 0 or any(each.source.startswith("binance_p2p:") for each in batch)
            due = due or any(quoted_at < at <= now for at in absurd)
        # What was said before a day was left out is not known to the house.
        if due and (since < ADS or now - began > QUARTER_HOUR):
            quoted_at = now
            await day.quote_everything()


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
        assert abs(await ladder.stand(Rung.LIVE, taken="2.5", refused=None) / live - 1) < Decimal("0.1")


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
            shown.append({str(each.pair): each for each in await paper.house.pricing.current(SPEC_PAIRS)})
            for pair in (Pair(BTC, USD), Pair(BTC, USDT), Pair(ETH, USD), Pair(ETH, USDT)):
                with pytest.raises(RateNotKnown):
                    await paper.house.pricing.rate(RateName.MARKET, pair, on=CORRUPT_DAY)
            if reference is not None:
                official = await paper.house.pricing.rate(RateName.OFFICIAL, Pair(USDT, VES), on=CORRUPT_DAY)
                assert official.rate.value < 257
    without, with_file = shown
    assert without == with_file
    assert {each.rung for each in without.values()} == {Rung.LIVE}


async def check_the_books(day: Day) -> None:
    """Nothing was lost or made, each quote was traded once, and the house earned what its quotes said."""
    ledger = day.house.ledger
    assert await ledger.check() == []
    trial = await ledger.trial_balance()
    assert trial.balanced
    assert {line.total.units for line in trial.items} == {0}
    assert len({trade.quote_id for trade in day.trades}) == len(day.trades)
    for kind, part in ((AccountKind.SPREAD, "spread"), (AccountKind.FEES, "fee")):
        quoted: Counter[str] = Counter()
        for trade in day.trades:
            amount = getattr(trade.terms, part)
            quoted[amount.asset.code] += amount.units
        booked = {each.account.asset: each.posted.units for each in await ledger.balances_of(kind)}
        assert booked == dict(quoted)
        assert all(units > 0 for units in booked.values())
