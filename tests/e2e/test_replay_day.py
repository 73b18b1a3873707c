"""The main road on recorded markets: what they said becomes quotes, trades, rungs and receipts that are sane."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import pytest

from cambista.app.build import House
from cambista.identity import Customer
from cambista.kernel.errors import Refusal
from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import PAIRS, PairSpec
from cambista.ledger import AccountKind
from cambista.pricing import AmountTooLarge, NoPrice, PricingSettings, Rung
from cambista.runtime import Replay as ReplayedAnswer
from cambista.trading import Acceptance, IssuedQuote, QuoteKind, QuoteRequest, QuoteTaken, Trade
from cambista.venues import Observation, Replay
from tests.houses import PaperHouse, caller_of
from tests.replays import (
    CORRUPT_DAY,
    NAMES,
    PACE,
    PATHS,
    PURSE,
    START,
    Expected,
    Tape,
    Yardstick,
    ads_file,
    fair_of,
    polls,
    promoted_first,
    published,
    replaying_house,
    tapes,
)

SPECS = [PAIRS[name] for name in NAMES]
SOCKETS = timedelta(seconds=346)
WHOLE = timedelta(days=10)
END = timedelta(days=226)
# The first days are played whole; of the later ones the corrupt one, those of the absurd polls, and every thirtieth.
DAYS = {CORRUPT_DAY, *(date(2026, 1, day) for day in range(2, 11))}
QUARTER_HOUR = timedelta(minutes=15)
# How near the fair price must be: the house weighs ads by their size, the yardstick takes their plain median.
NEAR = {"USDT/USD": Decimal("0.004"), "USDT/BOB": Decimal("0.004"), "USDT/VES": Decimal("0.002")}
NEAR_ELSE = Decimal("0.0005")
KNOBS = PricingSettings()
BPS = Decimal(10_000)


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> dict[str, Tape]:
    """The raw recordings, read without the house."""
    return tapes(shared_data)


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
            rung = Rung(str(answer.facts["rung"]))
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
        for source in ("binance_p2p_top20", "binance_p2p_merchants"):
            assert abs(day.yardstick.ahead[f"{source} USDT/VES"]) < PACE, "two series of one market must play together"
        assert len(day.trades) == day.moments > 200
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
        if not (since < WHOLE or now.date() in DAYS or now.date().toordinal() % 30 == 0):
            began = now + timedelta(seconds=1)
            continue
        day.observe(batch)
        batches += 1
        if since <= SOCKETS:
            due = now - quoted_at >= timedelta(seconds=4)
        else:
            await day.keep_prices({each.pair for each in batch})
            due = batches % 50 == 0 or any(each.source.startswith("binance_p2p:") for each in batch)
            due = due or any(quoted_at < at <= now for at in absurd)
        # What was said before a day was left out is not known to the house.
        if due and (since < WHOLE or now - began > QUARTER_HOUR):
            quoted_at = now
            await day.quote_everything()


async def check_the_books(day: Day) -> None:
    """Nothing was lost or made, each quote was traded once, and the house earned what its quotes said."""
    ledger = day.house.ledger
    assert await ledger.check() == []
    trial = await ledger.trial_balance()
    assert trial.balanced
    assert {line.total for line in trial.items} == {0}
    assert len({trade.quote_id for trade in day.trades}) == len(day.trades)
    for kind, part in ((AccountKind.SPREAD, "spread"), (AccountKind.FEES, "fee")):
        quoted: Counter[str] = Counter()
        for trade in day.trades:
            amount = getattr(trade.terms, part)
            quoted[amount.asset.code] += amount.units
        booked = {each.account.asset: each.posted.units for each in await ledger.balances_of(kind)}
        assert booked == dict(quoted)
        assert all(units > 0 for units in booked.values())
