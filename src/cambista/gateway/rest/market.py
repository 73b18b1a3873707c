"""What the house trades and at which prices: open to anyone."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import Query, Response

from cambista.gateway.errors import TooManyRequests
from cambista.gateway.rest import words
from cambista.gateway.rest.routing import Entered, reply, rest_router, speaks
from cambista.gateway.rest.words import (
    AmountText,
    AssetCode,
    FromQuery,
    OptionalPairQuery,
    PairName,
    PairQuery,
    PriceText,
    TimeText,
    ToQuery,
)
from cambista.kernel.market import Pair
from cambista.kernel.money import AssetKind
from cambista.kernel.registry import ASSETS, PAIRS, PairUnknown, pair_spec
from cambista.kernel.time import TimeInvalid, parse_time, wire_time
from cambista.pricing import Candle, CurrentPrice, IntervalUnknown, NoPrice, PeriodInvalid

router = rest_router("market")
CANDLES_DEFAULT = 500
CANDLES_MAX = 1500
HISTORY_DEFAULT = timedelta(days=1)


class AssetOut(msgspec.Struct):
    """A thing that is owned; `scale` digits after the point."""

    code: AssetCode
    kind: AssetKind
    scale: int


class AssetList(msgspec.Struct):
    """All assets."""

    items: list[AssetOut]


class PairOut(msgspec.Struct):
    """How a pair trades: `tick` is the price step, `lot` the step of an order's base amount; `minimum` and `maximum`
    bound the base amount of one quote or order."""

    pair: PairName
    base: AssetCode
    quote: AssetCode
    tick: PriceText
    lot: AmountText
    minimum: AmountText
    maximum: AmountText
    enabled: bool


class PairList(msgspec.Struct):
    """All pairs."""

    items: list[PairOut]


class PriceOut(msgspec.Struct):
    """What the house pays (`bid`) and asks (`ask`) before size, the fair price, and on which rung that stands."""

    pair: PairName
    bid: PriceText
    ask: PriceText
    mid: PriceText
    rung: str
    observed_at: TimeText
    sources: list[str]


class PriceList(msgspec.Struct):
    """Current prices."""

    items: list[PriceOut]


class CandleOut(msgspec.Struct):
    """The fair price over one interval."""

    opened_at: TimeText
    open: PriceText
    high: PriceText
    low: PriceText
    close: PriceText
    samples: int


class CandleList(msgspec.Struct):
    """The newest candles of the time asked for, oldest first."""

    pair: PairName
    interval: str
    items: list[CandleOut]


def show_price(price: CurrentPrice) -> PriceOut:
    return PriceOut(
        str(price.pair),
        f"{price.bid:f}",
        f"{price.ask:f}",
        f"{price.mid:f}",
        price.rung.value,
        wire_time(price.observed_at),
        list(price.sources),
    )


def show_candle(candle: Candle) -> CandleOut:
    return CandleOut(
        wire_time(candle.opened_at),
        f"{candle.open:f}",
        f"{candle.high:f}",
        f"{candle.low:f}",
        f"{candle.close:f}",
        candle.samples,
    )


_ASSET = {"code": "USDT", "kind": "crypto", "scale": 6}


@router.get("/assets", **speaks(AssetList, {"items": [_ASSET]}, public=True))
async def list_assets() -> Response:
    """The assets the house knows."""
    return reply(AssetList([AssetOut(each.code, each.kind, each.scale) for each in ASSETS.values()]))


_PAIR: dict[str, Any] = {
    "pair": "USDT/COP", "base": "USDT", "quote": "COP", "tick": "0.01", "lot": "0.010000", "minimum": "1.000000",
    "maximum": "250000.000000", "enabled": True,
}  # fmt: skip


@router.get("/pairs", **speaks(PairList, {"items": [_PAIR]}, public=True))
async def list_pairs() -> Response:
    """The pairs the house knows, and how each trades."""
    pairs = [
        PairOut(
            str(spec.pair),
            spec.pair.base.code,
            spec.pair.quote.code,
            f"{spec.tick:f}",
            spec.lot.text,
            spec.minimum.text,
            spec.maximum.text,
            spec.enabled,
        )
        for spec in PAIRS.values()
    ]
    return reply(PairList(pairs))


_PRICE = {
    "pair": "USDT/COP", "bid": "3986.10", "ask": "4012.35", "mid": "3999.21", "rung": "live",
    "observed_at": words.MOMENT, "sources": ["paper"],
}  # fmt: skip


@router.get(
    "/prices/current",
    **speaks(PriceList, {"items": [_PRICE]}, public=True, refuses=(PairUnknown, NoPrice, TooManyRequests)),
)
async def current_prices(passage: Entered, pair: OptionalPairQuery = None) -> Response:
    """Bid, ask and fair price now: of one pair, or of all that have a price."""
    pairs: list[Pair] | None = None if pair is None else [pair_spec(pair).pair]
    return reply(PriceList([show_price(price) for price in await passage.doors.pricing.current(pairs)]))


_CANDLE = {
    "opened_at": words.MOMENT, "open": "3998.10", "high": "4001.55", "low": "3997.02", "close": "3999.21",
    "samples": 60,
}  # fmt: skip
_HISTORY = {"pair": "USDT/COP", "interval": "1m", "items": [_CANDLE]}


@router.get(
    "/prices/history",
    **speaks(
        CandleList,
        _HISTORY,
        public=True,
        refuses=(PairUnknown, IntervalUnknown, PeriodInvalid, TimeInvalid, TooManyRequests),
    ),
)
async def price_history(
    passage: Entered,
    *,
    pair: PairQuery,
    interval: Annotated[str, Query(max_length=8, json_schema_extra={"enum": ["1m", "5m", "15m", "1h", "1d"]})] = "1m",
    since: FromQuery = None,
    until: ToQuery = None,
    limit: Annotated[int, Query(ge=1, le=CANDLES_MAX)] = CANDLES_DEFAULT,
) -> Response:
    """OHLC candles of the fair price that opened from `from` up to `to`; the newest `limit` of them."""
    asked = pair_spec(pair).pair
    end = passage.doors.runtime.now() if until is None else parse_time(until)
    start = _before(end) if since is None else parse_time(since)
    found = await passage.doors.pricing.history(asked, interval, start=start, end=end, limit=limit)
    return reply(CandleList(str(asked), interval, [show_candle(candle) for candle in found]))


def _before(end: datetime) -> datetime:
    try:
        return end - HISTORY_DEFAULT
    except OverflowError:
        raise TimeInvalid(value=end.isoformat()) from None
