"""Bad input on every call that moves money: a 4xx in the one form, and nothing has moved."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, good, refused
from tests.houses import PaperHouse

SOMEBODY = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
AMOUNTS: Mapping[str, tuple[str, str]] = {
    "NaN": ("NaN", "body_not_json"),
    "infinity": ("Infinity", "body_not_json"),
    "minus infinity": ("-Infinity", "body_not_json"),
    "a float": ("1.5", "amount_not_exact"),
    "a whole float": ("100.0", "amount_not_exact"),
    "1e400": ("1e400", "amount_not_exact"),
    "1e2": ("1e2", "amount_not_exact"),
    "negative": ("-100", "amount_not_positive"),
    "negative text": ('"-100"', "amount_not_positive"),
    "zero": ("0", "amount_not_positive"),
    "zero text": ('"0.00"', "amount_not_positive"),
    "minus zero": ('"-0"', "amount_not_positive"),
    "40 digits": ("1" * 40, "amount_out_of_range"),
    "40 digits of text": ('"' + "1" * 40 + '"', "amount_out_of_range"),
    "5000 digits": ("1" * 5000, "body_not_json"),
    "more than 64 bits of units": ('"9223372036854775807"', "amount_out_of_range"),
    "more digits than the asset": ('"1.123456789"', "amount_not_exact"),
    "text of NaN": ('"NaN"', "amount_invalid"),
    "text of 1e400": ('"1e400"', "amount_invalid"),
    "plus": ('"+100"', "amount_invalid"),
    "space": ('" 100"', "amount_invalid"),
    "comma": ('"1,000"', "amount_invalid"),
    "underscore": ('"1_000"', "amount_invalid"),
    "arabic digits": ('"١٠٠"', "amount_invalid"),
    "hexadecimal": ('"0x64"', "amount_invalid"),
    "empty": ('""', "amount_invalid"),
    "null": ("null", "field_invalid"),
    "true": ("true", "field_invalid"),
    "a list": ("[100]", "field_invalid"),
    "an object": ('{"units": 100}', "field_invalid"),
}
PRICES: Mapping[str, tuple[str, str]] = {
    "a float": ("4000.5", "amount_not_exact"),
    "NaN": ("NaN", "body_not_json"),
    "negative": ('"-1"', "price_invalid"),
    "zero": ("0", "price_invalid"),
    "40 digits": ('"' + "9" * 40 + '"', "price_invalid"),
    "words": ('"cheap"', "price_invalid"),
    "null": ("null", "field_invalid"),
}


@dataclass(frozen=True, slots=True)
class Money:
    """A call that moves money: a good body in which single fields are spoilt."""

    caller: Caller
    path: str
    body: Mapping[str, Any]

    async def send(self, raw: bytes | str, **headers: str) -> httpx2.Response:
        named = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return await self.caller.send("POST", self.path, content=raw, headers=named)

    def with_raw(self, field: str, raw: str) -> str:
        """The body with `field` written as `raw`."""
        mark = "☐"
        return json.dumps({**self.body, field: mark}, ensure_ascii=False).replace(f'"{mark}"', raw)


CALLS = ("quotes", "trades", "direct", "deposits", "withdrawals")
WITH_AMOUNTS = ("quotes", "direct", "deposits", "withdrawals")


@pytest.fixture
async def calls(ana: Caller, operator: Caller) -> dict[str, Money]:
    destination = {"rail": "pse", "account": "123456789", "holder": "Ana Prueba"}
    quote = {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}
    issued = good(await ana.post("/quotes", quote), 201)
    return {
        "quotes": Money(ana, "/quotes", quote),
        "trades": Money(ana, "/trades", {"quote_id": issued["id"]}),
        "direct": Money(ana, "/trades", {"asset": "USDT", "fiat": "COP", "amount": "100", "price": "4000"}),
        "deposits": Money(
            operator,
            "/deposits",
            {
                "customer_id": ana.id,
                "asset": "COP",
                "amount": "100",
                "rail": "pse",
                "reference": "bad-1",
                "payer": {"name": "Ana Prueba"},
            },
        ),
        "withdrawals": Money(ana, "/withdrawals", {"asset": "COP", "amount": "20000", "destination": destination}),
    }


async def snapshot(runtime: Runtime) -> tuple[Any, ...]:
    """Everything that stands in the books and beside them."""
    async with runtime.db.read() as reader:
        accounts = await reader.all(
            "SELECT kind, owner, asset, posted, held, number FROM ledger.account WHERE number > 0 ORDER BY 1, 2, 3"
        )
        counts = await reader.one(
            """
            SELECT (SELECT count(*) FROM ledger.transfer), (SELECT count(*) FROM ledger.hold),
                   (SELECT count(*) FROM trading.quote), (SELECT count(*) FROM trading.trade),
                   (SELECT count(*) FROM funding.deposit), (SELECT count(*) FROM funding.withdrawal),
                   (SELECT count(*) FROM runtime.idempotency)
            """
        )
    return tuple(map(tuple, accounts)), tuple(counts)


@pytest.fixture(autouse=True)
async def nothing_moves(paper: PaperHouse, calls: dict[str, Money]) -> AsyncIterator[None]:
    """Every test of this file: what was before is after."""
    before = await snapshot(paper.runtime)
    yield
    assert await snapshot(paper.runtime) == before
    assert (await paper.house.ledger.trial_balance()).balanced


@pytest.mark.parametrize("name", WITH_AMOUNTS)
async def test_no_bad_amount_moves_anything(calls: dict[str, Money], name: str) -> None:
    for case, (raw, code) in AMOUNTS.items():
        response = await calls[name].send(calls[name].with_raw("amount", raw))
        assert 400 <= response.status_code < 500, (case, response.text)
        assert response.json()["code"] == code, (case, response.text)


async def test_no_bad_price_moves_anything(calls: dict[str, Money]) -> None:
    for case, (raw, code) in PRICES.items():
        response = await calls["direct"].send(calls["direct"].with_raw("price", raw))
        assert (response.status_code // 100, response.json()["code"]) == (4, code), (case, response.text)


@pytest.mark.parametrize("name", CALLS)
async def test_no_malformed_body_moves_anything(calls: dict[str, Money], name: str) -> None:
    call = calls[name]
    text = json.dumps(call.body)
    first = next(iter(call.body))
    spoilt = {
        "empty": b"",
        "not JSON": b"{",
        "two documents": text.encode() * 2,
        "invalid UTF-8": text.encode().replace(b'"', b'"\xff', 1),
        "UTF-16": text.encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "a field twice": f'{{"{first}": "x", {text[1:]}'.encode(),
        "deep nesting": b"[" * 30_000 + b"]" * 30_000,
        "NUL in a text": call.with_raw(first, '"\\u0000"').encode(),
        "half a surrogate pair": call.with_raw(first, '"\\ud800"').encode(),
    }
    for case, raw in spoilt.items():
        response = await call.send(raw)
        assert (response.status_code, response.json()["code"]) == (400, "body_not_json"), (case, response.text)


@pytest.mark.parametrize("name", CALLS)
async def test_no_body_of_another_shape_moves_anything(calls: dict[str, Money], name: str) -> None:
    call = calls[name]
    for raw in ("[]", "null", "7", '"text"', "{}"):
        response = await call.send(raw)
        assert response.status_code == 422, response.text
    problem = refused(await call.send(json.dumps({**call.body, "extra": 1})), 422, "unknown_field")
    assert problem["facts"]["field"] == "extra"
    for field in call.body:
        response = await call.send(json.dumps({**call.body, field: [{}]}))
        assert (response.status_code, response.json()["code"]) == (422, "field_invalid"), (field, response.text)
        assert field in response.json()["facts"]["path"]


@pytest.mark.parametrize("name", CALLS)
async def test_no_missing_field_moves_anything(calls: dict[str, Money], name: str) -> None:
    call = calls[name]
    for field in set(call.body) - {"payer", "quote_id"}:
        response = await call.send(json.dumps({each: call.body[each] for each in call.body if each != field}))
        assert refused(response, 422, "field_missing")["facts"]["field"] == field


@pytest.mark.parametrize("name", CALLS)
async def test_no_huge_body_is_read(calls: dict[str, Money], name: str) -> None:
    call = calls[name]
    huge = json.dumps({**call.body, "padding": "x" * 70_000}).encode()
    refused(await call.send(huge), 413, "body_too_large")

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(huge), 1000):
            yield huge[start : start + 1000]

    headers = {"content-type": "application/json"}
    response = await call.caller.send("POST", call.path, content=in_pieces(), headers=headers)
    refused(response, 413, "body_too_large")


@pytest.mark.parametrize("name", CALLS)
async def test_only_json_is_read(calls: dict[str, Money], name: str) -> None:
    call = calls[name]
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "", "x"):
        response = await call.send(json.dumps(call.body), content_type=media_type)
        refused(response, 415, "media_type_unsupported")


async def test_an_asset_or_pair_the_house_does_not_know_is_refused(calls: dict[str, Money]) -> None:
    for name, changes, code in (
        ("quotes", {"pair": "DOGE/COP"}, "pair_unknown"),
        ("quotes", {"pair": "COP/USDT"}, "pair_unknown"),
        ("quotes", {"amount_asset": "DOGE"}, "asset_unknown"),
        ("quotes", {"amount_asset": "BTC"}, "amount_asset_wrong"),
        ("quotes", {"side": "hold"}, "field_invalid"),
        ("quotes", {"kind": "direct"}, "field_invalid"),
        ("quotes", {"amount": "0.5"}, "amount_too_small"),
        ("quotes", {"amount": "900000"}, "amount_too_large"),
        ("direct", {"asset": "DOGE"}, "asset_unknown"),
        ("direct", {"fiat": "usdt"}, "asset_unknown"),
        ("direct", {"asset": "COP", "fiat": "USDT"}, "pair_unknown"),
        ("direct", {"asset": "USDT", "fiat": "USDT"}, "pair_unknown"),
        ("direct", {"side": "BUY"}, "field_invalid"),
        ("trades", {"quote_id": "not-an-id"}, "id_invalid"),
        ("deposits", {"asset": "DOGE"}, "asset_unknown"),
        ("deposits", {"rail": "carrier_pigeon"}, "rail_unknown"),
        ("deposits", {"rail": "tron"}, "rail_asset_mismatch"),
        ("deposits", {"customer_id": "1"}, "id_invalid"),
        ("deposits", {"paid_on": "yesterday"}, "field_invalid"),
        ("deposits", {"reference": ""}, "text_invalid"),
        ("deposits", {"reference": "x" * 5000}, "text_invalid"),
        ("withdrawals", {"asset": "DOGE"}, "asset_unknown"),
        ("withdrawals", {"amount": "1"}, "withdrawal_too_small"),
        (
            "withdrawals",
            {"destination": {"rail": "pse", "account": "1", "holder": "Ana Prueba"}},
            "destination_invalid",
        ),
    ):
        call = calls[name]
        refused(await call.send(json.dumps({**call.body, **changes})), 422, code)


async def test_a_stranger_to_the_house_or_to_the_bank_account_gets_nothing(calls: dict[str, Money]) -> None:
    deposits, withdrawals = calls["deposits"], calls["withdrawals"]
    response = await deposits.send(json.dumps({**deposits.body, "customer_id": SOMEBODY}))
    refused(response, 404, "customer_not_found")
    destination = {"rail": "pse", "account": "123456789", "holder": "Someone Else"}
    response = await withdrawals.send(json.dumps({**withdrawals.body, "destination": destination}))
    refused(response, 403, "holder_mismatch")
    response = await calls["trades"].send(json.dumps({"quote_id": SOMEBODY}))
    refused(response, 404, "quote_not_found")


@pytest.mark.parametrize("name", CALLS)
async def test_nobody_moves_money_without_a_valid_key(calls: dict[str, Money], name: str) -> None:
    call = calls[name]
    good_key = call.caller.key
    wrong = "".join("a" if each != "a" else "b" for each in good_key[-4:])
    for headers in (
        {},
        {"x-api-key": ""},
        {"x-api-key": "x"},
        {"x-api-key": good_key[:-4] + wrong},
        {"x-api-key": good_key + "x"},
        {"x-api-key": "k" * 4000},
        {"authorization": f"Basic {good_key}"},
        {"authorization": "Bearer"},
    ):
        response = await call.caller.http.post(
            f"{BASE}{call.path}", json=call.body, headers={"idempotency-key": "1", **headers}
        )
        refused(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_an_ambiguous_request_is_refused(calls: dict[str, Money], ana: Caller) -> None:
    twice = [("x-api-key", ana.key), ("idempotency-key", "1"), ("idempotency-key", "2")]
    response = await ana.http.post(f"{BASE}/trades", json=calls["direct"].body, headers=twice)
    refused(response, 400, "header_repeated")
    response = await ana.send("POST", "/trades", params={"quote_id": SOMEBODY}, json=calls["direct"].body)
    refused(response, 422, "unknown_parameter")
    many = [("x-api-key", ana.key), *((f"x-{number}", "1") for number in range(70))]
    refused(await ana.http.post(f"{BASE}/trades", json={}, headers=many), 431, "headers_too_large")
    refused(await ana.post("/trades", {}, cookie="x" * 20_000), 431, "headers_too_large")
