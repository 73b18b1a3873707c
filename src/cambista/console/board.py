"""Reads the house once a second for all open desks together; asleep while nobody looks."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

import structlog

from cambista.console.doors import ConsoleDoors
from cambista.console.exposure import tills, usd_rates
from cambista.console.snapshot import PriceLine, Snapshot, Tick
from cambista.kernel.errors import Refusal
from cambista.kernel.registry import PAIRS
from cambista.ledger import AccountKind, TrialBalance
from cambista.pricing import Candle, CurrentPrice

REFRESH_S = 1.0
FRESH_S = 2.0
ROWS = 14
TICKS_MAX = 240
TRAIL = 60
TRAIL_ENOUGH = 15
TRAILS_EVERY_S = 60.0
CANDLES = 90
CANDLES_EVERY_S = 5.0
BOOKS_EVERY_S = 5.0
# The trial balance adds up every account: with many of them it is asked for less often, to take 2 % of a core at most.
BOOKS_REST = 50
INTERVALS = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
_log = structlog.get_logger(__name__)


class Watcher(Protocol):
    """An open desk; `chart` is the pair and interval it draws."""

    @property
    def chart(self) -> tuple[str, str]: ...

    def show(self, snapshot: Snapshot) -> None:
        """Show what is new; must not wait and must not raise."""


class Board:
    """The latest snapshot; for charts, candles and ticks. What a refresh costs does not depend on how many watch."""

    def __init__(self, doors: ConsoleDoors) -> None:
        self._doors = doors
        self._clock = doors.runtime.clock
        self._watchers: set[Watcher] = set()
        self._watched = asyncio.Event()
        self._turn = asyncio.Lock()
        self._refreshed_at = float("-inf")
        self._ticks: dict[str, deque[Tick]] = {}
        self._moves: dict[str, int] = {}
        self._hours: dict[str, Sequence[Decimal]] = {}
        self._hours_due = float("-inf")
        self._books_due = float("-inf")
        self._candles: dict[tuple[str, str], tuple[float, Sequence[Candle]]] = {}
        self.snapshot = Snapshot(doors.runtime.now(), doors.runtime.branch)

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` shown every new snapshot until `leave`."""
        self._watchers.add(watcher)
        self._watched.set()

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers:
            self._watched.clear()

    async def run(self) -> None:
        """Refresh for as long as somebody watches; keep it as a task."""
        while True:
            await self._watched.wait()
            await self.refresh()
            for chart in {watcher.chart for watcher in self._watchers}:
                await self.draw(*chart)
            for watcher in tuple(self._watchers):
                watcher.show(self.snapshot)
            await self._clock.sleep(REFRESH_S)

    async def fresh(self) -> Snapshot:
        """A snapshot at most two seconds old."""
        if self._clock.monotonic() - self._refreshed_at > FRESH_S:
            await self.refresh()
        return self.snapshot

    async def refresh(self) -> None:
        """Read everything once. What cannot be read stays as it was, marked stale."""
        async with self._turn:
            before = self.snapshot
            try:
                self.snapshot = await self._read(before)
            except Refusal as refusal:
                _log.warning("console_stale", code=refusal.code)
                self.snapshot = replace(
                    before, at=self._doors.runtime.now(), stale_since=before.stale_since or before.at
                )
            self._refreshed_at = self._clock.monotonic()

    def ticks(self, pair: str) -> Sequence[Tick]:
        """The prices seen while somebody watched, a second apart, the newest last."""
        return tuple(self._ticks.get(pair, ()))

    def candles(self, pair: str, interval: str) -> Sequence[Candle]:
        """The pair's newest candles as last read; empty before `draw` or a refresh has read them."""
        return self._candles.get((pair, interval), (0.0, ()))[1]

    async def draw(self, pair: str, interval: str) -> None:
        """Read the chart's candles, at most every five seconds whoever asks; what cannot be read stays as it was."""
        now, width = self._clock.monotonic(), INTERVALS.get(interval)
        known = self._candles.get((pair, interval))
        if width is None or (known is not None and now - known[0] < CANDLES_EVERY_S):
            return
        end = self._doors.runtime.now() + timedelta(seconds=1)
        with suppress(Refusal):
            found = await self._doors.pricing.history(
                PAIRS[pair].pair, interval, start=end - width * CANDLES, end=end, limit=CANDLES
            )
            self._candles[pair, interval] = (now, found)

    async def _read(self, before: Snapshot) -> Snapshot:
        doors = self._doors
        now = doors.runtime.now()
        prices = await doors.pricing.current(None)
        await self._read_trails(now)
        self._note(prices, now)
        # Quotes before trades: a trade read later shows that its quote is taken.
        quotes = await doors.trading.quotes(None, limit=ROWS)
        trades = await doors.trading.trades(None, limit=ROWS * 10)
        balances = await doors.ledger.balances_of(AccountKind.TILL)
        return Snapshot(
            at=now,
            branch=doors.runtime.branch,
            prices=tuple(self._line(price) for price in prices),
            trades=trades,
            quotes=quotes,
            tills=tills(balances, usd_rates(prices), doors.till_targets),
            day=await doors.analytics.today(),
            books=await self._read_books(before.books),
            venues=doors.venues.health(),
        )

    async def _read_books(self, known: TrialBalance | None) -> TrialBalance | None:
        started = self._clock.monotonic()
        if started < self._books_due:
            return known
        found = await self._doors.ledger.trial_balance()
        ended = self._clock.monotonic()
        self._books_due = ended + max(BOOKS_EVERY_S, BOOKS_REST * (ended - started))
        return found

    async def _read_trails(self, now: datetime) -> None:
        if self._clock.monotonic() < self._hours_due:
            return
        for name, spec in PAIRS.items():
            hour = await self._doors.pricing.history(
                spec.pair, "1m", start=now - timedelta(minutes=TRAIL), end=now, limit=TRAIL
            )
            self._hours[name] = [candle.close for candle in hour]
        self._hours_due = self._clock.monotonic() + TRAILS_EVERY_S

    def _note(self, prices: Sequence[CurrentPrice], now: datetime) -> None:
        for each in prices:
            ticks = self._ticks.setdefault(str(each.pair), deque(maxlen=TICKS_MAX))
            if ticks and each.mid != ticks[-1].mid:
                self._moves[str(each.pair)] = 1 if each.mid > ticks[-1].mid else -1
            ticks.append(Tick(now, each.bid, each.ask, each.mid))

    def _line(self, price: CurrentPrice) -> PriceLine:
        name = str(price.pair)
        hour = self._hours.get(name, ())
        trail = [*hour, price.mid] if len(hour) >= TRAIL_ENOUGH else [tick.mid for tick in self._ticks[name]]
        return PriceLine(price, trail, self._moves.get(name, 0))
