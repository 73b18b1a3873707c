"""Recorder: writes down what was priced (last prices, candles) and announces what changed, once a tick."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from cambista.kernel.market import Pair
from cambista.pricing import store
from cambista.pricing.events import PriceGapFound, PriceUpdated
from cambista.pricing.rules import candles
from cambista.pricing.rules.decimals import gap_bps
from cambista.pricing.service.board import Board
from cambista.pricing.service.quoting import Priced, Quoting
from cambista.pricing.settings import PricingSettings
from cambista.pricing.types import Candle, CurrentPrice, Rung
from cambista.runtime import Runtime

_GAP_EVERY = timedelta(minutes=1)
_ANNOUNCE_EVERY = timedelta(seconds=1)
_ROLL_AFTER = timedelta(hours=2)
GATHERED_MAX = 20_000
_log = structlog.get_logger(__name__)


class Recorder:
    """Deterministic under a given clock; a tick that cannot be written is written with the next one."""

    def __init__(self, runtime: Runtime, settings: PricingSettings, board: Board, quoting: Quoting) -> None:
        self._runtime = runtime
        self._settings = settings
        self._board = board
        self._quoting = quoting
        self._candles: dict[tuple[Pair, datetime], Candle] = {}
        self._announced: dict[Pair, tuple[datetime, CurrentPrice]] = {}
        self._gaps: dict[Pair, datetime] = {}
        self._reloaded_at: datetime | None = None

    async def tick(self) -> None:
        """Sample, record, announce."""
        now = self._runtime.now()
        priced = list(self._quoting.every(now))
        for each in priced:
            if each.framed.market.rung is Rung.LIVE:
                candles.add_sample(self._candles, each.framed.market.pair, each.framed.market.fair, now)
                self._board.note_price(each.framed.market)
        await self._write(self._changed(priced, now), self._gaps_of(priced, now), now)
        await self._reload(now)

    async def roll_up(self) -> None:
        """Minutes into hours, hours into days; old minutes dropped."""
        now = self._runtime.now()
        async with self._runtime.db.transaction() as tx:
            await store.insert_rolled(tx, width="1h", finer="1m", before=now - _ROLL_AFTER)
            await store.insert_rolled(tx, width="1d", finer="1h", before=now - _ROLL_AFTER)
            await store.delete_minutes(tx, now - timedelta(days=self._settings.minutes_kept_days))

    async def _write(self, news: Sequence[CurrentPrice], gaps: Sequence[PriceGapFound], now: datetime) -> None:
        prices = self._board.take_unrecorded()
        parts, self._candles = list(self._candles.values()), {}
        if not (prices or parts or news or gaps):
            return
        try:
            async with self._runtime.db.transaction() as tx:
                await store.upsert_last_prices(tx, prices, now)
                await store.upsert_candles(tx, parts)
                tx.emit(*(_updated(price) for price in news), *gaps)
        except BaseException:
            self._board.put_back_unrecorded(prices)
            candles.put_back(self._candles, parts[-GATHERED_MAX:])
            raise
        self._announced.update((price.pair, (now, price)) for price in news)
        self._gaps.update((price, now) for price in self._pairs_of(gaps))

    def _pairs_of(self, gaps: Sequence[PriceGapFound]) -> list[Pair]:
        names = {gap.pair for gap in gaps}
        return [pair for pair in self._quoting.pairs if str(pair) in names]

    def _changed(self, priced: Sequence[Priced], now: datetime) -> list[CurrentPrice]:
        return [each.shown for each in priced if self._is_news(each.shown, now)]

    def _is_news(self, shown: CurrentPrice, now: datetime) -> bool:
        if shown.pair not in self._announced:
            return True
        at, before = self._announced[shown.pair]
        if _lately(at, now, _ANNOUNCE_EVERY):
            return False
        least = self._settings.announce_bps
        return (
            shown.rung is not before.rung
            or gap_bps(before.bid, shown.bid) >= least
            or gap_bps(before.ask, shown.ask) >= least
        )

    def _gaps_of(self, priced: Sequence[Priced], now: datetime) -> list[PriceGapFound]:
        found = []
        for market in (each.framed.market for each in priced):
            if market.alternative is None or market.gap_bps <= self._settings.gap_max_bps:
                continue
            last = self._gaps.get(market.pair)
            if last is not None and _lately(last, now, _GAP_EVERY):
                continue
            _log.warning("price_gap", pair=str(market.pair), path=market.path, gap_bps=str(market.gap_bps))
            found.append(
                PriceGapFound(
                    pair=str(market.pair),
                    used_path=market.path,
                    used=market.fair,
                    other_path=market.alternative.path,
                    other=market.alternative.fair,
                    gap_bps=market.gap_bps,
                    found_at=now,
                )
            )
        return found

    async def _reload(self, now: datetime) -> None:
        # Another process may have set or withdrawn an operator's price.
        due = timedelta(seconds=float(self._settings.reload_s))
        if self._reloaded_at is not None and _lately(self._reloaded_at, now, due):
            return
        async with self._runtime.db.read() as reader:
            self._board.set_configured(await store.list_configured(reader, now))
        self._reloaded_at = now


def _lately(moment: datetime, now: datetime, within: timedelta) -> bool:
    # What lies ahead was done before the clock was set back; it must not silence the recorder until then.
    return timedelta(0) <= now - moment < within


def _updated(price: CurrentPrice) -> PriceUpdated:
    return PriceUpdated(
        pair=str(price.pair),
        bid=price.bid,
        ask=price.ask,
        mid=price.mid,
        rung=price.rung.value,
        observed_at=price.observed_at,
    )
