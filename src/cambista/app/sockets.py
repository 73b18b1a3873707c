"""The server's sockets, guarded: time-outs for slow senders, caps on connections, one reading of ambiguous HTTP.

uvicorn has a time-out between requests and none within one, and bounds neither heads nor connections of an address.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from cambista.gateway.addresses import TrustedProxies, network
from cambista.gateway.errors import (
    HeadersTooLarge,
    Overloaded,
    RequestMalformed,
    RequestTooSlow,
    TooManyConnections,
)
from cambista.gateway.passage import refused
from cambista.gateway.settings import GatewaySettings
from cambista.kernel.errors import Refusal

LOOK_EVERY_S = 0.25
CLOSING_MAX_S = 5.0
HEAD_SLACK = 2  # what stands on the wire beside names and values


class Watch:
    """All connections of a server: counted by address, and ended when they are too slow."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings.sockets
        self.head_max = HEAD_SLACK * settings.header_max_bytes
        self._proxies = TrustedProxies(settings.trusted_proxies, settings.proxy_header)
        self._of_address: Counter[str] = Counter()
        self._open: set[GuardedHttp] = set()
        self._count = 0

    def protocols(self) -> tuple[Callable[..., asyncio.Protocol], Callable[..., asyncio.Protocol]]:
        """What uvicorn makes for each connection: one for HTTP, one for WebSocket."""
        return partial(GuardedHttp, self), partial(GuardedWebSocket, self)

    def arrive(self, address: str) -> str | type[Refusal]:
        """Count a connection; gives the name to `depart` with, or why it is one too many."""
        if self._count >= self.settings.all_max:
            return Overloaded
        name = "" if self._proxies.trusts(address) else network(address)
        if name and self._of_address[name] >= self.settings.of_address_max:
            return TooManyConnections
        self._count += 1
        self._of_address[name] += 1
        return name

    def depart(self, name: str) -> None:
        """A connection has ended."""
        self._count -= 1
        self._of_address[name] -= 1
        if not self._of_address[name]:
            del self._of_address[name]

    def follow(self, connection: "GuardedHttp") -> None:
        self._open.add(connection)

    def forget(self, connection: "GuardedHttp") -> None:
        self._open.discard(connection)

    async def look(self) -> None:
        """End the connections that are too slow; one look at all of them is cheaper than a timer for each request."""
        now = asyncio.get_running_loop().time()
        for each in list(self._open):
            each.end_if_slow(now)


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which believes in well-meaning clients, for the others.

    `overhead` is what has come of a message that is not its body: a head, or chunk sizes and trailers. Trailers are
    read and dropped: uvicorn would add them to the headers of a request that has been let in already.
    """

    def __init__(self, watch: Watch, **given: Any) -> None:
        super().__init__(**given)
        self._watch = watch
        self._name: str | None = None
        self._in_head = True
        self._overhead = 0
        self._deadline: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.time() + self._watch.settings.head_s
        found = self._watch.arrive(self.client[0] if self.client else "")
        self._watch.follow(self)
        if isinstance(found, str):
            self._name = found
        else:
            self._refuse(found())

    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        super().connection_lost(exc)

    def _release(self) -> None:
        self._watch.forget(self)
        if self._name is not None:
            self._watch.depart(self._name)
            self._name = None

    def data_received(self, received: bytes) -> None:
        if self.transport.is_closing():
            return
        self._overhead += len(received)
        if self._deadline is None and self._in_head:
            self._deadline = self.loop.time() + self._watch.settings.head_s
        super().data_received(received)
        if self._overhead > self._watch.head_max and not self.transport.is_closing():
            self._refuse(HeadersTooLarge(bytes_max=self._watch.head_max))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._deadline = self.loop.time() + self._watch.settings.head_s

    def on_headers_complete(self) -> None:
        names = {name for name, _ in self.headers}
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise ValueError("neither HTTP/1.0 nor 1.1")
        if b"transfer-encoding" in names and (b"content-length" in names or version != "1.1"):
            raise ValueError("two lengths")  # which of them counts is what smugglers ask (RFC 9112, section 6.1)
        if len(self.pipeline) >= self._watch.settings.waiting_max:
            raise ValueError("too many requests ahead of their answers")
        self._in_head = False
        self._deadline = self.loop.time() + self._watch.settings.body_s
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = []  # what comes from here on are trailers: they go where nobody looks

    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._overhead, self._deadline = True, 0, None

    def handle_websocket_upgrade(self) -> None:
        self._release()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        self._refuse(RequestMalformed())

    def end_if_slow(self, now: float) -> None:
        """Break off what is late; what does not take its answer either is cut."""
        if self._deadline is None:
            if self.transport.is_closing():
                self._deadline = now + CLOSING_MAX_S
            return
        if now < self._deadline:
            return
        if self.transport.is_closing():
            self.transport.abort()
            return
        if self._overhead or not self._in_head:
            self._refuse(RequestTooSlow())
        else:
            self.transport.close()
        self._deadline = now + CLOSING_MAX_S

    def _refuse(self, refusal: Refusal) -> None:
        """Answer outside the application and close; an answer that is under way is broken off instead."""
        cycle: Any = self.cycle  # None before the first request
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
            return
        status, headers, body = refused(refusal, "-")
        head = [
            *headers,
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in head)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.close()


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """A guest's WebSocket, counted like any other connection."""

    def __init__(self, watch: Watch, **given: Any) -> None:
        super().__init__(**given)
        self._watch = watch
        self._name: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        found = self._watch.arrive(peer[0] if isinstance(peer, tuple) else "")
        if isinstance(found, str):
            self._name = found
        super().connection_made(cast("asyncio.Transport", transport))
        if self._name is None:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._name is not None:
            self._watch.depart(self._name)
            self._name = None
        super().connection_lost(exc)
