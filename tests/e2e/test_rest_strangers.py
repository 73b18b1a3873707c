"""A hostile caller: another's quote, trade, account, deposit, key is not there; another's office is not open."""

from cambista.gateway.access import TABLE
from cambista.kernel.callers import Role
from tests.e2e.clients import BASE, Caller, good, refused
from tests.e2e.conftest import staff

NOBODY = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}
PAYOUT = {"rail": "pse", "account": "123456789", "holder": "Ana Prueba"}


async def test_anothers_things_are_not_there(ana: Caller, eva: Caller, treasurer: Caller) -> None:
    quote = good(await ana.post("/quotes", QUOTE), 201)["id"]
    refused(await eva.get(f"/quotes/{quote}"), 404, "quote_not_found")
    refused(await eva.post("/trades", {"quote_id": quote}), 404, "quote_not_found")
    trade = good(await ana.post("/trades", {"quote_id": quote}), 201)["id"]
    refused(await eva.get(f"/trades/{trade}"), 404, "trade_not_found")
    refused(await eva.post("/trades", {"quote_id": quote}), 404, "quote_not_found")
    withdrawal = good(await ana.post("/withdrawals", {"asset": "COP", "amount": "20000", "destination": PAYOUT}), 202)[
        "id"
    ]
    refused(await eva.get(f"/withdrawals/{withdrawal}"), 404, "withdrawal_not_found")
    deposit = good(await ana.get("/deposits"))["items"][0]["id"]
    refused(await eva.get(f"/deposits/{deposit}"), 404, "deposit_not_found")
    key = good(await ana.get("/api-keys"))["items"][0]["id"]
    refused(await eva.send("DELETE", f"/api-keys/{key}"), 404, "key_not_found")
    refused(await eva.get("/api-keys", owner_id=ana.id), 404, "principal_not_found")
    refused(await eva.post("/api-keys", {"owner_id": ana.id, "name": "Theft"}), 404, "principal_not_found")
    for path in ("/trades", "/deposits", "/withdrawals"):
        refused(await eva.get(path, customer_id=ana.id), 404, "customer_not_found")
        assert ana.id not in (await eva.get(path)).text
    good(await ana.get(f"/trades/{trade}"))
    good(await treasurer.get(f"/trades/{trade}"))


async def test_what_is_not_there_looks_the_same_as_what_is_anothers(ana: Caller, eva: Caller) -> None:
    quote = good(await ana.post("/quotes", QUOTE), 201)["id"]
    hidden = refused(await eva.get(f"/quotes/{quote}"), 404, "quote_not_found")
    missing = refused(await eva.get(f"/quotes/{NOBODY}"), 404, "quote_not_found")
    differing = {"facts", "trace_id"}
    assert {name: hidden[name] for name in hidden.keys() - differing} == {
        name: missing[name] for name in missing.keys() - differing
    }


async def test_a_customer_gets_into_no_office(ana: Caller) -> None:
    for method, path in TABLE:
        if path.startswith(BASE) and Role.CUSTOMER not in (roles := TABLE[method, path].roles) and roles:
            plain = path.removeprefix(BASE).replace("{id}", ana.id)
            refused(await ana.send(method, plain, json={}), 403, "role_denied")


async def test_an_auditor_reads_and_writes_nothing(auditor: Caller) -> None:
    for method, path in TABLE:
        if method != "GET" and path.startswith(BASE) and not path.startswith(f"{BASE}/auth/"):
            plain = path.removeprefix(BASE).replace("{id}", NOBODY)
            refused(await auditor.send(method, plain, json={}), 403, "role_denied")
    for path in ("/customers", "/deposits", "/withdrawals", "/trades", "/ledger/trial-balance", "/principals"):
        good(await auditor.get(path))


async def test_a_narrowed_key_does_what_it_is_for_and_no_more(ana: Caller) -> None:
    made = good(await ana.post("/api-keys", {"name": "Reader", "scopes": ["accounts:read", "trades:read"]}), 201)
    reader = Caller(ana.http, made["key"], ana.id)
    good(await reader.get("/accounts"))
    good(await reader.get("/trades"))
    for path, body in (("/quotes", QUOTE), ("/trades", {"quote_id": NOBODY}), ("/api-keys", {"name": "More"})):
        refused(await reader.post(path, body), 403, "scope_missing")
    refused(await reader.get("/withdrawals"), 403, "scope_missing")


async def test_the_owner_of_the_money_does_not_approve_it(admin: Caller, ana: Caller) -> None:
    body = {"asset": "COP", "amount": "20000", "destination": PAYOUT}
    asked = good(await ana.post("/withdrawals", body), 202)
    for role in ("operator", "compliance", "auditor", "partner"):
        caller = await staff(admin, role)
        refused(await caller.post(f"/withdrawals/{asked['id']}/approve"), 403, "role_denied")
    refused(await ana.post(f"/withdrawals/{asked['id']}/approve"), 403, "role_denied")
