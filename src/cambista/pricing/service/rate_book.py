"""The rate book at work: judges publications against what is known, appends them, answers as of any moment."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import structlog

from cambista.pricing import store
from cambista.pricing.errors import RateNotKnown
from cambista.pricing.rules import rate_book
from cambista.pricing.service.board import Board
from cambista.pricing.settings import PricingSettings
from cambista.pricing.types import RateAsked, RateRecord, RateVerdict, Receipt
from cambista.runtime import Runtime
from cambista.venues import ReferenceRate

_CHUNK = 1_000
_log = structlog.get_logger(__name__)


class RateBook:
    """Bitemporal and append-only: what was in force on a day, and what of it was known at a moment."""

    def __init__(self, runtime: Runtime, settings: PricingSettings, board: Board) -> None:
        self._runtime = runtime
        self._settings = settings
        self._board = board

    async def load(self) -> None:
        """Bring rates in force about now to the price board."""
        today = self._runtime.now().date()
        async with self._runtime.db.read() as reader:
            records = await store.list_rates_in_force(
                reader, start=today - timedelta(days=2), end=today + timedelta(days=7)
            )
        self._to_board(records)

    async def record(self, rates: Sequence[ReferenceRate]) -> list[RateRecord]:
        """Enter what is new or corrected, each with its verdict; a chunk is one transaction."""
        ordered = sorted(rates, key=lambda rate: (rate.valid_from, rate.source, rate.known_at))
        entered: list[RateRecord] = []
        for start in range(0, len(ordered), _CHUNK):
            entered += await self._record(ordered[start : start + _CHUNK])
        return entered

    async def find(self, asked: RateAsked) -> RateRecord:
        """The rate in force on a day as known by a moment; refuses `rate_not_known`."""
        async with self._runtime.db.read() as reader:
            record = await store.find_rate(reader, asked)
        if record is None:
            raise RateNotKnown(rate=asked.name.value, pair=str(asked.pair), on=asked.on.isoformat())
        return record

    def affected(self, corrected: ReferenceRate, receipts: Iterable[Receipt]) -> list[str]:
        """Quote ids a correction would have changed."""
        return rate_book.affected_receipts(corrected, receipts)

    async def _record(self, rates: Sequence[ReferenceRate]) -> list[RateRecord]:
        if not rates:
            return []
        now = self._runtime.now()
        pairs = sorted({rate.pair for rate in rates}, key=str)
        async with self._runtime.db.transaction() as tx:
            known = await store.list_rates(
                tx, pairs, start=rates[0].valid_from - rate_book.WITNESS_FOR, end=rates[-1].valid_from
            )
            entered = rate_book.judge_publications(
                rates, known, absurd_factor=self._settings.absurd_factor, stuck_after=self._settings.stuck_after
            )
            await store.insert_rates(tx, entered, now)
        for record in entered:
            if record.verdict is not RateVerdict.ACCEPTED:
                rate = record.rate
                _log.warning(
                    "rate_doubted", verdict=record.verdict.value, source=rate.source, pair=str(rate.pair),
                    value=f"{rate.value:f}", valid_from=rate.valid_from.isoformat(),
                )  # fmt: skip
        self._to_board(entered)
        return entered

    def _to_board(self, records: Iterable[RateRecord]) -> None:
        self._board.set_rates([record.rate for record in records if record.verdict is RateVerdict.ACCEPTED])
