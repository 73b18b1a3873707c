"""Sends checkpoints to a syslog server: RFC 5424 over UDP (5426), TCP (6587, counted octets) or TLS (5425)."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from cambista.audit.sinks.port import SEND_WITHIN_S, Parcel, SinkFailed
from cambista.kernel.time import wire_time

# Facility 13 (log audit), severity 5 (notice).
_PRIORITY = 13 * 8 + 5
_PORTS = {"udp": 514, "tcp": 514, "tls": 6514}


class SyslogSink:
    """`udp://host:port`, `tcp://…` or `tls://…`. Syslog answers nothing: sent is handed over, not kept."""

    name = "syslog"

    def __init__(self, url: str, now: Callable[[], datetime], *, context: ssl.SSLContext | None = None) -> None:
        split = urlsplit(url)
        self._protocol, self._host = split.scheme, split.hostname or ""
        self._port = split.port or _PORTS[split.scheme]
        self._now, self._context = now, context

    async def send(self, parcels: Sequence[Parcel]) -> None:
        messages = [message(parcel, self._now()) for parcel in parcels]
        deliver = self._send_datagrams if self._protocol == "udp" else self._send_stream
        try:
            await asyncio.wait_for(deliver(messages), SEND_WITHIN_S)
        except (OSError, TimeoutError) as error:
            raise SinkFailed(f"syslog: {type(error).__name__}: {error}") from error

    async def _send_datagrams(self, messages: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(self._host, self._port)
        )
        try:
            for each in messages:
                transport.sendto(each)
        finally:
            transport.close()

    async def _send_stream(self, messages: Sequence[bytes]) -> None:
        context = (self._context or ssl.create_default_context()) if self._protocol == "tls" else None
        _, writer = await asyncio.open_connection(self._host, self._port, ssl=context)
        try:
            writer.writelines(b"%d %b" % (len(each), each) for each in messages)
            await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()


def message(parcel: Parcel, now: datetime) -> bytes:
    """One RFC 5424 message: the checkpoint as JSON behind the header."""
    head = f"<{_PRIORITY}>1 {wire_time(now)} {_host_name()} cambista - checkpoint - "
    return head.encode() + parcel.to_json()


def _host_name() -> str:
    name = "".join(each for each in socket.gethostname() if "!" <= each <= "~")
    return name[:255] or "-"
