"""The main road over HTTP: from a registered customer to a settled trade and money paid out."""

import asyncio
from decimal import Decimal

import httpx2

from cambista.runtime import Runtime
from tests.e2e.clients import Caller, good, refused, signing
from tests.e2e.conftest import MakeCustomer, staff
from tests.houses import PaperHouse

QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}
DIRECT = {"asset": "USDT", "fiat": "COP", "amount": 100, "price": 4000}
PAYOUT = {"rail": "pse", "account": "123456789", "holder": "Ana Prueba"}


async def test_a_customer_goes_all_the_way_from_registration_to_a_payout(
    paper: PaperHouse, ana: Caller, treasurer: Caller, auditor: Caller
) -> None:
    quote = good(await ana.post("/quotes", QUOTE), 201)
    assert quote["kind"] == "firm"
    assert quote["rung"] == "live"
    assert quote["receipt"]["content"]
    trade = good(await ana.post("/trades", {"quote_id": quote["id"]}), 201)
    assert trade["status"] == "success"
    for field in ("price", "base_amount", "quote_amount", "fee", "pair", "side"):
        assert trade[field] == quote[field]
    paid = Decimal(quote["quote_amount"])
    assert await ana.balances() == {
        "COP": (Decimal(10_000_000) - paid, Decimal(0)),
        "USDT": (Decimal(1100), Decimal(0)),
    }
    asked = good(await ana.post("/withdrawals", {"asset": "COP", "amount": "50000", "destination": PAYOUT}), 202)
    assert (asked["status"], asked["approvals_needed"]) == ("requested", 1)
    assert (await ana.balances())["COP"] == (Decimal(10_000_000) - paid, Decimal(50_000))
    sent = good(await treasurer.post(f"/withdrawals/{asked['id']}/approve"), 200)
    assert sent["status"] == "sent"
    assert (await ana.balances())["COP"] == (Decimal(9_950_000) - paid, Decimal(0))
    books = good(await auditor.get("/ledger/trial-balance"))
    assert books["balanced"]
    assert {Decimal(line["total"]) for line in books["items"]} == {Decimal(0)}
    transfer = good(await auditor.get(f"/ledger/transfers/{sent['transfer_id']}"))
    assert transfer["postings"] == [
        {"source": f"customer:{ana.id}", "destination": "world:bank:pse", "asset": "COP", "amount": "50000.00"}
    ]
    assert await paper.house.ledger.check() == []


async def test_trade_endpoint(ana: Caller) -> None:
    """Section 6.1 of the specification: the integration test of `POST /api/v1/trades`."""
    response = await ana.post("/trades", {"asset": "USDT", "fiat": "COP", "amount": 100, "price": 4000})
    assert response.status_code == 201
    assert response.json()["status"] == "success"
    assert response.json()["order_id"]


async def test_concurrent_trades(paper: PaperHouse, make_customer: MakeCustomer) -> None:
    """Section 6.1 of the specification: 100 trades at once, all of them done, each of them once."""
    rich = await make_customer("rich", COP="100000000")
    responses = await asyncio.gather(*(rich.post("/trades", DIRECT) for _ in range(100)))
    assert [response.status_code for response in responses] == [201] * 100
    assert len({response.json()["id"] for response in responses}) == 100
    paid = sum((Decimal(response.json()["quote_amount"]) for response in responses), Decimal(0))
    assert await rich.balances() == {
        "COP": (Decimal(100_000_000) - paid, Decimal(0)),
        "USDT": (Decimal(10_000), Decimal(0)),
    }
    assert await paper.house.ledger.check() == []


async def test_a_trade_beyond_the_funds_is_refused_and_moves_nothing(eva: Caller) -> None:
    """Section 6.1 of the specification: insufficient funds."""
    before = await eva.balances()
    refused(await eva.post("/trades", {**DIRECT, "amount": 10_000}), 409, "insufficient_funds")
    quote = good(await eva.post("/quotes", {**QUOTE, "amount": "5000"}), 201)
    refused(await eva.post("/trades", {"quote_id": quote["id"]}), 409, "insufficient_funds")
    assert await eva.balances() == before


async def test_a_direct_trade_is_refused_when_the_house_is_worse_than_the_price_given(ana: Caller) -> None:
    problem = refused(await ana.post("/trades", {**DIRECT, "price": "3000"}), 409, "price_moved")
    assert problem["facts"]["limit"] == "3000"
    assert Decimal(problem["facts"]["price"]) > 3000
    refused(await ana.post("/trades", {**DIRECT, "side": "sell", "price": "4500"}), 409, "price_moved")
    assert good(await ana.post("/trades", {**DIRECT, "side": "sell", "price": "3000"}), 201)["side"] == "sell"


async def test_a_quote_is_traded_once_and_not_after_it_has_expired(paper: PaperHouse, ana: Caller) -> None:
    quote = good(await ana.post("/quotes", QUOTE), 201)
    good(await ana.post("/trades", {"quote_id": quote["id"]}), 201)
    refused(await ana.post("/trades", {"quote_id": quote["id"]}), 409, "quote_taken")
    late = good(await ana.post("/quotes", QUOTE), 201)
    await paper.pass_time(16)
    refused(await ana.post("/trades", {"quote_id": late["id"]}), 409, "quote_expired")


async def test_a_reference_quote_informs_and_cannot_be_traded(ana: Caller) -> None:
    quote = good(await ana.post("/quotes", {**QUOTE, "kind": "reference", "side": "sell"}), 201)
    refused(await ana.post("/trades", {"quote_id": quote["id"]}), 409, "quote_not_firm")


async def test_a_quote_may_be_asked_for_in_the_quote_asset(ana: Caller) -> None:
    quote = good(await ana.post("/quotes", {**QUOTE, "amount": 400_000, "amount_asset": "COP"}), 201)
    assert 399_000 < Decimal(quote["quote_amount"]) <= 400_000
    assert good(await ana.get(f"/quotes/{quote['id']}"))["receipt"] == quote["receipt"]


async def test_a_withdrawal_needs_other_eyes_and_above_the_limit_two_pairs_of_them(
    admin: Caller, ana: Caller, make_customer: MakeCustomer, treasurer: Caller, runtime: Runtime
) -> None:
    rich = await make_customer("rich", COP="100000000")
    body = {"asset": "COP", "amount": "50000000", "destination": {**PAYOUT, "holder": "Rich Prueba"}}
    refused(await rich.post("/withdrawals", body), 403, "step_up_required")
    asked = good(await (await signing(admin, rich.id, runtime.now)).post("/withdrawals", body), 202)
    assert asked["approvals_needed"] == 2
    refused(await treasurer.post(f"/withdrawals/{asked['id']}/approve"), 403, "step_up_required")
    treasurer = await signing(admin, treasurer.id, runtime.now)
    first = good(await treasurer.post(f"/withdrawals/{asked['id']}/approve", {"note": "Seen"}))
    assert (first["status"], first["approvals"]) == ("requested", 1)
    again = good(await treasurer.post(f"/withdrawals/{asked['id']}/approve"))
    assert (again["status"], again["approvals"]) == ("requested", 1)
    other = await signing(admin, (await staff(admin, "treasurer")).id, runtime.now)
    assert good(await other.post(f"/withdrawals/{asked['id']}/approve"))["status"] == "sent"
    refused(await ana.post(f"/withdrawals/{asked['id']}/approve"), 403, "role_denied")


async def test_a_rejected_withdrawal_gives_the_money_back(ana: Caller, treasurer: Caller) -> None:
    before = await ana.balances()
    asked = good(await ana.post("/withdrawals", {"asset": "COP", "amount": "50000", "destination": PAYOUT}), 202)
    assert good(await treasurer.post(f"/withdrawals/{asked['id']}/reject"))["status"] == "rejected"
    assert await ana.balances() == before
    refused(await treasurer.post(f"/withdrawals/{asked['id']}/approve"), 409, "withdrawal_decided")


async def test_a_deposit_by_somebody_else_waits_for_a_second_person(
    ana: Caller, operator: Caller, treasurer: Caller
) -> None:
    before = await ana.balances()
    body = {
        "customer_id": ana.id, "asset": "COP", "amount": "5000", "rail": "pse", "reference": "X-1",
        "payer": {"name": "Otra Persona"},
    }  # fmt: skip
    deposit = good(await operator.post("/deposits", body), 201)
    assert (deposit["status"], deposit["review_reason"]) == ("review", "payer_mismatch")
    assert await ana.balances() == before
    refused(await operator.post(f"/deposits/{deposit['id']}/approve"), 403, "role_denied")
    assert good(await treasurer.post(f"/deposits/{deposit['id']}/approve"))["status"] == "credited"
    assert (await ana.balances())["COP"][0] == before["COP"][0] + 5000


async def test_the_same_payment_twice_is_one_deposit(ana: Caller, operator: Caller) -> None:
    before = await ana.balances()
    body = {
        "customer_id": ana.id, "asset": "COP", "amount": "5000", "rail": "pse", "reference": "SAME-1",
        "payer": {"name": "Ana Prueba"},
    }  # fmt: skip
    first, second = [good(await operator.post("/deposits", body), 201) for _ in range(2)]
    assert first == second
    assert (await ana.balances())["COP"][0] == before["COP"][0] + 5000
    refused(await operator.post("/deposits", {**body, "amount": "6000"}), 409, "deposit_conflict")


async def test_a_partner_trades_for_itself(admin: Caller, operator: Caller) -> None:
    partner = await staff(admin, "partner")
    body = {
        "customer_id": partner.id, "asset": "COP", "amount": "1000000", "rail": "pse", "reference": "P-1",
        "payer": {"name": "The partner"},
    }  # fmt: skip
    assert good(await operator.post("/deposits", body), 201)["status"] == "credited"
    good(await partner.post("/trades", DIRECT), 201)
    assert (await partner.balances())["USDT"] == (Decimal(100), Decimal(0))


async def test_a_revoked_key_stops_at_once(ana: Caller, admin: Caller, http: httpx2.AsyncClient) -> None:
    made = good(await ana.post("/api-keys", {"name": "Second", "scopes": ["accounts:read"]}), 201)
    second = Caller(http, made["key"], ana.id)
    good(await second.get("/accounts"))
    refused(await second.post("/trades", DIRECT), 403, "scope_missing")
    good(await ana.send("DELETE", f"/api-keys/{made['id']}"))
    refused(await second.get("/accounts"), 401, "unauthenticated")
    listed = good(await ana.get("/api-keys"))["items"]
    assert "key" not in listed[0]
    assert {each["name"]: each["revoked_at"] is not None for each in listed} == {"Second": True, "Test": False}


async def test_a_blocked_customer_is_out_and_its_money_stays(ana: Caller, admin: Caller, auditor: Caller) -> None:
    good(await admin.post(f"/principals/{ana.id}/block", {"reason": "Case 1"}))
    refused(await ana.get("/accounts"), 401, "unauthenticated")
    held = good(await auditor.get(f"/customers/{ana.id}/accounts"))
    assert Decimal(held["items"][0]["posted"]) == 10_000_000
    good(await admin.post(f"/principals/{ana.id}/unblock", {"reason": "Case 1 closed"}))
    good(await ana.get("/accounts"))
