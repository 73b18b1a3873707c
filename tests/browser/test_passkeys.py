"""A real Chromium makes and shows passkeys: it understands what the house asks for, and the house its answers."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Browser, Page, Route

from cambista.console.entrance import proof_of
from cambista.console.gate import STRICT
from cambista.console.office_texts import words_in
from cambista.console.sign_in import Door, second_factor_page
from cambista.console.texts import Language
from cambista.identity import FactorKind, Identity, NewSession, Proof
from cambista.runtime import Runtime
from tests.integration.identity.authenticator import ORIGIN
from tests.integration.identity.persons import CHEAP, open_town

pytestmark = pytest.mark.browser

CREATE = """async options => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({publicKey})).toJSON();
}"""
GET = """async options => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({publicKey})).toJSON();
}"""


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty page of the house's origin, with an authenticator inside the browser that verifies its user."""
    context = await browser.new_context()
    page = await context.new_page()

    async def empty(route: Route) -> None:
        await route.fulfill(body="<!doctype html><title>House</title>", content_type="text/html")

    await page.route(f"{ORIGIN}/**", empty)
    await page.goto(f"{ORIGIN}/")
    devtools = await context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True,
    }  # fmt: skip
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page
    await context.close()


async def test_chromium_makes_a_passkey_and_logs_in_with_it(page: Page, runtime: Runtime) -> None:
    town = open_town(runtime, Identity(runtime, CHEAP))
    ana = await town.customer()
    caller = await ana.plain_session()
    made: dict[str, Any] = await page.evaluate(CREATE, await town.identity.factors.begin_passkey(caller))
    passkey, codes = await town.identity.factors.confirm_passkey(caller, "Chromium", made)
    assert (passkey.name, len(codes)) == ("Chromium", 10)
    for _ in range(2):
        ticket = await ana.ticket()
        shown = await page.evaluate(GET, await town.identity.second_steps.ask_passkey(ticket))
        assert isinstance(await ana.second_step(ticket, Proof(FactorKind.PASSKEY, assertion=shown)), NewSession)


async def test_the_consoles_second_step_takes_a_passkey_under_its_strict_policy(page: Page, runtime: Runtime) -> None:
    town = open_town(runtime, Identity(runtime, CHEAP))
    eva = await town.staff()
    caller = await eva.plain_session()
    made: dict[str, Any] = await page.evaluate(CREATE, await town.identity.factors.begin_passkey(caller))
    await town.identity.factors.confirm_passkey(caller, "Chromium", made)
    ticket = await eva.ticket()
    options = json.dumps(await town.identity.second_steps.ask_passkey(ticket))
    markup = second_factor_page(Door(Language.EN, "/console", "Cambista"), ("passkey", "recovery"), options)
    sent: list[str] = []

    async def serve(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.post_data or "")
            await route.fulfill(body="<!doctype html><h1>Desk</h1>", content_type="text/html")
        elif route.request.url.endswith("passkey.js"):
            await route.fulfill(path="src/cambista/console/assets/passkey.js", content_type="text/javascript")
        else:
            await route.fulfill(body=markup, content_type="text/html", headers={"content-security-policy": STRICT})

    await page.route(f"{ORIGIN}/**", serve)
    await page.goto(f"{ORIGIN}/console/sign-in")
    await page.get_by_role("button", name=words_in(Language.EN).second_passkey).click()
    await page.wait_for_selector("h1:text-is('Desk')")
    form = {name: value for name, [value] in parse_qs(sent[0]).items()}
    assert isinstance(await eva.second_step(ticket, proof_of(form)), NewSession)
