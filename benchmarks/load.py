"""A lean HTTP/1.1 load generator: prepared requests, one at a time a connection, hardly any parsing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit


@dataclass(slots=True)
class Outcome:
    """What came back: latencies in seconds, 2xx answers with their request's number (when kept), counts by status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    bodies: list[tuple[int, bytes]] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


class _Connection(asyncio.Protocol):
    def __init__(self, next_request: Callable[[], tuple[int, bytes] | None], outcome: Outcome, *, keep: bool) -> None:
        self._next, self._outcome, self._keep = next_request, outcome, keep
        self._buffer = b""
        self._began = 0.0
        self._number = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.find(b"content-length: ", 0, head)
        length = int(self._buffer[at + 16 : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) < head + 4 + length:
            return
        status = int(self._buffer[9:12])
        outcome = self._outcome
        outcome.latencies.append(time.perf_counter() - self._began)
        outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
        if self._keep and status < 300:
            outcome.bodies.append((self._number, self._buffer[head + 4 :]))
        self._buffer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError())

    def _send(self) -> None:
        request = self._next()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._number, content = request
        self._began = time.perf_counter()
        self._transport.write(content)


def post(path: str, body: bytes, **headers: str) -> bytes:
    """One prepared POST."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{lines}content-length: {len(body)}"
    )
    return head.encode() + b"\r\n\r\n" + body


async def run(
    url: str, requests: list[bytes], *, connections: int, seconds: float | None = None, keep: bool = False
) -> Outcome:
    """Send the requests over that many connections, until they or the seconds run out."""
    outcome = Outcome()
    waiting = iter(enumerate(requests))
    ends = time.perf_counter() + seconds if seconds else float("inf")
    split = urlsplit(url)

    def take() -> tuple[int, bytes] | None:
        return next(waiting, None) if time.perf_counter() < ends else None

    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = await asyncio.gather(
        *(
            loop.create_connection(
                lambda: _Connection(take, outcome, keep=keep), str(split.hostname), int(split.port or 80)
            )
            for _ in range(connections)
        )
    )
    await asyncio.gather(*(protocol.done for _, protocol in made))
    outcome.seconds = time.perf_counter() - began
    return outcome
