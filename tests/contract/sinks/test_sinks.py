"""Every sink keeps the same contract: all checkpoints, whole and in order; repeats bearable; failures said."""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cambista.audit.sinks.file import FileSink
from cambista.audit.sinks.port import Parcel, Sink, SinkFailed
from cambista.audit.sinks.syslog import SyslogSink, message
from cambista.audit.sinks.webhook import WebhookSink, secret_bytes, sign
from tests.databases import START
from tests.e2e.authorities import Authority

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def parcel(number: int) -> Parcel:
    return Parcel("main", number, number * 10, f"cambista/main\n{number * 10}\n…ñ☃\n", "a2V5")


def parcels(*numbers: int) -> list[Parcel]:
    return [parcel(number) for number in numbers]


@dataclass(slots=True)
class Bench:
    """A sink, what arrived at its other end (once that number has), and a switch that breaks the other end."""

    sink: Sink
    arrived: Callable[[int], Awaitable[list[dict[str, Any]]]]
    break_it: Callable[[], Awaitable[None]]


async def until(number: int, found: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    for _ in range(200):
        if any(each["number"] == number for each in found()):
            break
        await asyncio.sleep(0.01)
    return found()


@asynccontextmanager
async def file_bench(folder: Path) -> AsyncIterator[Bench]:
    sink = FileSink(folder / "checkpoints" / "main.jsonl")

    async def break_it() -> None:
        sink.path.unlink(missing_ok=True)
        sink.path.mkdir(parents=True)

    def found() -> list[dict[str, Any]]:
        return [json.loads(line) for line in sink.path.read_bytes().splitlines()] if sink.path.is_file() else []

    yield Bench(sink, lambda number: until(number, found), break_it)


@asynccontextmanager
async def webhook_bench(folder: Path) -> AsyncIterator[Bench]:
    received: list[dict[str, Any]] = []
    answers = {"status": 204}

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            id, time = self.headers["webhook-id"], self.headers["webhook-timestamp"]
            assert self.headers["webhook-signature"] == sign(secret_bytes(SECRET), id, time, body)
            if answers["status"] == 204:
                received.append(json.loads(body))
            self.send_response(answers["status"])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    async def break_it() -> None:
        answers["status"] = 500

    try:
        url = f"http://127.0.0.1:{server.server_port}/checkpoints"
        yield Bench(
            WebhookSink(url, SecretStr(SECRET), lambda: START), lambda number: until(number, lambda: received), break_it
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received.append(data)


def content(line: bytes) -> dict[str, Any]:
    """The JSON behind an RFC 5424 header of this house."""
    priority, time, host, app, process, kind, structured, text = line.split(b" ", 7)
    assert (priority, app, process, kind, structured) == (b"<109>1", b"cambista", b"-", b"checkpoint", b"-")
    assert time == b"2026-09-29T15:00:00.000000Z"
    assert host
    read: dict[str, Any] = json.loads(text)
    return read


@asynccontextmanager
async def udp_bench(folder: Path) -> AsyncIterator[Bench]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    sink = SyslogSink(f"udp://127.0.0.1:{port}", lambda: START)

    async def break_it() -> None:
        sink._host = "no.such.host.invalid"

    try:
        yield Bench(sink, lambda number: until(number, lambda: [content(each) for each in protocol.received]), break_it)
    finally:
        transport.close()


@asynccontextmanager
async def stream_bench(folder: Path, protocol: str) -> AsyncIterator[Bench]:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = await reader.readuntil(b" ")
                received.append(await reader.readexactly(int(length)))
        except asyncio.IncompleteReadError:
            writer.close()

    served, trusting = _contexts(folder) if protocol == "tls" else (None, None)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    host = "localhost" if protocol == "tls" else "127.0.0.1"
    sink = SyslogSink(f"{protocol}://{host}:{port}", lambda: START, context=trusting)

    async def break_it() -> None:
        server.close()

    try:
        yield Bench(sink, lambda number: until(number, lambda: [content(each) for each in received]), break_it)
    finally:
        server.close()


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = Authority.make()
    authority.issue(folder)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / "house.pem", folder / "house.key")
    return served, authority.trusting()


BENCHES: dict[str, Callable[[Path], Any]] = {
    "file": file_bench,
    "webhook": webhook_bench,
    "syslog udp": udp_bench,
    "syslog tcp": lambda folder: stream_bench(folder, "tcp"),
    "syslog tls": lambda folder: stream_bench(folder, "tls"),
}


@pytest.fixture(params=sorted(BENCHES))
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with BENCHES[request.param](tmp_path) as made:
        yield made


async def test_checkpoints_arrive_whole_and_in_order(bench: Bench) -> None:
    await bench.sink.send(parcels(1, 2))
    await bench.sink.send(parcels(3))
    arrived = await bench.arrived(3)
    assert [each["number"] for each in arrived] == [1, 2, 3]
    assert arrived[2] == {
        "branch": "main", "number": 3, "size": 30, "checkpoint": parcel(3).text, "public_key": "a2V5",
    }  # fmt: skip


async def test_a_broken_other_end_is_said_and_not_swallowed(bench: Bench) -> None:
    await bench.break_it()
    with pytest.raises(SinkFailed):
        await bench.sink.send(parcels(1))


async def test_a_repeat_does_no_harm(bench: Bench) -> None:
    await bench.sink.send(parcels(1, 2))
    await bench.sink.send(parcels(2, 3))
    arrived = await bench.arrived(3)
    assert sorted({each["number"] for each in arrived}) == [1, 2, 3]


def test_a_line_that_a_crash_left_unfinished_is_taken_away(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "main.jsonl")
    asyncio.run(sink.send(parcels(1)))
    with sink.path.open("ab") as file:
        file.write(parcel(2).to_json()[:30])
    assert sink.newest() == (1, parcel(1).text)
    asyncio.run(sink.send(parcels(2, 3)))
    assert [number for number, _ in sink.lines()] == [1, 2, 3]
    assert sink.newest() == (3, parcel(3).text)


def test_a_file_with_nothing_but_an_unfinished_line_begins_anew(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "main.jsonl")
    assert (sink.newest(), list(sink.lines())) == (None, [])
    sink.path.write_bytes(b'{"number": 1')
    assert sink.newest() is None
    asyncio.run(sink.send(parcels(1)))
    assert [number for number, _ in sink.lines()] == [1]


def test_webhooks_are_signed_as_the_standard_says(shared_data: Path) -> None:
    for case in json.loads((shared_data / "vectors" / "standard_webhooks.json").read_text()):
        time, body = str(case["webhook-timestamp"]), case["payload"].encode()
        made = sign(secret_bytes(case["secret"]), case["webhook-id"], time, body)
        assert (made == case["webhook-signature"]) == case["valid"]


def test_a_message_is_one_line_with_a_header_of_the_standard() -> None:
    made = message(parcel(1), START)
    assert made.startswith(b"<109>1 2026-09-29T15:00:00.000000Z ")
    assert b"\n" not in made
    assert len(made) < 2048
