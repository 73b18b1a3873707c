"""The frame: time-outs, bugs, half-sent answers, bodies that end early, and what reaches the log."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest
from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from cambista.gateway import GatewaySettings, create_app
from cambista.runtime import Replay
from tests.unit.gateway.stand_ins import Scripted, stand_in_doors

QUOTE = {"quote_id": "0199a3c1-0a11-7f00-9b1c-2d3e4f5a6b7c"}
HEADERS = {"x-api-key": "secret-key-of-the-test", "idempotency-key": "1"}


@pytest.fixture
def trading() -> Scripted:
    return Scripted()


async def ask(app: ASGIApp, method: str, path: str, **what: Any) -> httpx2.Response:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://house") as client:
        return await client.request(method, path, **{"headers": HEADERS, **what})


async def test_an_answer_that_takes_too_long_is_503_and_the_work_is_cancelled(trading: Scripted) -> None:
    cancelled = 0

    async def hang(*_: object) -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1
            raise

    trading.answer = hang
    app = create_app(stand_in_doors(trading), GatewaySettings(request_timeout_s=0.01))
    for response in (
        await ask(app, "POST", "/api/v1/trades", json=QUOTE),
        await ask(app, "GET", "/api/v1/trades"),
    ):
        assert (response.status_code, response.json()["code"]) == (503, "timeout")
        assert response.headers["retry-after"] == "1"
    assert cancelled == 2


async def test_a_bug_is_500_that_says_nothing_and_a_log_line_that_says_all_but_the_key(trading: Scripted) -> None:
    async def break_down(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    trading.answer = break_down
    app = create_app(stand_in_doors(trading))
    for method in ("POST", "GET"):
        with capture_logs() as logs:
            response = await ask(app, method, "/api/v1/trades", **({"json": QUOTE} if method == "POST" else {}))
        problem = response.json()
        assert (response.status_code, problem["code"]) == (500, "internal_error")
        assert "secret" not in response.text
        [failed] = [line for line in logs if line["event"] == "request_failed"]
        assert failed["trace_id"] == problem["trace_id"]
        assert isinstance(failed["exc_info"], ZeroDivisionError)
        assert "secret-key" not in repr(logs)


async def test_an_assertion_is_a_bug_not_a_refusal(trading: Scripted) -> None:
    async def break_down(*_: object) -> None:
        raise AssertionError

    trading.answer = break_down
    response = await ask(create_app(stand_in_doors(trading)), "POST", "/api/v1/trades", json=QUOTE)
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")


async def test_a_half_sent_answer_is_broken_off_not_ended() -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    app = create_app(stand_in_doors())
    app.add_api_route("/api/half", lambda: StreamingResponse(half()), response_model=None)
    with pytest.raises(ZeroDivisionError):
        await ask(app, "GET", "/api/half")


async def test_an_answer_that_has_begun_may_take_longer_than_one_that_has_not() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0.1)
            yield b"x"

    app = create_app(stand_in_doors(), GatewaySettings(request_timeout_s=0.4, stream_timeout_s=60))
    app.add_api_route("/api/slow", lambda: StreamingResponse(slowly()), response_model=None)
    assert (await ask(app, "GET", "/api/slow")).content == b"xxxxx"


async def test_a_guest_beside_the_house_is_left_alone() -> None:
    async def slow() -> Response:
        await asyncio.sleep(0.05)
        return Response("guest")

    app = create_app(stand_in_doors(), GatewaySettings(request_timeout_s=0.01, body_max_bytes=1024))
    app.add_api_route("/console/x", slow, methods=["POST"], response_model=None)
    response = await ask(app, "POST", "/console/x", content=b"x" * 5000)
    assert response.text == "guest"
    assert "content-security-policy" not in response.headers
    assert response.headers["x-content-type-options"] == "nosniff"


async def exchange(app: ASGIApp, messages: Sequence[dict[str, Any]], headers: Sequence[tuple[bytes, bytes]]) -> Any:
    """One request as a server would hand it over; status and problem."""
    waiting, sent = list(messages), []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/trades", "raw_path": b"/api/v1/trades",
        "query_string": b"", "headers": list(headers), "client": None, "scheme": "http", "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


KEYED = ((b"x-api-key", b"k"), (b"idempotency-key", b"1"), (b"content-type", b"application/json"))


async def test_a_client_that_hangs_up_in_its_body_moves_nothing() -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    status, problem = await exchange(create_app(stand_in_doors()), messages, KEYED)
    assert (status, problem["code"]) == (400, "body_not_json")


@pytest.mark.parametrize("length", (b"70000", b"-1", b"x", b"1" * 30, b"1e3", b""))
async def test_a_length_that_is_too_long_or_none_is_refused_before_anything_is_read(length: bytes) -> None:
    headers = (*KEYED, (b"content-length", length))
    status, problem = await exchange(create_app(stand_in_doors()), [], headers)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_a_body_that_outgrows_its_length_is_cut_off() -> None:
    messages = [{"type": "http.request", "body": b" " * 1000, "more_body": True}] * 100
    headers = (*KEYED, (b"content-length", b"10"))
    status, problem = await exchange(create_app(stand_in_doors()), messages, headers)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_a_stored_answer_is_sent_byte_for_byte(trading: Scripted) -> None:
    async def replay(*_: object) -> Replay:
        return Replay(201, b'{ "stored" : true }')

    trading.answer = replay
    response = await ask(create_app(stand_in_doors(trading)), "POST", "/api/v1/trades", json=QUOTE)
    assert (response.status_code, response.content) == (201, b'{ "stored" : true }')
    assert response.headers["idempotent-replayed"] == "true"


async def test_one_request_in_so_many_is_logged_and_none_with_a_key() -> None:
    app = create_app(stand_in_doors(), GatewaySettings(access_log_every=10))
    with capture_logs() as logs:
        for _ in range(30):
            await ask(app, "GET", "/api/v1/assets")
    assert [line["endpoint"] for line in logs if line["event"] == "request"] == ["/api/v1/assets"] * 3
    assert "secret-key" not in repr(logs)
