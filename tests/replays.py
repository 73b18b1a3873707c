"""What the recorded markets said, read from the raw files without the house's own readers: the tests' yardstick."""

import csv
import gzip
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import prod
from pathlib import Path
from statistics import median
from typing import IO, Any

from cambista.app.build import build
from cambista.app.capital import fund_on_paper
from cambista.audit import AuditKey
from cambista.kernel.money import Amount
from cambista.kernel.registry import BOB, BTC, COP, ETH, USD, USDT, VES
from cambista.pricing import RateVerdict, Rung, Signer
from cambista.trading import IssuedQuote
from cambista.venues import PaperMarket, VenuesSettings
from cambista.venues.settings import ReferenceSettings
from tests.databases import ManualClock, open_runtime
from tests.houses import SIGNER_SEED, PaperHouse, settings

PROMOTED = 8
PACE = timedelta(milliseconds=51)
ABSURD = Decimal("0.05")
# The merchants' first poll: begun at this moment, a replay of the bolivar plays each poll at its own day and hour.
START = datetime(2025, 9, 17, 19, 29, tzinfo=UTC)
NAMES = ("BTC/USDT", "ETH/USDT", "USDT/USD", "USDT/VES", "USDT/BOB", "USD/COP", "USDT/COP", "BTC/COP", "ETH/COP")
PURSE = (
    Amount.of("2", BTC), Amount.of("40", ETH), Amount.of("50000", USDT), Amount.of("50000", USD),
    Amount.of("50000000", VES), Amount.of("500000", BOB), Amount.of("500000000", COP),
)  # fmt: skip
CORRUPT_DAY = date(2025, 12, 6)
BOGOTA = timedelta(hours=-5)
LAST_RECORDED = timedelta(seconds=900)
CACHED = timedelta(seconds=20)
LADDER = list(Rung)
# How the house may come by a pair: its own market, or these one after the other.
PATHS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "USDT/COP": (("USDT/USD", "USD/COP"), ("USDT/COP",)),
    "BTC/COP": (("BTC/USDT", "USDT/USD", "USD/COP"), ("BTC/USDT", "USDT/COP")),
    "ETH/COP": (("ETH/USDT", "USDT/USD", "USD/COP"), ("ETH/USDT", "USDT/COP")),
}


class EagerClock(ManualClock):
    """Whoever sleeps has slept at once: a recorded day passes as fast as it can be read."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@asynccontextmanager
async def replaying_house(dsn: str, start: datetime, reference: Path | None = None) -> AsyncIterator[PaperHouse]:
    """A house with full tills on a clock that runs with the recordings; rates published in `reference` are known."""
    async with open_runtime(dsn, clock=EagerClock(start)) as runtime:
        given = settings(venues=VenuesSettings(reference=ReferenceSettings(folder=reference)))
        house = build(runtime, given, Signer.from_seed(SIGNER_SEED), AuditKey.from_seed(SIGNER_SEED))
        await fund_on_paper(runtime, house.ledger)
        await house.pricing.load()
        records = await house.pricing.record_rates(await house.venues.rates())
        assert all(record.verdict is RateVerdict.ACCEPTED for record in records)
        yield PaperHouse(house, PaperMarket())


def fair_of(issued: IssuedQuote) -> Decimal:
    """The fair price of its receipt."""
    return Decimal(json.loads(issued.receipt.content)["market"]["fair"])


@dataclass(frozen=True, slots=True)
class Word:
    """What a recording said at a moment; `bid` and `ask` in their proper order. `absurd`: too far apart to be true."""

    at: datetime
    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> Decimal:
        return self.ask / self.bid - 1

    @property
    def absurd(self) -> bool:
        return self.spread > ABSURD


@dataclass(frozen=True, slots=True)
class Tape:
    """One recording's words in order of time; a word is live for `live_for`."""

    pair: str
    live_for: timedelta
    words: Sequence[Word]
    times: Sequence[datetime]

    def until(self, moment: datetime) -> Iterator[Word]:
        """The words at or before `moment`, newest first."""
        return (self.words[place] for place in range(bisect_right(self.times, moment) - 1, -1, -1))


def _tape(pair: str, live_for_s: int, words: Iterable[Word]) -> Tape:
    ordered = sorted(words, key=lambda word: word.at)
    return Tape(pair, timedelta(seconds=live_for_s), ordered, [word.at for word in ordered])


def tapes(shared_data: Path) -> dict[str, Tape]:
    """The raw recordings, by the source that plays them and its pair."""
    market = shared_data / "market"
    crypto, p2p, ads = market / "crypto", market / "p2p", ads_file(shared_data)
    medians = polls(p2p / "usdt_ves_p2p_top20_stats.csv", "buy_median", "sell_median")
    merchants = polls(p2p / "usdt_ves_p2p_merchants.csv", "buy_second_highest", "sell_highest")
    found = {
        "binance_spot": [
            _tape(f"{base}/USDT", 10, _tickers(crypto / f"binance_spot_ws_{base.lower()}usdt_2024-08-08.txt.gz"))
            for base in ("BTC", "ETH")
        ],
        "binance_p2p:BOB-todos": [_tape("USDT/BOB", 120, _ads(ads, "BOB-todos"))],
        "binance_p2p:USD-Zinli": [_tape("USDT/USD", 120, _ads(ads, "USD-Zinli"))],
        "binance_p2p_top20": [_tape("USDT/VES", 120, (word for word, _ in medians))],
        "binance_p2p_merchants": [_tape("USDT/VES", 120, (word for word, _ in merchants))],
        "spot_bars": [_tape("USD/COP", 900, _bars(market / "fx" / "usd_cop_5min.csv.gz"))],
    }
    return {f"{source} {tape.pair}": tape for source, several in found.items() for tape in several}


def ads_file(shared_data: Path) -> Path:
    """The recorded result lists of Binance P2P."""
    return shared_data / "market" / "p2p" / "binance_p2p_ads_usdt_bob_usd.jsonl.gz"


def promoted_first(path: Path) -> int:
    """In how many recorded lists a promoted advertisement stands first."""
    with _opened(path) as lines:
        return sum(json.loads(line)["anuncios"][0]["privilegeType"] == PROMOTED for line in lines)


def polls(path: Path, ask: str, bid: str) -> list[tuple[Word, bool]]:
    """A series of two prices a poll, each with whether it was published crossed."""
    found = []
    for row in _rows(path):
        one, other = Decimal(row[ask]), Decimal(row[bid])
        found.append((_word(_utc(row["datetime_utc"]), one, other), one < other))
    return found


def _tickers(path: Path) -> Iterator[Word]:
    with _opened(path) as lines:
        for line in lines:
            stamp, _, body = line.partition(" ")
            if "@bookTicker" in body:
                said = json.loads(body)["data"]
                at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(stamp) // 1000)
                yield Word(at, Decimal(said["b"]), Decimal(said["a"]))


def _ads(path: Path, market: str) -> Iterator[Word]:
    # The median a side of the advertisements that are not promoted and can be filled.
    sides: dict[datetime, dict[str, Decimal]] = defaultdict(dict)
    with _opened(path) as lines:
        for line in lines:
            said = json.loads(line)
            if said["mercado"] == market:
                prices = [Decimal(each["adv"]["price"]) for each in said["anuncios"] if _ordinary(each)]
                sides[_utc(said["fecha_utc"])][said["lado"]] = median(prices)
    return (_word(at, each["compra"], each["venta"]) for at, each in sides.items())


def _ordinary(ad: Mapping[str, Any]) -> bool:
    terms = ad["adv"]
    least, now = Decimal(terms["minSingleTransAmount"]), Decimal(terms["dynamicMaxSingleTransAmount"])
    return ad["privilegeType"] != PROMOTED and now >= least


def _bars(path: Path) -> Iterator[Word]:
    for row in _rows(path):
        close = Decimal(row["close"])
        yield Word(_utc(row["time"]), close, close)


def _word(at: datetime, one: Decimal, other: Decimal) -> Word:
    return Word(at, min(one, other), max(one, other))


def _rows(path: Path) -> Iterator[Mapping[str, str]]:
    with _opened(path) as lines:
        yield from csv.DictReader(lines)


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _opened(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def published(shared_data: Path) -> dict[str, Decimal]:
    """What the corrupt day's files say of the pairs in which they are right (BTC, ETH are not; VES is the official)."""
    folder = shared_data / "market" / "fx" / "currency_api_raw" / "2025.12.6"
    usd, usdt = (json.loads((folder / f"{name}.json").read_text())[name] for name in ("usd", "usdt"))
    assert usd["btc"] > 38
    return {
        "USD/COP": Decimal(str(usd["cop"])),
        "USDT/COP": Decimal(str(usdt["cop"])),
        "USDT/USD": 1 / Decimal(str(usd["usdt"])),
    }


@dataclass(frozen=True, slots=True)
class Expected:
    """Between which mids the fair price must lie, the rung, the market's own spread; `doubtful`: sources quarrel."""

    low: Decimal
    high: Decimal
    rung: Rung
    spread: Decimal
    doubtful: bool = False


@dataclass(slots=True)
class Yardstick:
    """What a house that heard the recordings at their own pace ought to think of a pair."""

    tapes: Mapping[str, Tape]
    published: Mapping[str, Decimal]
    ahead: dict[str, timedelta] = field(default_factory=dict)

    def hear(self, name: str, *, recorded_at: datetime, at: datetime) -> None:
        """A recording spoke. Its time and the house's must go on side by side."""
        ahead = self.ahead.setdefault(name, recorded_at - at)
        assert abs(recorded_at - at - ahead) < PACE, name

    def expected(self, pair: str, now: datetime) -> Expected | None:
        """By the best way the pair can be priced; None when there is none."""
        ways = [self._over(path, now) for path in PATHS.get(pair, ((pair,),))]
        known = [way for way in ways if way is not None]
        if not known:
            return None
        best = min(LADDER.index(way.rung) for way in known)
        level = [way for way in known if LADDER.index(way.rung) == best]
        low, high = min(way.low for way in level), max(way.high for way in level)
        return Expected(low, high, LADDER[best], max(way.spread for way in level), any(way.doubtful for way in level))

    def word(self, name: str, now: datetime) -> Word:
        """The recording's last word."""
        return next(self.tapes[name].until(now + self.ahead[name]))

    def _over(self, path: Sequence[str], now: datetime) -> Expected | None:
        legs = [self._leg(pair, now) for pair in path]
        if None in legs:
            return None
        known = [leg for leg in legs if leg is not None]
        return Expected(
            low=prod((leg.low for leg in known), start=Decimal(1)),
            high=prod((leg.high for leg in known), start=Decimal(1)),
            rung=max((leg.rung for leg in known), key=LADDER.index),
            spread=sum((leg.spread for leg in known), Decimal(0)),
            doubtful=any(leg.doubtful for leg in known),
        )

    def _leg(self, pair: str, now: datetime) -> Expected | None:
        spoken = [
            (now + self.ahead[name] - word.at if doubt is None else doubt, tape.live_for, word, doubt)
            for name, tape in self.tapes.items()
            if tape.pair == pair and name in self.ahead
            for word, doubt in [_sane(tape, now + self.ahead[name])]
        ]
        rungs = [_rung(age, live_for) for age, live_for, _, _ in spoken]
        heard = [rung for rung in rungs if rung is not None]
        if not heard:
            return self._leg_published(pair, now)
        best = min(heard, key=LADDER.index)
        # A price once seen live is remembered: on the lower rungs every word that is not too old may be in it.
        words = [each for each, rung in zip(spoken, rungs, strict=True) if rung is best or best is not Rung.LIVE]
        mids = [word.mid for _, _, word, _ in words]
        apart = max(mids) / min(mids) - 1
        spread = max(word.spread for _, _, word, _ in words) + apart
        if any(doubt is not None for _, _, _, doubt in spoken):
            return Expected(min(mids) * Decimal("0.9"), max(mids) * Decimal("1.1"), best, ABSURD + apart, doubtful=True)
        return Expected(min(mids), max(mids), best, spread, doubtful=apart > ABSURD)

    def _leg_published(self, pair: str, now: datetime) -> Expected | None:
        local = now + BOGOTA if pair.endswith("COP") else now
        value = self.published.get(pair)
        if value is None or local.date() != CORRUPT_DAY:
            return None
        return Expected(value, value, Rung.LAST_RECORDED, Decimal(0))


def _sane(tape: Tape, moment: datetime) -> tuple[Word, timedelta | None]:
    # The last word that is not absurd, and the age of an absurd one that came after it, when not too old.
    doubt: timedelta | None = None
    for word in tape.until(moment):
        if not word.absurd:
            return word, doubt
        if doubt is None and moment - word.at <= LAST_RECORDED:
            doubt = moment - word.at
    raise AssertionError(f"nothing sane was recorded of {tape.pair} by {moment}")


def _rung(age: timedelta, live_for: timedelta) -> Rung | None:
    if age <= live_for:
        return Rung.LIVE
    if age <= live_for + CACHED:
        return Rung.CACHED
    return Rung.LAST_RECORDED if age <= LAST_RECORDED else None
