"""Clients that mean no good, on real connections: slow ones, huge ones, ambiguous ones, and too many of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cambista.gateway import GatewaySettings, create_app
from cambista.gateway.settings import SocketSettings
from cambista.runtime import Replay
from tests.e2e.sockets import Port, Raw, listening
from tests.unit.gateway.stand_ins import Scripted, stand_in_doors

SOCKETS = SocketSettings(head_s=0.3, body_s=0.3, of_address_max=8, all_max=12, waiting_max=4)
SETTINGS = GatewaySettings(sockets=SOCKETS)
PATIENT = SOCKETS.model_copy(update={"head_s": 30.0})
KEYED = b"Host: house\r\nX-API-Key: k\r\nIdempotency-Key: 1\r\nContent-Type: application/json\r\n"
LIVE = b"GET /health/liveness HTTP/1.1\r\nHost: house\r\n\r\n"
BODY = b'{"quote_id": "0199a3c1-0a11-7f00-9b1c-2d3e4f5a6b7c"}'


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    trading = Scripted()

    async def traded(*_: object) -> Replay:
        return Replay(201, b'{"traded":true}')

    trading.answer = traded
    async with listening(create_app(stand_in_doors(trading), SETTINGS), SETTINGS) as found:
        yield found


@pytest.fixture
async def raw(port: Port) -> AsyncIterator[Raw]:
    connection = await port.connect()
    yield connection
    connection.close()


async def test_a_plain_request_is_answered_and_the_connection_kept(raw: Raw) -> None:
    for _ in range(3):
        assert (await raw.ask(LIVE)).status == 200
    trade = b"POST /api/v1/trades HTTP/1.1\r\n" + KEYED + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    assert (await raw.ask(trade)).body == b'{"traded":true}'


async def test_a_head_that_trickles_in_is_not_waited_for(port: Port, raw: Raw) -> None:
    await raw.say(b"GET /health/liveness HTTP/1.1\r\n")
    trickling = asyncio.create_task(_trickle(raw, b"X-A: b\r\n"))
    answer = await raw.answer()
    assert (answer.status, answer.code) == (408, "request_too_slow")
    assert await raw.is_closed()
    trickling.cancel()
    assert (await (await port.connect()).ask(LIVE)).status == 200


async def _trickle(raw: Raw, piece: bytes) -> None:
    while True:
        await raw.say(piece)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("opening", (b"", b"\r\n"))
async def test_a_connection_that_never_asks_is_closed(raw: Raw, opening: bytes) -> None:
    await raw.say(opening)
    assert (await raw.answer()).status in (None, 408)
    assert await raw.is_closed()


async def test_a_connection_kept_open_by_empty_lines_is_closed(raw: Raw) -> None:
    assert (await raw.ask(LIVE)).status == 200
    trickling = asyncio.create_task(_trickle(raw, b"\r\n"))
    assert (await raw.answer()).status in (None, 408)
    trickling.cancel()


async def test_a_body_that_trickles_in_is_not_waited_for_and_nothing_is_done(raw: Raw) -> None:
    await raw.say(b"POST /api/v1/trades HTTP/1.1\r\n" + KEYED + b"Content-Length: 60\r\n\r\n{")
    trickling = asyncio.create_task(_trickle(raw, b" "))
    answer = await raw.answer()
    assert (answer.status, answer.code) == (408, "request_too_slow")
    assert await raw.is_closed()
    trickling.cancel()


async def test_slow_senders_take_no_seat_from_others() -> None:
    one = GatewaySettings.model_validate({"work": {"first": 1, "least": 1, "most": 1, "waiting_max": 0}})
    async with listening(create_app(stand_in_doors(), one), one) as port:
        slow = [await port.connect() for _ in range(5)]
        for each in slow:
            await each.say(b"POST /api/v1/trades HTTP/1.1\r\n" + KEYED + b"Content-Length: 60\r\n\r\n{")
        assets = await (await port.connect()).ask(b"GET /api/v1/assets HTTP/1.1\r\nHost: house\r\n\r\n")
        assert assets.status == 200
        for each in slow:
            each.close()


@pytest.mark.parametrize(
    "sent",
    (
        b"GET / HTTP/1.1\r\nHost: house\r\nX-Huge: " + b"a" * 100_000,
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: house\r\n" + b"X-A: b\r\n" * 20_000,
    ),
    ids=("value", "target", "fields"),
)
async def test_a_head_without_end_is_cut_off(raw: Raw, sent: bytes) -> None:
    answer = await raw.ask(sent)
    assert (answer.status, answer.code) == (431, "headers_too_large")
    assert await raw.is_closed()


async def test_many_headers_and_long_targets_are_refused(port: Port) -> None:
    for sent in (
        b"GET /api/v1/assets HTTP/1.1\r\nHost: house\r\n" + b"X-A: b\r\n" * 80 + b"\r\n",
        b"GET /api/v1/assets?x=" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: house\r\n\r\n",
    ):
        answer = await (await port.connect()).ask(sent)
        assert (answer.status, answer.code) == (431, "headers_too_large")


POST = b"POST /api/v1/trades HTTP/1.1\r\n"
SMUGGLED = b"0\r\n\r\nGET /api/v1/assets HTTP/1.1\r\nHost: house\r\n\r\n"
AMBIGUOUS = {
    "length and coding": POST + KEYED + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "coding and length": POST + KEYED + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + SMUGGLED,
    "two lengths": POST + KEYED + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + SMUGGLED,
    "a list of lengths": POST + KEYED + b"Content-Length: 5, 6\r\n\r\n" + SMUGGLED,
    "a signed length": POST + KEYED + b"Content-Length: +5\r\n\r\n" + SMUGGLED,
    "a coding not last": POST + KEYED + b"Transfer-Encoding: chunked, identity\r\n\r\n" + SMUGGLED,
    "an unknown coding": POST + KEYED + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    "two codings": POST + KEYED + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + SMUGGLED,
    "a coding in HTTP/1.0": POST.replace(b"1.1", b"1.0") + KEYED + b"Transfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "a space before the colon": POST + KEYED + b"Content-Length : 5\r\n\r\n" + SMUGGLED,
    "a folded line": POST + KEYED + b"Content-Length:\r\n 5\r\n\r\n" + SMUGGLED,
    "a negative chunk": POST + KEYED + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + SMUGGLED,
    "a bare LF": POST.replace(b"\r", b"") + KEYED.replace(b"\r", b"") + b"Content-Length: 5\n\n" + SMUGGLED,
    "a null byte": POST + KEYED + b"X-A: a\0b\r\n\r\n",
    "HTTP/0.9": b"GET /api/v1/assets\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a target that is none": b"GET http:// HTTP/1.1\r\nHost: house\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_what_two_readers_could_read_differently_is_refused_and_the_connection_ends(raw: Raw, name: str) -> None:
    answer = await raw.ask(AMBIGUOUS[name])
    assert answer.status is not None, name
    assert 400 <= answer.status < 500, name
    # Never a second answer: that would be one to the smuggled request.
    assert await raw.is_closed(), name


async def test_a_request_without_a_host_is_refused(raw: Raw) -> None:
    answer = await raw.ask(b"GET /api/v1/assets HTTP/1.1\r\n\r\n")
    assert (answer.status, answer.code) == (400, "host_missing")


async def test_two_hosts_are_refused(raw: Raw) -> None:
    answer = await raw.ask(b"GET /api/v1/assets HTTP/1.1\r\nHost: house\r\nHost: other\r\n\r\n")
    assert (answer.status, answer.code) == (400, "header_repeated")


async def test_trailers_do_not_become_headers(raw: Raw) -> None:
    head = b"POST /api/v1/trades HTTP/1.1\r\nHost: house\r\nContent-Type: application/json\r\n"
    body = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
    trailers = b"X-API-Key: k\r\nIdempotency-Key: 1\r\n\r\n"
    answer = await raw.ask(head + b"Transfer-Encoding: chunked\r\n\r\n" + body + trailers)
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_trailers_and_chunk_extensions_without_end_are_cut_off(port: Port) -> None:
    head = POST + KEYED + b"Transfer-Encoding: chunked\r\n\r\n"
    for endless in (b"0\r\nX-T: " + b"a" * 200_000, b"1;" + b"a" * 200_000):
        raw = await port.connect()
        assert (await raw.ask(head + endless)).status in (413, 431)
        assert await raw.is_closed()


async def test_a_body_in_chunks_is_read_and_bounded(port: Port) -> None:
    head = POST + KEYED + b"Transfer-Encoding: chunked\r\n\r\n"
    good = await (await port.connect()).ask(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
    assert good.status == 201
    huge = await (await port.connect()).ask(head + (b"1000\r\n" + b" " * 0x1000 + b"\r\n") * 20)
    assert (huge.status, huge.code) == (413, "body_too_large")


async def test_http_1_0_gets_one_answer(raw: Raw) -> None:
    assert (await raw.ask(b"GET /health/liveness HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).status == 200
    assert await raw.is_closed()


async def test_a_target_in_absolute_form_leads_to_its_path(raw: Raw) -> None:
    answer = await raw.ask(b"GET http://elsewhere.example/health/liveness HTTP/1.1\r\nHost: house\r\n\r\n")
    assert answer.status == 200


@pytest.mark.parametrize(
    "line", (b"OPTIONS * HTTP/1.1", b"CONNECT house:443 HTTP/1.1", b"TRACE /api/v1/assets HTTP/1.1")
)
async def test_odd_methods_and_targets_are_refused(raw: Raw, line: bytes) -> None:
    answer = await raw.ask(line + b"\r\nHost: house\r\n\r\n")
    assert answer.status in (400, 404, 405)


async def test_requests_sent_ahead_are_answered_in_order_and_bounded(port: Port) -> None:
    raw = await port.connect()
    await raw.say(LIVE + b"GET /api/v1/assets HTTP/1.1\r\nHost: house\r\n\r\n" + LIVE)
    answers = [await raw.answer() for _ in range(3)]
    assert [b"USDT" in each.body for each in answers] == [False, True, False]
    flood = await port.connect()
    await flood.say(LIVE * 200)
    answered = 0
    while (await flood.answer()).status == 200:
        answered += 1
    assert answered <= SOCKETS.waiting_max + 1
    assert await flood.is_closed()


async def test_one_address_gets_so_many_connections_and_a_closed_one_makes_room() -> None:
    settings = GatewaySettings(sockets=PATIENT)
    async with listening(create_app(stand_in_doors(), settings), settings) as port:
        held = [await port.connect() for _ in range(SOCKETS.of_address_max)]
        for each in held:
            assert (await each.ask(LIVE)).status == 200
        refused = await (await port.connect()).answer()
        assert (refused.status, refused.code) == (429, "too_many_connections")
        held[0].close()
        while (await (again := await port.connect()).ask(LIVE)).status != 200:
            await asyncio.sleep(0.01)
        for each in (*held, again):
            each.close()


async def test_a_trusted_proxy_brings_as_many_as_the_house_takes() -> None:
    settings = GatewaySettings.model_validate({"sockets": PATIENT.model_dump(), "trusted_proxies": ["127.0.0.0/8"]})
    async with listening(create_app(stand_in_doors(), settings), settings) as port:
        held = [await port.connect() for _ in range(SOCKETS.all_max)]
        for each in held:
            assert (await each.ask(LIVE)).status == 200
        refused = await (await port.connect()).answer()
        assert (refused.status, refused.code) == (503, "overloaded")
        assert refused.head["retry-after"] == "1"
        for each in held:
            each.close()


UPGRADE = (
    b"Host: house\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.mark.parametrize("path", (b"/api/v1/prices/current", b"/health/liveness", b"/nowhere"))
async def test_a_web_socket_opens_nowhere_in_the_api(port: Port, path: bytes) -> None:
    for _ in range(2 * SOCKETS.of_address_max):
        raw = await port.connect()
        assert (await raw.ask(b"GET " + path + b" HTTP/1.1\r\n" + UPGRADE)).status == 403
        raw.close()
    # None of them is still counted.
    while (await (await port.connect()).ask(LIVE)).status != 200:
        await asyncio.sleep(0.01)
