"""The idempotency matrix over HTTP: same body, other body, at once, other callers and processes, refusals, crashes."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, good, refused
from tests.e2e.conftest import MakeCustomer
from tests.houses import PaperHouse

DIRECT = {"asset": "USDT", "fiat": "COP", "amount": "10", "price": "4000"}
KEY = "matrix-1"
PAYOUT = {"asset": "COP", "amount": "20000", "destination": {"rail": "pse", "account": "1234", "holder": "Ana Prueba"}}


async def trades_of(caller: Caller) -> int:
    return len(good(await caller.get("/trades"))["items"])


def is_replay(response: httpx2.Response) -> bool:
    return response.headers.get("idempotent-replayed") == "true"


async def test_the_same_key_and_body_give_the_same_bytes_and_move_money_once(ana: Caller) -> None:
    first = await ana.post("/trades", DIRECT, idempotency_key=KEY)
    second = await ana.post("/trades", DIRECT, idempotency_key=KEY)
    assert (first.status_code, is_replay(first)) == (201, False)
    assert (second.status_code, is_replay(second)) == (201, True)
    assert first.content == second.content
    assert await trades_of(ana) == 1


async def test_a_body_that_is_spaced_or_ordered_otherwise_is_the_same_body(ana: Caller) -> None:
    first = await ana.post("/trades", DIRECT, idempotency_key=KEY)
    text = json.dumps(dict(reversed(DIRECT.items())), indent=4)
    headers = {"content-type": "application/json; charset=utf-8", "idempotency-key": KEY}
    second = await ana.send("POST", "/trades", content=text, headers=headers)
    assert second.content == first.content


async def test_the_same_key_with_another_body_is_refused(ana: Caller) -> None:
    good(await ana.post("/trades", DIRECT, idempotency_key=KEY), 201)
    refused(await ana.post("/trades", {**DIRECT, "amount": "11"}, idempotency_key=KEY), 422, "idempotency_key_reused")
    quote = good(await ana.post("/quotes", {"pair": "USDT/COP", "side": "buy", "amount": "5", "amount_asset": "USDT"}))
    other_form = await ana.post("/trades", {"quote_id": quote["id"]}, idempotency_key=KEY)
    refused(other_form, 422, "idempotency_key_reused")
    assert await trades_of(ana) == 1


async def test_requests_at_once_with_one_key_are_one_trade(ana: Caller) -> None:
    responses = await asyncio.gather(*(ana.post("/trades", DIRECT, idempotency_key=KEY) for _ in range(20)))
    assert {response.status_code for response in responses} == {201}
    assert len({response.content for response in responses}) == 1
    assert await trades_of(ana) == 1


async def test_requests_at_once_with_one_key_and_two_bodies_are_one_trade(ana: Caller) -> None:
    bodies = [{**DIRECT, "amount": str(10 + index % 2)} for index in range(10)]
    responses = await asyncio.gather(*(ana.post("/trades", body, idempotency_key=KEY) for body in bodies))
    codes = sorted(response.status_code for response in responses)
    assert codes == [201] * 5 + [422] * 5
    assert await trades_of(ana) == 1


async def test_another_caller_may_use_the_same_key(ana: Caller, eva: Caller) -> None:
    first = good(await ana.post("/trades", DIRECT, idempotency_key=KEY), 201)
    second = good(await eva.post("/trades", DIRECT, idempotency_key=KEY), 201)
    assert first["id"] != second["id"]


async def test_another_endpoint_may_use_the_same_key(ana: Caller) -> None:
    good(await ana.post("/trades", DIRECT, idempotency_key=KEY), 201)
    good(await ana.post("/withdrawals", PAYOUT, idempotency_key=KEY), 202)


async def test_another_key_of_the_same_caller_shares_its_memory(ana: Caller) -> None:
    first = await ana.post("/trades", DIRECT, idempotency_key=KEY)
    key = good(await ana.post("/api-keys", {"name": "Second"}), 201)["key"]
    second = await Caller(ana.http, key, ana.id).post("/trades", DIRECT, idempotency_key=KEY)
    assert second.content == first.content


async def test_a_refusal_is_not_remembered(make_customer: MakeCustomer, operator: Caller) -> None:
    poor = await make_customer("poor", COP="1000")
    refused(await poor.post("/trades", DIRECT, idempotency_key=KEY), 409, "insufficient_funds")
    deposit = {
        "customer_id": poor.id, "asset": "COP", "amount": "100000", "rail": "pse", "reference": "later",
        "payer": {"name": "Poor Prueba"},
    }  # fmt: skip
    good(await operator.post("/deposits", deposit), 201)
    good(await poor.post("/trades", DIRECT, idempotency_key=KEY), 201)


async def test_an_answer_lost_after_the_commit_is_found_again(paper: PaperHouse, ana: Caller) -> None:
    def crash(point: str) -> None:
        if point == "after_commit":
            raise RuntimeError("the process dies here")

    paper.runtime.db.fault = crash
    refused(await ana.post("/trades", DIRECT, idempotency_key=KEY), 500, "internal_error")
    paper.runtime.db.fault = lambda point: None
    again = await ana.post("/trades", DIRECT, idempotency_key=KEY)
    assert good(again, 201)["status"] == "success"
    assert is_replay(again)
    assert await trades_of(ana) == 1


async def test_work_lost_before_the_commit_is_done_on_the_next_try(paper: PaperHouse, ana: Caller) -> None:
    def crash(point: str) -> None:
        if point == "before_commit":
            raise RuntimeError("the process dies here")

    paper.runtime.db.fault = crash
    refused(await ana.post("/trades", DIRECT, idempotency_key=KEY), 500, "internal_error")
    paper.runtime.db.fault = lambda point: None
    assert await trades_of(ana) == 0
    again = await ana.post("/trades", DIRECT, idempotency_key=KEY)
    assert not is_replay(again)
    assert good(again, 201)["status"] == "success"
    assert await trades_of(ana) == 1


async def test_money_moving_requests_need_a_key(ana: Caller, operator: Caller, treasurer: Caller) -> None:
    id = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
    deposit = {"customer_id": ana.id, "asset": "COP", "amount": "1", "rail": "pse", "reference": "x"}
    for caller, path, body in (
        (ana, "/trades", DIRECT),
        (ana, "/trades", {"quote_id": id}),
        (ana, "/withdrawals", PAYOUT),
        (operator, "/deposits", deposit),
        (treasurer, f"/deposits/{id}/approve", {}),
        (treasurer, f"/deposits/{id}/reject", {}),
        (treasurer, f"/withdrawals/{id}/approve", {}),
        (treasurer, f"/withdrawals/{id}/reject", {}),
    ):
        response = await caller.http.post(f"{BASE}{path}", json=body, headers={"X-API-Key": caller.key})
        refused(response, 422, "idempotency_key_required")
    assert await trades_of(ana) == 0


@pytest.mark.parametrize("key", ("", "two words", "ñandú", "x" * 129, "tab\tinside"))
async def test_a_key_that_is_no_key_is_refused(ana: Caller, key: str) -> None:
    headers = [(b"x-api-key", ana.key.encode()), (b"idempotency-key", key.encode())]
    response = await ana.http.post(f"{BASE}/trades", json=DIRECT, headers=headers)
    refused(response, 422, "idempotency_key_invalid")
    assert await trades_of(ana) == 0


async def test_the_longest_key_works(ana: Caller) -> None:
    good(await ana.post("/trades", DIRECT, idempotency_key="~" * 128), 201)


async def test_an_approval_is_repeated_not_counted_twice(ana: Caller, treasurer: Caller) -> None:
    asked = good(await ana.post("/withdrawals", PAYOUT, idempotency_key=KEY), 202)
    assert good(await ana.post("/withdrawals", PAYOUT, idempotency_key=KEY), 202) == asked
    path = f"/withdrawals/{asked['id']}/approve"
    first = await treasurer.post(path, idempotency_key=KEY)
    second = await treasurer.post(path, idempotency_key=KEY)
    assert first.content == second.content
    other = good(await ana.post("/withdrawals", {**PAYOUT, "amount": "30000"}), 202)
    reused = await treasurer.post(f"/withdrawals/{other['id']}/approve", idempotency_key=KEY)
    refused(reused, 422, "idempotency_key_reused")


async def test_a_deposit_is_repeated_not_booked_twice(ana: Caller, operator: Caller) -> None:
    before = (await ana.balances())["COP"][0]
    body = {
        "customer_id": ana.id, "asset": "COP", "amount": "5000", "rail": "pse", "reference": "ONCE",
        "payer": {"name": "Ana Prueba"},
    }  # fmt: skip
    first = await operator.post("/deposits", body, idempotency_key=KEY)
    second = await operator.post("/deposits", body, idempotency_key=KEY)
    assert (first.content, is_replay(second)) == (second.content, True)
    assert (await ana.balances())["COP"][0] == before + Decimal(5000)


async def test_a_repeated_quote_reserves_the_till_once(ana: Caller) -> None:
    body = {"pair": "USDT/COP", "side": "buy", "amount": "5", "amount_asset": "USDT"}
    first, second = [await ana.post("/quotes", body, idempotency_key=KEY) for _ in range(2)]
    assert first.content == second.content
    assert good(await ana.get(f"/quotes/{first.json()['id']}")) == first.json()


async def test_a_made_key_is_shown_once_and_never_stored(ana: Caller, runtime: Runtime) -> None:
    first = await ana.post("/api-keys", {"name": "Bot"}, idempotency_key=KEY)
    second = await ana.post("/api-keys", {"name": "Bot"}, idempotency_key=KEY)
    secret = good(first, 201)["key"]
    assert good(second, 201) == {name: value for name, value in first.json().items() if name != "key"}
    async with runtime.db.read() as reader:
        stored = await reader.value("SELECT string_agg(encode(body, 'escape'), '') FROM runtime.idempotency")
    assert first.json()["id"] in stored
    assert secret not in stored


async def test_two_processes_that_get_the_same_request_trade_once(
    app: FastAPI, ana: Caller, second_house: Callable[[], Any]
) -> None:
    async with second_house() as other:
        transport = httpx2.ASGITransport(other, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://house", timeout=60) as client:
            twin = Caller(client, ana.key, ana.id)
            first, second = await asyncio.gather(
                ana.post("/trades", DIRECT, idempotency_key=KEY), twin.post("/trades", DIRECT, idempotency_key=KEY)
            )
    assert {first.status_code, second.status_code} == {201}
    assert first.content == second.content
    assert await trades_of(ana) == 1
