"""More than the house can do: trades offered at a fixed rate, whatever comes back; who is served, and how soon not."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import cast
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks import load
from benchmarks.trades import TRADES

CONNECTIONS = 3_000
TICK_S = 0.002
_PRICES = {"buy": "90000", "sell": "5"}


@dataclass(slots=True)
class Offered:
    """What became of requests sent at their appointed times: seconds from then to the answer, by kind."""

    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    other: dict[int, int] = field(default_factory=dict)
    unsent: int = 0
    began: float = 0.0
    ended: float = 0.0
    last_refusal: float = 0.0

    @property
    def served_rate(self) -> float:
        return len(self.served) / (self.ended - self.began)

    @property
    def unanswered(self) -> int:
        """Those for which no connection was free, and those with another answer than yes or no."""
        return self.unsent + sum(self.other.values())

    @property
    def answered(self) -> int:
        return len(self.served) + len(self.refused) + self.unanswered

    @property
    def seconds_to_last_refusal(self) -> float:
        return max(0.0, self.last_refusal - self.began)

    @property
    def refused_share(self) -> float:
        return len(self.refused) / max(1, len(self.refused) + len(self.served))

    def note(self, status: int, appointed: float) -> None:
        now = time.perf_counter()
        if status == 201:
            self.served.append(now - appointed)
        elif status in (429, 503):
            self.refused.append(now - appointed)
            self.last_refusal = now
        else:
            self.other[status] = self.other.get(status, 0) + 1


def percentile_ms(seconds: list[float], share: float) -> float:
    """0 where there is nothing."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3 if ordered else 0.0


def direct_trades(keys: list[str]) -> Iterator[bytes]:
    """Trades without a quote, buying and selling in turn, so that no till runs dry."""
    for key, number in zip(cycle(keys), count(), strict=False):
        side = ("buy", "sell")[number // len(keys) % 2]
        asked = {"asset": "USDT", "fiat": "COP", "side": side, "amount": "5", "price": _PRICES[side]}
        yield load.post(TRADES, json.dumps(asked).encode(), x_api_key=key, idempotency_key=str(uuid4()))


class _Line(asyncio.Protocol):
    """A connection that is free again once it has been answered."""

    def __init__(self, free: list["_Line"]) -> None:
        self._free = free
        self._buffer = b""
        self._appointed = 0.0
        self._offered = Offered()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._free.append(self)

    def send(self, content: bytes, appointed: float, offered: Offered) -> None:
        self._appointed, self._offered = appointed, offered
        self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        at = self._buffer.find(b"content-length: ", 0, head)
        if head < 0 or len(self._buffer) < head + 4 + int(self._buffer[at + 16 : self._buffer.find(b"\r\n", at)]):
            return
        self._offered.note(int(self._buffer[9:12]), self._appointed)
        self._buffer = b""
        self._free.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        """One the house has let go, as it may a quiet one, is not used again."""
        if self in self._free:
            self._free.remove(self)

    def close(self) -> None:
        self._transport.close()


class Crowd:
    """Connections of clients who do not wait for each other."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._host, self._port = str(split.hostname), int(split.port or 80)
        self._free: list[_Line] = []
        self._all: list[_Line] = []

    async def open(self, connections: int) -> None:
        """Have that many connections."""
        loop = asyncio.get_running_loop()
        while len(self._free) < connections:
            few = min(100, connections - len(self._free))
            made = [loop.create_connection(lambda: _Line(self._free), self._host, self._port) for _ in range(few)]
            self._all += [line for _, line in await asyncio.gather(*made)]

    async def offer(self, requests: Iterator[bytes], *, rate: float, seconds: float) -> Offered:
        """Send at that rate for that long and wait for the answers."""
        ready = [next(requests) for _ in range(int(rate * seconds))]
        offered = Offered(began=time.perf_counter())
        sent = 0
        while sent < len(ready):
            await asyncio.sleep(TICK_S)
            due = min(len(ready), int((time.perf_counter() - offered.began) * rate))
            for number in range(sent, due):
                if self._free:
                    self._free.pop().send(ready[number], offered.began + number / rate, offered)
                else:
                    offered.unsent += 1
            sent = due
        offered.ended = time.perf_counter()
        while offered.answered < len(ready) and time.perf_counter() < offered.ended + 20:
            await asyncio.sleep(TICK_S)
        return offered

    def close(self) -> None:
        for each in self._all:
            each.close()


async def capacity(url: str, requests: Iterator[bytes], number: int) -> float:
    """Direct trades a second with 256 clients who wait for their answers."""
    outcome = await load.run(url, [next(requests) for _ in range(number)], connections=256)
    assert set(outcome.statuses) == {201}, outcome.statuses
    return outcome.rate
