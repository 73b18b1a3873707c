"""The consent page in a customer's browser: password, second factor, yes or no; and what other sites cannot do."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest

from cambista.identity.rules import factors
from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, good
from tests.e2e.conftest import staff
from tests.e2e.partners import BACK, Pkce, exchange, parameters, pkce, register, wish
from tests.e2e.test_rest_auth import CHEAP, PASSWORD, Browser, Mail, become
from tests.houses import PaperHouse, paper_house, settings

EMAIL = "ana@example.com"
HIDDEN = re.compile(r'<input type=hidden name="([^"]*)" value="([^"]*)">')


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime, settings(identity=CHEAP)) as made:
        yield made


@pytest.fixture
async def ana(http: httpx2.AsyncClient, paper: PaperHouse) -> Browser:
    """A customer with a password, signed in elsewhere."""
    return await become(Browser(http), Mail(paper), EMAIL)


@pytest.fixture
async def client(admin: Caller) -> dict[str, Any]:
    return await register(admin, (await staff(admin, "partner")).id, name="Remesas <b>Ya</b>")


class Page:
    """What a browser without scripts does with the page: it keeps the cookie and sends the form as it stands."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self.answer: httpx2.Response = httpx2.Response(0)

    async def open(self, asked: dict[str, str], **headers: str) -> httpx2.Response:
        self.answer = await self._http.get(f"/oauth/authorize?{urlencode(asked)}", headers=headers)
        return self.answer

    def hidden(self) -> dict[str, str]:
        return {unescape(name): unescape(value) for name, value in HIDDEN.findall(self.answer.text)}

    async def send(self, headers: dict[str, str] | None = None, **typed: str) -> httpx2.Response:
        form = {**self.hidden(), "decision": "agree", **typed}
        own = {"origin": "http://house", "sec-fetch-site": "same-origin", **(headers or {})}
        self.answer = await self._http.post("/oauth/consent", data=form, headers=own)
        return self.answer


@pytest.fixture
def page(http: httpx2.AsyncClient) -> Page:
    return Page(http)


def asked(client: dict[str, Any], proof: Pkce, **other: str) -> dict[str, str]:
    found = wish(client, proof, **other)
    del found["decision"]
    return found


def went_back(answer: httpx2.Response) -> dict[str, str]:
    """The parameters with which the browser is sent back to the client."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{BACK}?")
    return parameters(answer.headers["location"])


async def test_a_customer_signs_in_and_agrees(
    page: Page, http: httpx2.AsyncClient, ana: Browser, client: dict[str, Any]
) -> None:
    proof = pkce()
    shown = await page.open(asked(client, proof), **{"accept-language": "en-GB,en;q=0.9"})
    assert shown.status_code == 200
    assert "Remesas &lt;b&gt;Ya&lt;/b&gt; asks for access to your account at Cambista" in shown.text
    assert "buy and sell with your money" in shown.text
    back = went_back(await page.send(email=EMAIL, password=PASSWORD))
    assert (back["state"], back["iss"]) == ("af0if", "http://localhost:8000")
    tokens = good(await exchange(http, client, back["code"], proof))
    answer = await http.get(f"{BASE}/accounts", headers={"authorization": f"Bearer {tokens['access_token']}"})
    assert answer.status_code == 200
    # The session of the page was for this alone; the customer's own lives on.
    assert len(good(await ana.get("/auth/sessions"))["items"]) == 1


async def test_a_customer_with_a_second_factor_shows_it(
    page: Page, http: httpx2.AsyncClient, ana: Browser, client: dict[str, Any], paper: PaperHouse
) -> None:
    made = good(await ana.post("/auth/totp"), 201)
    step = factors.time_step(paper.clock.now())
    good(await ana.post("/auth/totp/confirm", {"code": factors.totp_code(made["secret"], step)}))
    proof = pkce()
    await page.open(asked(client, proof, ui_locales="es"))
    second = await page.send(email=EMAIL, password=PASSWORD)
    assert second.status_code == 200
    assert "Muestre su segundo factor para aceptar." in second.text
    wrong = await page.send(method="totp", code="000000")
    assert (wrong.status_code, "El código no es correcto" in wrong.text) == (403, True)
    paper.clock.advance(30)
    code = factors.totp_code(made["secret"], step + 1)
    back = went_back(await page.send(method="totp", code=code))
    good(await exchange(http, client, back["code"], proof))


async def test_a_wrong_password_shows_the_page_again_without_it(
    page: Page, ana: Browser, client: dict[str, Any]
) -> None:
    await page.open(asked(client, pkce()))
    wrong = await page.send(email=EMAIL, password="not the password at all")
    assert wrong.status_code == 401
    assert "El correo o la contraseña no son correctos." in wrong.text
    assert "not the password" not in wrong.text
    went_back(await page.send(email=EMAIL, password=PASSWORD))


async def test_a_customer_declines_without_signing_in(page: Page, client: dict[str, Any]) -> None:
    await page.open(asked(client, pkce()))
    assert went_back(await page.send(decision="decline"))["error"] == "access_denied"


async def test_nobody_agrees_with_a_strangers_name(
    page: Page, ana: Browser, client: dict[str, Any], runtime: Runtime
) -> None:
    await page.open(asked(client, pkce()))
    assert (await page.send(email="nobody@example.com", password=PASSWORD)).status_code == 401
    assert (await page.send(methods="totp", code="123456")).status_code in {401, 422}
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM identity.oauth_code") == 0


async def test_the_page_runs_nothing_is_framed_by_nobody_and_leads_back_only(
    page: Page, client: dict[str, Any]
) -> None:
    shown = await page.open(asked(client, pkce(), state='"><script>alert(1)</script>'))
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://partner.example;" in policy
    assert "script" not in policy
    assert shown.headers["x-frame-options"] == "DENY"
    assert shown.headers["cache-control"] == "no-store"
    assert "<script" not in shown.text
    assert page.hidden()["state"] == '"><script>alert(1)</script>'
    cookie = shown.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


async def test_another_site_agrees_for_nobody(page: Page, ana: Browser, client: dict[str, Any]) -> None:
    typed = {"email": EMAIL, "password": PASSWORD}

    async def refused_with(headers: dict[str, str], **other: str) -> None:
        await page.open(asked(client, pkce()))
        answer = await page.send(headers, **{**typed, **other})
        assert answer.status_code == 403, answer.headers
        assert "location" not in answer.headers

    await refused_with({}, guard="A" * 43)
    await refused_with({}, guard="")
    await refused_with({"origin": "https://evil.example"})
    await refused_with({"origin": "null"})
    await refused_with({"sec-fetch-site": "cross-site"})
    await refused_with({"cookie": "consent=" + "B" * 43})
    await refused_with({"cookie": ""})


async def test_a_client_that_lies_about_itself_gets_nobody_back(page: Page, client: dict[str, Any]) -> None:
    for changed in ({"redirect_uri": "https://evil.example/"}, {"client_id": "x"}, {"redirect_uri": f"{BACK}/x"}):
        shown = await page.open(asked(client, pkce(), **changed))
        assert shown.status_code == 400
        assert "location" not in shown.headers
        assert "evil" not in shown.text
    for changed, error in (
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "keys:write"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ):
        back = went_back(await page.open(asked(client, pkce(), **changed)))
        assert (back["error"], back["state"], urlsplit(back["iss"]).scheme) == (error, "af0if", "http")
