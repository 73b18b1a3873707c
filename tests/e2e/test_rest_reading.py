"""Reading over HTTP: accounts now and then, statements, lists in pages, prices, the books."""

import csv
import io
from decimal import Decimal

import httpx2
from fastapi import FastAPI

from cambista.kernel.registry import ASSETS, PAIRS
from cambista.kernel.time import wire_time
from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, balances, good, refused
from tests.houses import PaperHouse

DIRECT = {"asset": "USDT", "fiat": "COP", "amount": "10", "price": "4000"}


async def trade_some(caller: Caller, paper: PaperHouse, count: int) -> list[str]:
    """Ids of that many trades, newest first, a second between them."""
    ids = []
    for _ in range(count):
        await paper.pass_time(1)
        ids.append(good(await caller.post("/trades", DIRECT), 201)["id"])
    return ids[::-1]


async def test_the_registry_is_open_to_anyone(http: httpx2.AsyncClient) -> None:
    assets = good(await http.get(f"{BASE}/assets"))["items"]
    assert {each["code"]: each["scale"] for each in assets} == {code: asset.scale for code, asset in ASSETS.items()}
    pairs = good(await http.get(f"{BASE}/pairs"))["items"]
    assert [each["pair"] for each in pairs] == list(PAIRS)
    assert pairs[0]["minimum"] == "1.000000"


async def test_current_prices_are_of_one_pair_or_of_all(http: httpx2.AsyncClient) -> None:
    items = good(await http.get(f"{BASE}/prices/current"))["items"]
    assert len(items) > 5
    [one] = good(await http.get(f"{BASE}/prices/current", params={"pair": "USDT/COP"}))["items"]
    assert one in items
    assert good(await http.get(f"{BASE}/prices/current", params={"pair": "USDT-COP"}))["items"] == [one]
    assert Decimal(one["bid"]) < Decimal(one["mid"]) < Decimal(one["ask"])
    refused(await http.get(f"{BASE}/prices/current", params={"pair": "X/Y"}), 422, "pair_unknown")


async def test_a_pair_nobody_speaks_of_has_no_price_rather_than_an_old_one(
    paper: PaperHouse, http: httpx2.AsyncClient, ana: Caller
) -> None:
    await paper.pass_time(3600, silent=True)
    response = await http.get(f"{BASE}/prices/current", params={"pair": "USDT/COP"})
    refused(response, 503, "no_price")
    assert int(response.headers["retry-after"]) >= 1
    refused(await ana.post("/trades", DIRECT), 503, "no_price")


async def test_price_history_gives_candles_of_the_time_asked_for(
    paper: PaperHouse, http: httpx2.AsyncClient, runtime: Runtime
) -> None:
    for _ in range(5):
        await paper.pass_time(60)
    found = good(await http.get(f"{BASE}/prices/history", params={"pair": "USDT/COP", "interval": "1m"}))
    assert len(found["items"]) >= 4
    first = found["items"][0]
    assert Decimal(first["low"]) <= Decimal(first["open"]) <= Decimal(first["high"])
    params = {"pair": "USDT/COP", "from": wire_time(runtime.now()), "to": "2020-01-01T00:00:00Z"}
    refused(await http.get(f"{BASE}/prices/history", params=params), 422, "period_invalid")
    for params, code in (
        ({"pair": "USDT/COP", "interval": "7m"}, "interval_unknown"),
        ({"pair": "USDT/COP", "from": "yesterday"}, "time_invalid"),
        ({"pair": "USDT/COP", "to": "0001-01-01T00:00:00Z"}, "time_invalid"),
        ({"pair": "USDT/COP", "limit": "5000"}, "parameter_invalid"),
        ({}, "parameter_invalid"),
    ):
        refused(await http.get(f"{BASE}/prices/history", params=params), 422, code)


async def test_one_address_may_ask_for_prices_so_often_and_is_told(http: httpx2.AsyncClient) -> None:
    statuses = []
    for _ in range(101):
        response = await http.get(f"{BASE}/prices/current", params={"pair": "USDT/COP"})
        statuses.append(response.status_code)
    assert statuses == [200] * 100 + [429]
    refused(response, 429, "too_many_requests")
    assert int(response.headers["retry-after"]) >= 1
    good(await http.get(f"{BASE}/assets"))


async def test_an_allowed_price_call_says_what_is_left(http: httpx2.AsyncClient) -> None:
    headers = (await http.get(f"{BASE}/prices/current", params={"pair": "USDT/COP"})).headers
    assert (headers["ratelimit-limit"], headers["ratelimit-remaining"]) == ("100", "99")


async def test_a_list_is_walked_page_by_page_without_gap_or_repeat(paper: PaperHouse, ana: Caller) -> None:
    ids = await trade_some(ana, paper, 5)
    walked: list[str] = []
    cursor = None
    while True:
        params = {"limit": "2"} if cursor is None else {"limit": "2", "cursor": cursor}
        page = good(await ana.get("/trades", **params))
        walked += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert walked == ids


async def test_a_cursor_of_another_list_or_none_of_ours_is_refused(paper: PaperHouse, ana: Caller) -> None:
    await trade_some(ana, paper, 2)
    cursor = good(await ana.get("/trades", limit="1"))["next_cursor"]
    for path, text in (
        ("/deposits", cursor),
        ("/trades", "x"),
        ("/trades", "AAAA"),
        ("/trades", "ñ"),
        ("/trades", cursor[:-3]),
        ("/accounts/COP/statement", cursor),
    ):
        refused(await ana.get(path, cursor=text), 422, "cursor_invalid")
    refused(await ana.get("/trades", cursor="x" * 500), 422, "parameter_invalid")
    for limit in ("0", "-1", "201", "many", "1.5"):
        refused(await ana.get("/trades", limit=limit), 422, "parameter_invalid")


async def test_staff_see_everybodys_trades_or_one_customers(
    paper: PaperHouse, ana: Caller, eva: Caller, operator: Caller
) -> None:
    [first] = await trade_some(ana, paper, 1)
    [second] = await trade_some(eva, paper, 1)
    assert [each["id"] for each in good(await operator.get("/trades"))["items"]] == [second, first]
    assert [each["id"] for each in good(await operator.get("/trades", customer_id=ana.id))["items"]] == [first]


async def test_accounts_are_read_as_of_a_moment(paper: PaperHouse, ana: Caller, operator: Caller) -> None:
    then = wire_time(paper.runtime.now())
    before = await ana.balances()
    await trade_some(ana, paper, 2)
    after = await ana.balances()
    assert after != before
    past = good(await ana.get("/accounts", as_of=then))
    assert (balances(past), past["as_of"]) == (before, then)
    assert balances(good(await ana.get("/accounts", as_of=then, basis="effective"))) == before
    assert balances(good(await operator.get(f"/customers/{ana.id}/accounts", as_of=then))) == before
    assert balances(good(await operator.get(f"/customers/{ana.id}/accounts"))) == after
    refused(await ana.get("/accounts", as_of="2026-01-01"), 422, "time_invalid")
    refused(await ana.get("/accounts", as_off=then), 422, "unknown_parameter")


async def test_a_statement_adds_up_line_by_line(paper: PaperHouse, ana: Caller) -> None:
    await trade_some(ana, paper, 3)
    lines: list[dict[str, str]] = []
    cursor = None
    while True:
        params = {"limit": "2"} if cursor is None else {"limit": "2", "cursor": cursor}
        page = good(await ana.get("/accounts/COP/statement", **params))
        lines += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    running = Decimal(0)
    for line in reversed(lines):
        running += Decimal(line["change"])
        assert Decimal(line["balance"]) == running
    assert running == (await ana.balances())["COP"][0]


async def test_a_statement_comes_as_a_file_too(paper: PaperHouse, ana: Caller) -> None:
    await trade_some(ana, paper, 2)
    response = await ana.send("GET", "/accounts/USDT/statement", headers={"accept": "text/csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="statement-USDT.csv"'
    rows = list(csv.DictReader(io.StringIO(response.text)))
    listed = good(await ana.get("/accounts/USDT/statement"))["items"]
    assert [(row["number"], row["change"], row["balance"], row["transfer_id"]) for row in rows] == [
        (str(line["number"]), line["change"], line["balance"], line["transfer_id"]) for line in listed
    ]


async def test_an_account_that_is_not_there_has_an_empty_statement(ana: Caller) -> None:
    assert good(await ana.get("/accounts/BTC/statement"))["items"] == []
    refused(await ana.get("/accounts/DOGE/statement"), 422, "asset_unknown")


async def test_the_trial_balance_of_a_moment_is_that_of_the_moment(
    paper: PaperHouse, ana: Caller, auditor: Caller
) -> None:
    then = wire_time(paper.runtime.now())
    await trade_some(ana, paper, 1)
    past = good(await auditor.get("/ledger/trial-balance", as_of=then))
    assert (past["as_of"], past["balanced"]) == (then, True)
    assert {line["asset"] for line in past["items"]} >= {"COP", "USDT"}


async def test_every_answer_carries_the_trace_it_was_asked_under(http: httpx2.AsyncClient, ana: Caller) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    response = await ana.send("GET", "/trades/x", headers={"traceparent": parent})
    assert refused(response, 422, "id_invalid")["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    response = await ana.send("GET", "/trades/x", headers={"x-request-id": "mine-1"})
    assert refused(response, 422, "id_invalid")["trace_id"] == response.headers["x-request-id"] == "mine-1"
    for wrong in ("x" * 65, "a b", "<script>", ""):
        response = await ana.send("GET", "/trades/x", headers={"x-request-id": wrong})
        assert refused(response, 422, "id_invalid")["trace_id"] == response.headers["x-request-id"] != wrong


async def test_the_trace_of_a_request_reaches_the_events_it_made(ana: Caller, runtime: Runtime) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    good(await ana.post("/trades", DIRECT, traceparent=f"00-{trace}-00f067aa0ba902b7-01"), 201)
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT name FROM runtime.outbox WHERE trace_id = $1", trace)
        journal = await reader.all("SELECT name FROM runtime.journal WHERE trace_id = $1", trace)
    assert "TradeExecuted" in {row["name"] for row in rows}
    assert "trade.execute" in {row["name"] for row in journal}


async def test_what_the_framework_says_no_to_is_a_problem_too(http: httpx2.AsyncClient, ana: Caller) -> None:
    refused(await http.get("/nowhere"), 404, "route_not_found")
    refused(await http.get(f"{BASE}/nowhere"), 404, "route_not_found")
    refused(await http.get(f"{BASE}/assets/"), 404, "route_not_found")
    response = await ana.send("PUT", "/trades")
    refused(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST"
    response = await ana.send("POST", "/assets")
    refused(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET"


async def test_answers_are_not_for_caches_sniffers_or_frames(http: httpx2.AsyncClient, ana: Caller) -> None:
    for response in (await http.get(f"{BASE}/assets"), await ana.post("/trades", DIRECT), await http.get("/api/x")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


async def test_requests_are_counted_by_template(http: httpx2.AsyncClient, ana: Caller) -> None:
    good(await ana.post("/trades", DIRECT), 201)
    await ana.get("/trades/0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b")
    await http.get("/nowhere/at/all")
    text = (await http.get("/metrics")).text
    for line in (
        'requests_total{endpoint="/api/v1/trades",method="POST",status="201"} 1.0',
        'requests_total{endpoint="/api/v1/trades/{id}",method="GET",status="404"} 1.0',
        'requests_total{endpoint="unmatched",method="GET",status="404"} 1.0',
        'request_duration_seconds_count{endpoint="/api/v1/trades",method="POST"} 1.0',
    ):
        assert line in text
    assert "0199a3c2" not in text
    assert "nowhere" not in text


async def test_the_docs_are_whole_without_anything_from_elsewhere(http: httpx2.AsyncClient, app: FastAPI) -> None:
    page = await http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for elsewhere in ("<script", "src=", "@import", "url(", 'href="http', "href=//"):
        assert elsewhere not in page.text
    document = good(await http.get("/openapi.json"))
    for path in document["paths"]:
        assert path in page.text
