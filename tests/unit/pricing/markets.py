"""Markets made by hand for pricing's tests: observations, a service in memory, wishes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast
from uuid import UUID

from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, QuoteId
from cambista.kernel.market import Level, Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import BTC, COP, EUR, USD, USDT, VES
from cambista.pricing import Offer, OfferRequest, Pricing, PricingSettings, Signer
from cambista.runtime import Runtime
from cambista.venues import Observation, RateName, ReferenceRate, SourceKind

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
USDT_COP, USDT_VES, USDT_USD = Pair(USDT, COP), Pair(USDT, VES), Pair(USDT, USD)
BTC_USDT, BTC_COP, USD_COP, EUR_USD, EUR_COP = (
    Pair(BTC, USDT),
    Pair(BTC, COP),
    Pair(USD, COP),
    Pair(EUR, USD),
    Pair(EUR, COP),
)


class HandClock:
    """Stands still until moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class World:
    """A pricing service without a database, and the hand on its clock."""

    def __init__(
        self, settings: PricingSettings | None = None, *, now: datetime = NOW, clock: HandClock | None = None
    ) -> None:
        self.clock = clock or HandClock(now)
        self.signer = Signer.from_seed(b"pricing tests, never of a house.")
        # `offers` and `current` may touch nothing but the clock: with this runtime anything else would fail.
        self.pricing = Pricing(cast(Runtime, self.clock), settings or PricingSettings(), self.signer)

    def observe(self, *observations: Observation) -> None:
        self.pricing.observe(observations)

    async def ask(self, pair: Pair, side: Side, amount: Amount, **state: str) -> Offer:
        answer = await self.answer(pair, side, amount, **state)
        assert isinstance(answer, Offer), answer
        return answer

    async def answer(self, pair: Pair, side: Side, amount: Amount, **state: str) -> Offer | Refusal:
        return (await self.pricing.offers([wish(pair, side, amount, state=state)]))[0]


def book(
    pair: Pair,
    bid: str | Decimal | None,
    ask: str | Decimal | None,
    *,
    source: str = "venue",
    size: str = "5000",
    at: datetime = NOW,
) -> Observation:
    return _seen(pair, bid, ask, (SourceKind.FIRM_BOOK, RateName.MARKET), source=source, size=size, at=at)


def ads(
    pair: Pair,
    bid: str | Decimal | None,
    ask: str | Decimal | None,
    *,
    source: str = "p2p",
    size: str = "5000",
    at: datetime = NOW,
) -> Observation:
    return _seen(pair, bid, ask, (SourceKind.P2P_ADS, RateName.P2P), source=source, size=size, at=at)


def _seen(
    pair: Pair,
    bid: str | Decimal | None,
    ask: str | Decimal | None,
    sort: tuple[SourceKind, RateName],
    *,
    source: str,
    size: str,
    at: datetime,
) -> Observation:
    def side(price: str | Decimal | None) -> list[Level]:
        return [] if price is None else [Level(Decimal(price), Decimal(size))]

    return Observation(source, *sort, pair, side(bid), side(ask), at, at)


def published(
    pair: Pair,
    value: str,
    *,
    source: str = "publisher",
    name: RateName = RateName.OFFICIAL,
    at: datetime = NOW,
    days: int = 1,
) -> ReferenceRate:
    day = at.date()
    return ReferenceRate(source, name, pair, Decimal(value), day, day + timedelta(days=days - 1), at)


def market_of_the_day(at: datetime = NOW) -> Iterable[Observation]:
    """Three books of dollars and bitcoin, ads for pesos: enough for every cross."""
    yield book(USDT_USD, "0.9996", "0.9998", source="kraken", size="900000", at=at)
    yield ads(USDT_COP, "3360", "3372", at=at)
    yield book(BTC_USDT, "83000", "83001", source="binance", size="3", at=at)


def wish(
    pair: Pair, side: Side, amount: Amount, *, number: int = 1, state: Mapping[str, str] | None = None
) -> OfferRequest:
    return OfferRequest(
        quote_id=QuoteId(UUID(int=number)),
        customer_id=CustomerId(UUID(int=7)),
        pair=pair,
        side=side,
        amount=amount,
        **{name: Decimal(value) for name, value in (state or {}).items()},
    )
