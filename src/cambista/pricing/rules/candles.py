"""One-minute candles of the fair price, gathered in memory between two writes."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from cambista.kernel.market import Pair
from cambista.pricing.types import Candle

INTERVALS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400}


def minute_of(moment: datetime) -> datetime:
    """The start of the moment's minute."""
    return moment.replace(second=0, microsecond=0)


def add_sample(gathered: dict[tuple[Pair, datetime], Candle], pair: Pair, price: Decimal, at: datetime) -> None:
    """Put one fair price into its minute's candle."""
    key = (pair, minute_of(at))
    before = gathered.get(key)
    gathered[key] = (
        Candle(pair, key[1], price, price, price, price, 1)
        if before is None
        else Candle(
            pair,
            key[1],
            before.open,
            max(before.high, price),
            min(before.low, price),
            price,
            before.samples + 1,
        )
    )


def merge(earlier: Candle, later: Candle) -> Candle:
    """Two parts of one candle, in order."""
    assert (earlier.pair, earlier.opened_at) == (later.pair, later.opened_at)
    return Candle(
        earlier.pair,
        earlier.opened_at,
        earlier.open,
        max(earlier.high, later.high),
        min(earlier.low, later.low),
        later.close,
        earlier.samples + later.samples,
    )


def put_back(gathered: dict[tuple[Pair, datetime], Candle], parts: Iterable[Candle]) -> None:
    """Return parts that could not be written; they are older than what was gathered meanwhile."""
    for part in parts:
        key = (part.pair, part.opened_at)
        later = gathered.get(key)
        gathered[key] = part if later is None else merge(part, later)
