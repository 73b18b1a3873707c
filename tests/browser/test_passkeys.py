"""A real Chromium makes and shows passkeys: it understands what the house asks for, and the house its answers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

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
