"""Forgetting over HTTP: a person with login, phone and authenticator; one who traded, and what is left of it."""

import httpx2
import pytest

from tests.e2e.clients import BASE, Caller, good, refused
from tests.e2e.conftest import staff
from tests.e2e.test_nothing_clear import everything, shown
from tests.e2e.test_rest_second_factors import PASSWORD, PHONE, Walk, enrol, walk
from tests.houses import PaperHouse

__all__ = ["walk"]
EMAIL, NAME = "ana@example.com", "Ana Prueba"
QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}
TEN_YEARS_S = 3653 * 86400


@pytest.fixture
async def desk(walk: Walk) -> Caller:
    """An admin's key."""
    path = await walk.house.identity.bootstrap(walk.letters.parent)
    assert path is not None
    return Caller(walk.http, path.read_text().strip())


async def test_a_person_is_forgotten_and_may_come_again(walk: Walk, desk: Caller, dsn: str) -> None:
    await walk.register(EMAIL)
    opened = await walk.log_in(EMAIL)
    ana = walk.session(opened)
    await enrol(walk, ana)
    good(await ana.post("/auth/sms", {"phone": PHONE}), 202)
    good(await ana.post("/auth/sms/confirm", {"code": await walk.sms_code()}))
    rows = await everything(dsn)
    assert {text for text in (EMAIL, NAME, PHONE, PHONE[3:]) if shown(rows, text)} == set()

    compliance = await staff(desk, "compliance")
    first = good(await compliance.post(f"/customers/{ana.id}/forget"), 200)
    walk.clock.advance(5)
    assert good(await compliance.post(f"/customers/{ana.id}/forget"), 200) == first
    found = good(await desk.get(f"/customers/{ana.id}"))
    assert (found["full_name"], found["email"], found["status"]) == ("[erased]", "[erased]", "blocked")
    refused(await ana.get("/accounts"), 401, "unauthenticated")
    again = await walk.post("/login", {"email": EMAIL, "password": PASSWORD, "device": walk.device})
    refused(again, 401, "login_failed")

    await walk.register(EMAIL)
    returned = await walk.log_in(EMAIL)
    assert returned["owner_id"] != ana.id


async def test_after_ten_years_the_person_is_gone_and_the_record_is_whole(
    paper: PaperHouse, ana: Caller, admin: Caller
) -> None:
    compliance, treasurer = await staff(admin, "compliance"), await staff(admin, "treasurer")
    quote = good(await ana.post("/quotes", QUOTE), 201)
    trade = good(await ana.post("/trades", {"quote_id": quote["id"]}), 201)
    refused(await compliance.post(f"/customers/{ana.id}/forget"), 409, "customer_has_money")
    for asset, (posted, _) in (await ana.balances()).items():
        to = (
            {"rail": "tron", "account": "TENpFhbovoWfG1g6JLKoxo7BRhjdZ9DRR1"}
            if asset == "USDT"
            else {"rail": "pse", "account": "123456789"}
        )
        payout = {"asset": asset, "amount": str(posted), "destination": {**to, "holder": NAME}}
        asked = good(await ana.post("/withdrawals", payout), 202)
        good(await treasurer.post(f"/withdrawals/{asked['id']}/approve"), 200)
    until = refused(await compliance.post(f"/customers/{ana.id}/forget"), 409, "customer_kept")["facts"]["until"]
    assert until.startswith("2036-09-29")

    paper.clock.advance(TEN_YEARS_S)
    good(await compliance.post(f"/customers/{ana.id}/forget"), 200)
    for kind in ("deposits", "withdrawals"):
        shown_rows = good(await admin.get(f"/{kind}", customer_id=ana.id))["items"]
        assert len(shown_rows) == 2
        assert "Prueba" not in str(shown_rows)
        assert "[erased]" in str(shown_rows)
    books = good(await admin.get("/ledger/trial-balance"))
    assert books["balanced"]
    assert await paper.house.ledger.check() == []
    assert good(await admin.get(f"/ledger/transfers/{trade['id']}"))["postings"]
    await paper.house.audit.sealer.seal()
    assert (await paper.house.audit.verify()).good


@pytest.mark.parametrize("role", ["operator", "treasurer", "auditor"])
async def test_others_of_the_staff_forget_nobody(admin: Caller, ana: Caller, role: str) -> None:
    refused(await (await staff(admin, role)).post(f"/customers/{ana.id}/forget"), 403, "role_denied")
    refused(await ana.post(f"/customers/{ana.id}/forget"), 403, "role_denied")


async def test_a_stranger_forgets_nobody(http: httpx2.AsyncClient, ana: Caller) -> None:
    refused(await http.post(f"{BASE}/customers/{ana.id}/forget"), 401, "unauthenticated")
