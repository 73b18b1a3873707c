"""A real server on a real port in front of doors that answer at once, and raw connections to it."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from cambista.app.server import Server
from cambista.app.sockets import Watch
from cambista.gateway import GatewaySettings


@dataclass(frozen=True, slots=True)
class Answer:
    """What a raw connection got; no status: it was closed without a word."""

    status: int | None
    head: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


@dataclass(slots=True)
class Raw:
    """A connection that says exactly what the test says."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, content: bytes) -> None:
        self.writer.write(content)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def answer(self) -> Answer:
        """The next answer; a connection that is closed or broken instead gives one without a status."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return Answer(None, {}, b"")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines if line)
        body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        return Answer(int(first.split()[1]), fields, body)

    async def ask(self, content: bytes) -> Answer:
        await self.say(content)
        return await self.answer()

    async def is_closed(self) -> bool:
        """Whether the other side ends the connection, after whatever it still says."""
        try:
            return not await self.reader.readexactly(1)
        except (asyncio.IncompleteReadError, ConnectionError):
            return True

    def close(self) -> None:
        self.writer.close()


@dataclass(slots=True)
class Port:
    """Where a server listens."""

    number: int
    watch: Watch
    _opened: list[Raw] = field(default_factory=list)

    async def connect(self, tls: ssl.SSLContext | None = None) -> Raw:
        given: dict[str, Any] = {"ssl": tls, "server_hostname": "localhost"} if tls else {}
        raw = Raw(*await asyncio.open_connection("127.0.0.1", self.number, limit=2**22, **given))
        self._opened.append(raw)
        return raw

    async def close(self) -> None:
        """Close every connection that is still open."""
        for each in self._opened:
            each.writer.close()
            with suppress(OSError):
                await each.writer.wait_closed()


@asynccontextmanager
async def listening(app: FastAPI, settings: GatewaySettings, tls: ssl.SSLContext | None = None) -> AsyncIterator[Port]:
    """Serve `app` as the house is served."""
    watch = Watch(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(app, watch, tls=tls)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        looking = asyncio.create_task(_look(watch))
        while not server.started:
            await asyncio.sleep(0)
        port = Port(listener.getsockname()[1], watch)
        try:
            yield port
        finally:
            await port.close()
            server.should_exit = True
            looking.cancel()
            await running


async def _look(watch: Watch) -> None:
    while True:
        await watch.look()
        await asyncio.sleep(0.02)
