"""Signed requests over HTTP: on every road, hot or not, with and without a body, through every door once."""

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, good, refused
from tests.houses import PaperHouse
from tests.recordings import PROJECT

SecondHouse = Callable[[], AbstractAsyncContextManager[FastAPI]]
_nonces = count(10**15)


@dataclass
class Signer:
    """A machine that signs what it sends, as docs/api.md says."""

    http: httpx2.AsyncClient
    key: str
    secret: str
    runtime: Runtime

    def headers(self, method: str, target: str, body: bytes = b"", **other: str) -> dict[str, str]:
        timestamp, nonce = str(int(self.runtime.now().timestamp())), f"nonce-{next(_nonces)}"
        once = other.get("idempotency-key", "")
        text = "\n".join((method, target, hashlib.sha256(body).hexdigest(), timestamp, nonce, once))
        signature = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        signed = {"x-timestamp": timestamp, "x-nonce": nonce, "x-signature": signature, "x-api-key": self.key}
        return {"content-type": "application/json", **signed, **other}

    async def send(self, method: str, path: str, body: Any = None, **other: str) -> httpx2.Response:
        content = b"" if body is None else json.dumps(body).encode()
        headers = self.headers(method, f"{BASE}{path}", content, **other)
        return await self.http.request(method, f"{BASE}{path}", content=content, headers=headers)


@pytest.fixture
async def signer(admin: Caller, ana: Caller, runtime: Runtime) -> Signer:
    made = good(await admin.post("/api-keys", {"owner_id": ana.id, "name": "Bot", "signed": True}), 201)
    assert made["signing_secret"].startswith("cmk_")
    return Signer(admin.http, made["key"], made["signing_secret"], runtime)


QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "10", "amount_asset": "USDT"}
TRADE = {"asset": "USDT", "fiat": "COP", "amount": "10", "price": "9000", "side": "buy"}


async def test_signed_requests_quote_trade_and_read(signer: Signer) -> None:
    quote = good(await signer.send("POST", "/quotes", QUOTE), 201)
    good(await signer.send("POST", "/trades", {"quote_id": quote["id"]}, **{"idempotency-key": "t1"}), 201)
    assert len(good(await signer.send("GET", "/trades?limit=1"))["items"]) == 1
    made = good(await signer.send("POST", "/api-keys", {"name": "Second", "signed": True}), 201)
    good(await signer.send("DELETE", f"/api-keys/{made['id']}"))


@pytest.mark.parametrize(("method", "path", "body"), [("POST", "/quotes", QUOTE), ("GET", "/accounts", None)])
async def test_an_unsigned_or_half_signed_request_is_refused(signer: Signer, method: str, path: str, body: Any) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    whole = signer.headers(method, f"{BASE}{path}", content)
    for missing in (("x-signature",), ("x-nonce",), ("x-timestamp",), ("x-signature", "x-nonce", "x-timestamp")):
        headers = {name: value for name, value in whole.items() if name not in missing}
        answer = await signer.http.request(method, f"{BASE}{path}", content=content, headers=headers)
        refused(answer, 401, "signature_required")


async def test_a_changed_body_query_method_or_once_is_refused(signer: Signer) -> None:
    http, url = signer.http, f"{BASE}/trades"
    content = json.dumps(TRADE).encode()
    headers = signer.headers("POST", url, content, **{"idempotency-key": "t1"})
    more = json.dumps({**TRADE, "amount": "11"}).encode()
    refused(await http.post(url, content=more, headers=headers), 401, "signature_invalid")
    other = {**headers, "idempotency-key": "t2"}
    refused(await http.post(url, content=content, headers=other), 401, "signature_invalid")
    without = {name: value for name, value in headers.items() if name != "idempotency-key"}
    refused(await http.post(url, content=content, headers=without), 401, "signature_invalid")
    refused(await http.post(f"{url}?x=1", content=content, headers=headers), 401, "signature_invalid")
    good(await http.post(url, content=content, headers=headers), 201)
    read = signer.headers("GET", f"{url}?limit=1")
    refused(await http.get(f"{url}?limit=2", headers=read), 401, "signature_invalid")
    refused(await http.get(f"{BASE}/deposits?limit=1", headers=read), 401, "signature_invalid")


async def test_a_replayed_trade_moves_nothing_in_this_or_another_house(
    signer: Signer, second_house: SecondHouse, ana: Caller
) -> None:
    content = json.dumps(TRADE).encode()
    headers = signer.headers("POST", f"{BASE}/trades", content, **{"idempotency-key": "t1"})
    good(await signer.http.post(f"{BASE}/trades", content=content, headers=headers), 201)
    refused(await signer.http.post(f"{BASE}/trades", content=content, headers=headers), 401, "request_replayed")
    async with second_house() as app, other_http(app) as http:
        refused(await http.post(f"{BASE}/trades", content=content, headers=headers), 401, "request_replayed")
    assert len(good(await ana.get("/trades"))["items"]) == 1


def other_http(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://house")


async def test_a_lost_answer_is_fetched_by_signing_anew_under_the_same_idempotency_key(signer: Signer) -> None:
    first = await signer.send("POST", "/trades", TRADE, **{"idempotency-key": "t1"})
    again = await signer.send("POST", "/trades", TRADE, **{"idempotency-key": "t1"})
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == good(first, 201) or again.content == first.content


async def test_an_old_request_is_refused(signer: Signer, paper: PaperHouse) -> None:
    headers = signer.headers("GET", f"{BASE}/accounts")
    paper.clock.advance(31)
    refused(await signer.http.get(f"{BASE}/accounts", headers=headers), 401, "signature_expired")


async def test_a_header_of_the_signature_stands_once(signer: Signer) -> None:
    headers = [*signer.headers("GET", f"{BASE}/accounts").items(), ("x-nonce", "nonce-1000000000000000")]
    refused(await signer.http.get(f"{BASE}/accounts", headers=headers), 400, "header_repeated")


async def test_a_body_too_large_is_refused_before_it_is_hashed(signer: Signer) -> None:
    content = b" " * (64 * 1024 + 1)
    headers = signer.headers("POST", f"{BASE}/quotes", content)
    refused(await signer.http.post(f"{BASE}/quotes", content=content, headers=headers), 413, "body_too_large")


async def test_a_streamed_body_is_signed_too(signer: Signer) -> None:
    content = json.dumps(QUOTE).encode()
    headers = signer.headers("POST", f"{BASE}/quotes", content)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 7):
            yield content[start : start + 7]

    good(await signer.http.post(f"{BASE}/quotes", content=pieces(), headers=headers), 201)


async def test_the_secret_is_shown_once(admin: Caller, ana: Caller) -> None:
    body = {"owner_id": ana.id, "name": "Bot", "signed": True}
    first = good(await admin.post("/api-keys", body, idempotency_key="k1"), 201)
    again = good(await admin.post("/api-keys", body, idempotency_key="k1"), 201)
    assert {"key", "signing_secret"} <= first.keys()
    assert not {"key", "signing_secret"} & again.keys()
    listed = good(await admin.get("/api-keys", owner_id=ana.id))["items"]
    assert {each["signed"] for each in listed} == {True, False}
    assert all("signing_secret" not in each for each in listed)


def test_the_worked_example_of_the_documents_holds() -> None:
    """What docs/api.md says the example's signature is comes out of the Python it shows."""
    text = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
    section = text[text.index("### Signed requests") : text.index("### OAuth2")]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the document's own code
    body = b'{"quote_id":"0199a3c1-0a11-7f00-9b1c-2d3e4f5a6b7c"}'
    secret, once = "cmk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "my-first-trade"
    given = {"timestamp": "1790694000", "nonce": "8c2f1f0e5b6a4d3c"}
    headers = names["signed"](secret, "POST", "/api/v1/trades", body, once=once, **given)
    assert all(each in section for each in (headers["X-Signature"], secret, once, body.decode(), *given.values()))
