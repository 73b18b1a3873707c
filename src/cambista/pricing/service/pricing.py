"""The pricing service: watches the venues, prices wishes in memory, records what it showed, keeps the rate book."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import structlog

from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unavailable
from cambista.kernel.market import PRICE_DIGITS_MAX, Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.time import wire_time
from cambista.pricing import store
from cambista.pricing.errors import ConfiguredPriceInvalid, IntervalUnknown, PeriodInvalid
from cambista.pricing.rules import candles
from cambista.pricing.rules.explain import explain
from cambista.pricing.service.board import Board
from cambista.pricing.service.quoting import Quoting
from cambista.pricing.service.rate_book import RateBook
from cambista.pricing.service.recorder import Recorder
from cambista.pricing.service.signer import Signer
from cambista.pricing.settings import PricingSettings
from cambista.pricing.types import (
    Candle,
    Configured,
    CurrentPrice,
    Explanation,
    Offer,
    OfferRequest,
    Period,
    RateAsked,
    RateRecord,
    Receipt,
    Rung,
)
from cambista.runtime import Action, DatabaseAway, Runtime, state_digest
from cambista.venues import Observation, RateName, ReferenceRate, Venues

CANDLES_MAX = 1_500
_HOUR_S = 3600.0
_log = structlog.get_logger(__name__)


class Pricing:
    """Fair prices, customer prices with signed receipts, history and the rate book.

    `observe` and `offers` touch memory only. One process records (`run`); any may price.
    """

    def __init__(self, runtime: Runtime, settings: PricingSettings, signer: Signer) -> None:
        self._runtime = runtime
        self._settings = settings
        self._signer = signer
        self._board = Board(settings)
        self._rates = RateBook(runtime, settings, self._board)
        self._quoting = Quoting(settings, signer, self._board)
        self._recorder = Recorder(runtime, settings, self._board, self._quoting)

    async def load(self) -> None:
        """Take over last recorded prices, operators' fixed prices and published rates from the database."""
        now = self._runtime.now()
        async with self._runtime.db.read() as reader:
            remembered = await store.list_last_prices(reader)
            configured = await store.list_configured(reader, now)
        self._board.load(remembered, configured, now)
        await self._rates.load()

    def observe(self, observations: Sequence[Observation]) -> None:
        """Take in what venues said. In memory; for every market tick."""
        self._board.observe(observations, self._runtime.now())

    def note_flow(self, pair: Pair, side: Side, base: Amount) -> None:
        """A customer traded `base` on `side`: later prices lean against the flow."""
        self._board.note_flow(pair, side, base, self._runtime.now())

    async def offers(self, requests: Sequence[OfferRequest]) -> list[Offer | Refusal]:
        """One signed offer or refusal for each wish, in order. Pure computation; nothing is stored.

        Refuses with `no_price`, `amount_too_small`, `amount_too_large`, `amount_asset_wrong`, `pair_unknown`.
        """
        now = self._runtime.now()
        answers: list[Offer | Refusal] = []
        for request in requests:
            try:
                answers.append(self._quoting.offer(request, now))
            except Refusal as refusal:
                answers.append(refusal)
        return answers

    async def current(self, pairs: Sequence[Pair] | None = None) -> list[CurrentPrice]:
        """What the public sees: customer bid and ask before size, and the fair price.

        All priced pairs when none is named; a named pair without a price refuses (`no_price`).
        """
        now = self._runtime.now()
        if pairs is not None:
            return [self._quoting.price(pair, now).shown for pair in pairs]
        return [each.shown for each in self._quoting.every(now)]

    async def rungs(self) -> dict[Pair, Rung | None]:
        """The rung each of the house's pairs stands on now; None = no price. For metrics and readiness."""
        now = self._runtime.now()
        markets = {pair: self._board.market(pair, now) for pair in self._quoting.pairs}
        return {pair: None if market is None else market.rung for pair, market in markets.items()}

    async def history(
        self, pair: Pair, interval: str, *, start: datetime, end: datetime, limit: int = CANDLES_MAX
    ) -> list[Candle]:
        """The newest `limit` candles (1..1500) of the fair price that opened in [start, end), oldest first.

        Minutes are kept for a time (settings); hours and days for good. Refuses `interval_unknown`, `period_invalid`.
        """
        if interval not in candles.INTERVALS:
            raise IntervalUnknown(interval=interval[:8])
        if not (start < end and 1 <= limit <= CANDLES_MAX):
            raise PeriodInvalid(start=wire_time(start), end=wire_time(end), limit=limit)
        async with self._runtime.db.read() as reader:
            return await store.list_candles(reader, pair, interval, Period(start, end, limit))

    def explain(self, receipt: Receipt) -> Explanation:
        """Work a stored receipt out again from the evidence inside it and check hash and signature. Never raises."""
        found = explain(receipt.content)
        return Explanation(found.matches, found.differences, found.steps, self._signer.verify(receipt))

    @property
    def public_key_pem(self) -> str:
        """The key that checks the house's receipts."""
        return self._signer.public_pem

    async def set_configured(
        self, pair: Pair, *, bid: Decimal, ask: Decimal, expires_at: datetime, caller: Caller
    ) -> Configured:
        """Set an operator's fixed price, the last rung, until `expires_at` (bounded by the settings); journaled.

        Refuses `configured_price_invalid`, also when the price is far from the last known one.
        """
        caller.require("prices:write", Role.OPERATOR, Role.ADMIN)
        now = self._runtime.now()
        latest = now + timedelta(seconds=float(self._settings.configured_ttl_max_s))
        if not (_positive(bid) and _positive(ask) and bid <= ask) or not now < expires_at <= latest:
            raise ConfiguredPriceInvalid(pair=str(pair), expires_by=wire_time(latest))
        known, band = self._board.last_fair(pair), self._settings.configured_band
        if known is not None and not known / band <= (bid + ask) / 2 <= known * band:
            raise ConfiguredPriceInvalid(
                "The price is far from the last known one.", pair=str(pair), known=f"{known:f}"
            )
        return await self._put_configured(Configured(pair, bid, ask, expires_at, caller.id), caller)

    async def withdraw_configured(self, pair: Pair, *, caller: Caller) -> None:
        """End the pair's fixed price now, if it has one."""
        caller.require("prices:write", Role.OPERATOR, Role.ADMIN)
        async with self._runtime.db.read() as reader:
            standing = await store.list_configured(reader, self._runtime.now())
        for price in standing:
            if price.pair == pair:
                ended = Configured(pair, price.bid, price.ask, self._runtime.now(), caller.id)
                await self._put_configured(ended, caller)

    async def record_rates(self, rates: Sequence[ReferenceRate]) -> list[RateRecord]:
        """Enter publications in the rate book; returns what is new or corrected, with verdicts; repeats are skipped."""
        return await self._rates.record(rates)

    async def rate(
        self, name: RateName, pair: Pair, *, on: date, known_by: datetime | None = None, source: str | None = None
    ) -> RateRecord:
        """The rate in force on `on`, as known by `known_by` (default now), of that name. Refuses `rate_not_known`."""
        return await self._rates.find(RateAsked(name, pair, on, known_by or self._runtime.now(), source))

    def corrections_affecting(self, corrected: ReferenceRate, receipts_of_quotes: Iterable[Receipt]) -> list[str]:
        """Ids of the quotes whose receipts used that source's rate for those days at another value."""
        return self._rates.affected(corrected, receipts_of_quotes)

    async def run(self, venues: Venues) -> None:
        """Load, keep recording and rates going beside, and watch the venues until they end."""
        await self.load()
        tasks = self._runtime.tasks
        for name, work in (
            ("pricing.record", self._record_always),
            ("pricing.rates", lambda: self._rates_always(venues)),
            ("pricing.roll_up", self._roll_up_always),
        ):
            if name not in tasks.running():
                tasks.keep(name, work)
        async for batch in venues.watch():
            self.observe(batch)

    async def tick(self) -> None:
        """Work every pair out anew, sample candles and volatility, record prices, announce changes: one transaction."""
        await self._recorder.tick()

    async def roll_up(self) -> None:
        """Roll finished minutes into hours, hours into days; drop minutes older than the settings keep. Repeatable."""
        await self._recorder.roll_up()

    async def _record_always(self) -> None:
        while True:
            try:
                await self._recorder.tick()
            except DatabaseAway as refusal:
                _log.warning("prices_not_recorded", reason=refusal.code)
            await self._runtime.clock.sleep(float(self._settings.tick_s))

    async def _rates_always(self, venues: Venues) -> None:
        while True:
            try:
                await self.record_rates(await venues.rates())
            except Unavailable as refusal:
                _log.warning("rates_not_recorded", reason=refusal.code)
            await self._runtime.clock.sleep(float(self._settings.rates_every_s))

    async def _roll_up_always(self) -> None:
        while True:
            await self._runtime.clock.sleep(_HOUR_S)
            try:
                await self._recorder.roll_up()
            except DatabaseAway as refusal:
                _log.warning("candles_not_rolled_up", reason=refusal.code)

    async def _put_configured(self, price: Configured, caller: Caller) -> Configured:
        now = self._runtime.now()
        async with self._runtime.db.transaction() as tx:
            await store.insert_configured(tx, price, now)
            facts = {"bid": f"{price.bid:f}", "ask": f"{price.ask:f}", "expires_at": wire_time(price.expires_at)}
            after = state_digest(facts)
            tx.record(Action(caller, "configured_price_set", f"pair:{price.pair}", "done", facts, None, after))
        self._board.put_configured(price)
        return price


def _positive(price: Decimal) -> bool:
    return price.is_finite() and price > 0 and len(price.as_tuple().digits) <= PRICE_DIGITS_MAX
