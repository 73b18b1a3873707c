"""Public prices of any exchange ccxt knows: order books in turn, their numbers taken as text, never as floats."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

from cambista.kernel.market import Pair
from cambista.runtime import Clock
from cambista.venues.errors import ExchangeUnknown, ExtraMissing
from cambista.venues.rules import NUMBER_LENGTH_MAX, levels_of
from cambista.venues.types import Observation, RateName, SourceKind

DEPTH = 20
POLL_S = 5.0
TIMEOUT_S = 10.0
FAILURES_MAX = 5
_EPOCH_MS_MAX = 4_102_444_800_000
_ZERO = Decimal(0)
# Only spot markets are loaded: an exchange's futures lists are long and of no use here.
DEFAULTS: Mapping[str, object] = {
    "enableRateLimit": True,
    "timeout": int(TIMEOUT_S * 1000),
    "options": {"defaultType": "spot", "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}},
}


def library() -> ModuleType:
    """ccxt, asynchronous; refuses `extra_missing`."""
    try:
        return importlib.import_module("ccxt.async_support")
    except ImportError as error:
        raise ExtraMissing("Install the extra: cambista[exchanges].", extra="exchanges") from error


class CcxtExchange:
    """One exchange's books of `pairs`, asked every `poll_s` with ccxt's own rate limit on; no orders, no keys.

    `options` are given to the ccxt exchange as they are (`urls`, `options`, `hostname` …). Refuses an exchange ccxt
    does not know (`exchange_unknown`) and a missing extra (`extra_missing`). A pair the exchange lacks is left out;
    five failed rounds in a row raise.
    """

    def __init__(
        self,
        exchange: str,
        pairs: Collection[Pair],
        *,
        clock: Clock,
        poll_s: float = POLL_S,
        options: Mapping[str, object] | None = None,
    ) -> None:
        ccxt = library()
        if exchange not in ccxt.exchanges:
            raise ExchangeUnknown(exchange=exchange[:40])
        self._kind: Any = getattr(ccxt, exchange)
        self._exchange = exchange
        self._pairs = frozenset(pairs)
        self._clock = clock
        self._poll_s = poll_s
        self._options = dict(options or {})

    @property
    def name(self) -> str:
        return f"ccxt:{self._exchange}"

    @property
    def pairs(self) -> frozenset[Pair]:
        return self._pairs

    async def observations(self) -> AsyncIterator[Sequence[Observation]]:
        client = self._client()
        try:
            async with asyncio.timeout(TIMEOUT_S * 3):
                await client.load_markets()
            listed = [pair for pair in sorted(self._pairs, key=str) if str(pair) in client.markets]
            failures = 0
            while listed:
                found = await self._round(client, listed)
                failures = 0 if found else failures + 1
                if failures >= FAILURES_MAX:
                    raise ConnectionError(f"{self.name} gave no book in {failures} rounds")
                if found:
                    yield found
                await self._clock.sleep(self._poll_s)
        finally:
            await client.close()

    def _client(self) -> Any:
        client = self._kind(dict(DEFAULTS) | self._options)

        # ccxt turns a book's numbers into floats here; the exchange's own text is what we keep.
        def as_text(row: object, price: object = 0, quantity: object = 1, _count: object = 2) -> list[object]:
            return [_number(client.safe_string(row, price)), _number(client.safe_string(row, quantity))]

        client.parse_order_book_bid_ask = as_text
        return client

    async def _round(self, client: Any, pairs: Sequence[Pair]) -> list[Observation]:
        found = []
        for pair in pairs:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    book = await client.fetch_order_book(str(pair), DEPTH)
            except Exception:  # noqa: S112 - ccxt raises as many kinds as exchanges fail; health shows it  # nosec B112
                continue
            observation = self._observation(pair, book)
            if observation is not None:
                found.append(observation)
        return found

    def _observation(self, pair: Pair, book: Mapping[str, Any]) -> Observation | None:
        sides = [levels_of([_texts(row) for row in book[side][:DEPTH]]) for side in ("bids", "asks")]
        bids, asks = sides
        if bids is None or asks is None or not (bids or asks):
            return None
        received = self._clock.now()
        return Observation(
            self.name, SourceKind.FIRM_BOOK, RateName.MARKET, pair, bids, asks, _moment(book, received), received
        )


def _number(text: str | None) -> Decimal:
    # ccxt sorts by these, so they must be numbers; what is none, or 1e999999, sorts as zero and is refused later.
    try:
        number = Decimal((text or "0")[:NUMBER_LENGTH_MAX])
    except ArithmeticError:
        return _ZERO
    return number if number.is_finite() and abs(number.adjusted()) < NUMBER_LENGTH_MAX else _ZERO


def _texts(row: Sequence[object]) -> list[object]:
    return [f"{value:f}" if isinstance(value, Decimal) else value for value in row[:2]]


def _moment(book: Mapping[str, Any], received: datetime) -> datetime:
    stamp = book.get("timestamp")
    if not isinstance(stamp, int) or not 0 < stamp < _EPOCH_MS_MAX:
        return received
    return min(datetime.fromtimestamp(stamp / 1000, UTC), received)
