"""OAuth2 from end to end with a client library we did not write, and by hand where a client would not misbehave."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from fastapi import FastAPI

from cambista.runtime import Runtime
from tests.e2e.clients import BASE, Caller, good, refused
from tests.e2e.conftest import staff
from tests.e2e.partners import (
    BACK,
    SCOPES,
    agree,
    denied,
    exchange,
    parameters,
    pkce,
    register,
    sign_in,
    wish,
)
from tests.houses import PaperHouse

SecondHouse = Callable[[], AbstractAsyncContextManager[FastAPI]]
HOUSE = "http://house"
ISSUER = "http://localhost:8000"
QUOTE = {"pair": "USDT/COP", "side": "buy", "amount": "10", "amount_asset": "USDT"}


@pytest.fixture
async def partner(admin: Caller) -> Caller:
    return await staff(admin, "partner")


@pytest.fixture
async def client(admin: Caller, partner: Caller) -> dict[str, Any]:
    return await register(admin, partner.id)


@pytest.fixture
async def session(ana: Caller, runtime: Runtime) -> str:
    """Ana, signed in."""
    return await sign_in(runtime, ana.id)


@pytest.fixture
async def app_client(app: FastAPI, client: dict[str, Any]) -> AsyncIterator[AsyncOAuth2Client]:
    """Authlib's client, with the secret in HTTP Basic and PKCE."""
    async with AsyncOAuth2Client(
        client["id"], client["client_secret"], transport=to(app), base_url=HOUSE, redirect_uri=BACK,
        scope=" ".join(SCOPES), code_challenge_method="S256", token_endpoint_auth_method="client_secret_basic",
    ) as made:  # fmt: skip
        yield made


def to(app: FastAPI) -> httpx2.ASGITransport:
    return httpx2.ASGITransport(app, raise_app_exceptions=False)


async def code_for(http: httpx2.AsyncClient, client: dict[str, Any], session: str) -> tuple[str, Any]:
    """A code the customer let the client have, and what was drawn for it."""
    proof = pkce()
    return (await agree(http, session, wish(client, proof)))["code"], proof


async def tokens_for(http: httpx2.AsyncClient, client: dict[str, Any], session: str) -> dict[str, Any]:
    code, proof = await code_for(http, client, session)
    tokens: dict[str, Any] = good(await exchange(http, client, code, proof))
    return tokens


async def calls(http: httpx2.AsyncClient, token: str, path: str = "/accounts") -> int:
    return (await http.get(f"{BASE}{path}", headers={"authorization": f"Bearer {token}"})).status_code


def secret_of(client: dict[str, Any]) -> dict[str, str]:
    return {"client_id": client["id"], "client_secret": client["client_secret"]}


async def refreshed(http: httpx2.AsyncClient, client: dict[str, Any], token: str, **other: str) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token, **secret_of(client), **other}
    return await http.post("/oauth/token", data=form)


async def looked_at(http: httpx2.AsyncClient, client: dict[str, Any], token: str) -> dict[str, Any]:
    looked: dict[str, Any] = good(await http.post("/oauth/introspect", data={"token": token, **secret_of(client)}))
    return looked


# ----------------------------------------------------------------------------------------------- with Authlib's client
async def test_a_customer_lets_a_partners_client_trade(
    app_client: AsyncOAuth2Client, http: httpx2.AsyncClient, client: dict[str, Any], session: str, ana: Caller
) -> None:
    proof = pkce()
    address, state = app_client.create_authorization_url(f"{HOUSE}/oauth/authorize", code_verifier=proof.verifier)
    back = await agree(http, session, {**parameters(address), "decision": "agree"})
    assert (back["state"], back["iss"]) == (state, ISSUER)
    answer = f"{BACK}?code={back['code']}&state={state}"
    token = await app_client.fetch_token(
        "/oauth/token", authorization_response=answer, state=state, code_verifier=proof.verifier
    )
    assert (token["token_type"], token["scope"]) == ("Bearer", " ".join(SCOPES))
    quote = (await app_client.post(f"{BASE}/quotes", json=QUOTE)).json()
    made = await app_client.post(
        f"{BASE}/trades", json={"quote_id": quote["id"]}, headers={"idempotency-key": "partner-1"}
    )
    assert made.status_code == 201, made.text
    [own] = good(await ana.get("/trades"))["items"]
    assert own["id"] == made.json()["id"]


async def test_authlib_refreshes_looks_and_revokes(
    app_client: AsyncOAuth2Client, http: httpx2.AsyncClient, client: dict[str, Any], session: str
) -> None:
    first = await tokens_for(http, client, session)
    app_client.token = first
    second = await app_client.refresh_token("/oauth/token")
    assert second["refresh_token"] != first["refresh_token"]
    looked = (await app_client.introspect_token("/oauth/introspect", token=second["access_token"])).json()
    assert (looked["active"], looked["scope"], looked["client_id"]) == (True, " ".join(SCOPES), client["id"])
    assert (await app_client.get(f"{BASE}/accounts")).status_code == 200
    assert (await app_client.revoke_token("/oauth/revoke", token=second["refresh_token"])).status_code == 200
    assert await calls(http, second["access_token"]) == 401
    looked = (await app_client.introspect_token("/oauth/introspect", token=second["access_token"])).json()
    assert looked == {"active": False}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_partners_machine_comes_with_its_own_credentials(
    app: FastAPI, client: dict[str, Any], partner: Caller, method: str
) -> None:
    async with AsyncOAuth2Client(
        client["id"], client["client_secret"], transport=to(app), base_url=HOUSE, scope="accounts:read",
        token_endpoint_auth_method=method,
    ) as machine:  # fmt: skip
        token = await machine.fetch_token("/oauth/token", grant_type="client_credentials")
        assert (token["scope"], "refresh_token" in token) == ("accounts:read", False)
        assert (await machine.get(f"{BASE}/accounts")).json() == good(await partner.get("/accounts"))
        asked = await machine.post(f"{BASE}/quotes", json=QUOTE)
        assert (asked.status_code, asked.json()["code"]) == (403, "scope_missing")
        machine.client_secret = "cmo_" + "A" * 43
        with pytest.raises(OAuthError, match="invalid_client"):
            await machine.fetch_token("/oauth/token", grant_type="client_credentials")


async def test_an_app_without_a_secret_has_pkce_alone(
    app: FastAPI, admin: Caller, partner: Caller, http: httpx2.AsyncClient, session: str
) -> None:
    flows = ["authorization_code", "refresh_token"]
    public = await register(admin, partner.id, confidential=False, flows=flows, redirect_uris=[BACK])
    assert "client_secret" not in public
    proof = pkce()
    code = (await agree(http, session, wish(public, proof)))["code"]
    async with AsyncOAuth2Client(
        public["id"],
        transport=to(app),
        base_url=HOUSE,
        token_endpoint_auth_method="none",
        redirect_uri=BACK,
    ) as app_of_partner:
        token = await app_of_partner.fetch_token("/oauth/token", code=code, code_verifier=proof.verifier)
        renewed = await app_of_partner.refresh_token("/oauth/token")
    assert await calls(http, renewed["access_token"]) == 200
    assert token["refresh_token"] != renewed["refresh_token"]
    shown = {"client_id": public["id"], "client_secret": "cmo_" + "A" * 43}
    denied(await http.post("/oauth/revoke", data={"token": code, **shown}), 401, "invalid_client")


async def test_the_house_is_found_by_its_metadata(http: httpx2.AsyncClient) -> None:
    told = good(await http.get("/.well-known/oauth-authorization-server"))
    assert (told["issuer"], told["token_endpoint"]) == (ISSUER, f"{ISSUER}/oauth/token")
    assert told["code_challenge_methods_supported"] == ["S256"]
    for name in ("authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        path = told[name].removeprefix(ISSUER)
        assert (await http.post(path, data={"x": "1"})).status_code in {400, 401}, name
    assert (await http.get(told["jwks_uri"].removeprefix(ISSUER))).headers["cache-control"] == "public, max-age=300"


# --------------------------------------------------------------------------------------------- what a thief would try
async def test_a_code_is_exchanged_once_and_the_second_time_ends_everything(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str
) -> None:
    code, proof = await code_for(http, client, session)
    first = good(await exchange(http, client, code, proof))
    assert await calls(http, first["access_token"]) == 200
    denied(await exchange(http, client, code, proof), 400, "invalid_grant")
    assert await calls(http, first["access_token"]) == 401
    denied(await refreshed(http, client, first["refresh_token"]), 400, "invalid_grant")


async def test_a_refresh_token_used_twice_ends_the_grant_in_every_house(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str, second_house: SecondHouse, paper: PaperHouse
) -> None:
    first = await tokens_for(http, client, session)
    second = good(await refreshed(http, client, first["refresh_token"]))
    async with second_house() as twin:
        other = httpx2.AsyncClient(transport=httpx2.ASGITransport(twin), base_url=HOUSE)
        assert await calls(other, second["access_token"]) == 200
        denied(await refreshed(http, client, first["refresh_token"]), 400, "invalid_grant")
        assert await calls(http, second["access_token"]) == 401
        denied(await refreshed(http, client, second["refresh_token"]), 400, "invalid_grant")
        paper.clock.advance(1)
        assert await calls(other, second["access_token"]) == 401


async def test_a_code_is_good_for_its_own_client_address_and_verifier_only(
    admin: Caller, partner: Caller, http: httpx2.AsyncClient, client: dict[str, Any], session: str
) -> None:
    other = await register(admin, partner.id, name="Other", redirect_uris=[BACK, f"{BACK}/2"])
    code, proof = await code_for(http, client, session)
    denied(await exchange(http, other, code, proof), 400, "invalid_grant")
    good(await exchange(http, client, code, proof))
    for wrong in ({"code_verifier": pkce().verifier}, {"code_verifier": ""}, {"redirect_uri": f"{BACK}/2"}):
        code, proof = await code_for(http, client, session)
        denied(await exchange(http, client, code, proof, **wrong), 400, "invalid_grant")
        # Burnt: whoever had it and guessed wrong does not guess again.
        denied(await exchange(http, client, code, proof), 400, "invalid_grant")


async def test_a_code_is_good_for_a_minute(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str, paper: PaperHouse
) -> None:
    code, proof = await code_for(http, client, session)
    paper.clock.advance(60)
    denied(await exchange(http, client, code, proof), 400, "invalid_grant")


WISHES: tuple[tuple[dict[str, str], str], ...] = (
    ({"code_challenge": ""}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": ""}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": ""}, "unsupported_response_type"),
    ({"scope": ""}, "invalid_scope"),
    ({"scope": "accounts:read withdrawals:write"}, "invalid_scope"),
    ({"scope": "keys:write"}, "invalid_scope"),
    ({"redirect_uri": f"{BACK}/"}, "invalid_request"),
    ({"redirect_uri": f"{BACK}?x=1"}, "invalid_request"),
    ({"redirect_uri": "https://evil.example/back"}, "invalid_request"),
    ({"redirect_uri": ""}, "invalid_request"),
    ({"client_id": str(uuid4())}, "invalid_request"),
    ({"client_id": "1 OR 1=1"}, "invalid_request"),
    ({"state": "x" * 513}, "invalid_request"),
)


async def test_a_wish_that_is_not_right_is_not_agreed_to(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str
) -> None:
    headers = {"authorization": f"Bearer {session}"}
    for changed, error in WISHES:
        denied(await http.post("/oauth/authorize", data=wish(client, pkce(), **changed), headers=headers), 400, error)


async def test_only_a_customer_who_is_signed_in_agrees(
    http: httpx2.AsyncClient, client: dict[str, Any], ana: Caller, admin: Caller, session: str
) -> None:
    asked = wish(client, pkce())
    denied(await http.post("/oauth/authorize", data=asked), 401, "unauthenticated")
    for key in (ana.key, admin.key):
        answer = await http.post("/oauth/authorize", data=asked, headers={"authorization": f"Bearer {key}"})
        denied(answer, 403, "session_required")
    token = (await tokens_for(http, client, session))["access_token"]
    answer = await http.post("/oauth/authorize", data=asked, headers={"authorization": f"Bearer {token}"})
    denied(answer, 403, "session_required")


async def test_a_customer_who_declines_sends_the_client_back_with_nothing(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str
) -> None:
    back = await agree(http, session, wish(client, pkce(), decision="decline"))
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "af0if", ISSUER)
    assert "code" not in back


NONSENSE = (
    (b"grant_type=client_credentials", "invalid_client", 401),
    (b"grant_type=password&username=ana&password=x", "unsupported_grant_type", 400),
    (b"", "invalid_request", 400),
    (b"grant_type=client_credentials&grant_type=client_credentials", "invalid_request", 400),
    (b"grant_type=refresh_token", "invalid_request", 400),
    (b"%ff=%ff&grant_type", "invalid_request", 400),
    (b"&".join(b"a%d=1" % number for number in range(100)), "invalid_request", 400),
)


async def test_the_token_endpoint_refuses_nonsense(http: httpx2.AsyncClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for content, error, status in NONSENSE:
        denied(await http.post("/oauth/token", content=content, headers=headers), status, error)
    large = await http.post("/oauth/token", content=b"a=" + b"x" * 70_000, headers=headers)
    refused(large, 413, "body_too_large")
    denied(await http.post("/oauth/token", json={"grant_type": "client_credentials"}), 415, "invalid_request")


async def test_a_client_shows_its_secret_in_one_way(http: httpx2.AsyncClient, client: dict[str, Any]) -> None:
    form = {"grant_type": "client_credentials", **secret_of(client)}
    basic = httpx2.BasicAuth(client["id"], client["client_secret"])
    denied(await http.post("/oauth/token", data=form, auth=basic), 400, "invalid_request")
    answer = await http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=("x", "y"))
    denied(answer, 401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    for header in ("Basic !!!", "Basic " + "A" * 2000, "Bearer x", "Basic"):
        answer = await http.post("/oauth/token", data=form, headers={"authorization": header})
        denied(answer, 401, "invalid_client")


async def test_a_client_gets_what_it_was_registered_for(
    admin: Caller, partner: Caller, http: httpx2.AsyncClient, session: str
) -> None:
    machine = await register(admin, partner.id, flows=["client_credentials"], redirect_uris=[])
    form = {"grant_type": "client_credentials", **secret_of(machine)}
    denied(await http.post("/oauth/token", data={**form, "scope": "withdrawals:write"}), 400, "invalid_scope")
    denied(await exchange(http, machine, "cmg_" + "A" * 43, pkce()), 400, "unauthorized_client")
    denied(await refreshed(http, machine, "cmr_" + "A" * 43), 400, "unauthorized_client")
    web = await register(admin, partner.id, flows=["authorization_code"])
    form = {"grant_type": "client_credentials", **secret_of(web)}
    denied(await http.post("/oauth/token", data=form), 400, "unauthorized_client")
    assert "refresh_token" not in await tokens_for(http, web, session)


async def test_a_refresh_may_narrow_and_never_widen(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str
) -> None:
    first = await tokens_for(http, client, session)
    narrow = good(await refreshed(http, client, first["refresh_token"], scope="accounts:read"))
    assert narrow["scope"] == "accounts:read"
    quote = {"authorization": f"Bearer {narrow['access_token']}"}
    refused(await http.post(f"{BASE}/quotes", json=QUOTE, headers=quote), 403, "scope_missing")
    wide = good(await refreshed(http, client, narrow["refresh_token"]))
    assert wide["scope"] == " ".join(SCOPES)
    denied(await refreshed(http, client, wide["refresh_token"], scope="keys:write"), 400, "invalid_scope")


# ----------------------------------------------------------------------------------------------------- what tokens may
async def test_a_token_reaches_no_keys_no_others_and_no_staff(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str, eva: Caller
) -> None:
    token = (await tokens_for(http, client, session))["access_token"]
    own = Caller(http, token)
    refused(await own.post("/api-keys", {"name": "Mine"}), 403, "scope_missing")
    refused(await own.get("/api-keys"), 403, "scope_missing")
    refused(await own.get("/customers"), 403, "role_denied")
    refused(await own.get("/oauth/grants"), 403, "scope_missing")
    theirs = good(await eva.post("/quotes", {**QUOTE, "amount": "1"}), 201)
    refused(await own.post("/trades", {"quote_id": theirs["id"]}), 404, "quote_not_found")


async def test_a_token_ends_with_its_time_its_grant_its_customer_its_client_and_its_partner(
    admin: Caller, partner: Caller, session: str, ana: Caller, paper: PaperHouse
) -> None:
    http = admin.http

    async def opened() -> tuple[dict[str, Any], str]:
        client = await register(admin, partner.id)
        return client, (await tokens_for(http, client, session))["access_token"]

    _, token = await opened()
    paper.clock.advance(599)
    assert await calls(http, token) == 200
    paper.clock.advance(1)
    assert await calls(http, token) == 401

    for who in (ana, partner):
        _, token = await opened()
        good(await admin.post(f"/principals/{who.id}/block", {"reason": "case"}))
        assert await calls(http, token) == 401
        good(await admin.post(f"/principals/{who.id}/unblock", {"reason": "case"}))
        assert await calls(http, token) == 200

    client, token = await opened()
    good(await admin.send("DELETE", f"/oauth/clients/{client['id']}"))
    assert await calls(http, token) == 401
    denied(await http.post("/oauth/introspect", data={"token": token, **secret_of(client)}), 401, "invalid_client")


async def test_a_customer_sees_and_takes_back_what_was_granted(
    http: httpx2.AsyncClient, client: dict[str, Any], session: str, ana: Caller, eva: Caller
) -> None:
    tokens = await tokens_for(http, client, session)
    [granted] = good(await ana.get("/oauth/grants"))["items"]
    assert (granted["client_name"], granted["scopes"]) == ("Remesas Ya", list(SCOPES))
    refused(await eva.send("DELETE", f"/oauth/grants/{granted['id']}"), 404, "grant_not_found")
    good(await ana.send("DELETE", f"/oauth/grants/{granted['id']}"))
    assert good(await ana.get("/oauth/grants"))["items"] == []
    assert await calls(http, tokens["access_token"]) == 401
    denied(await refreshed(http, client, tokens["refresh_token"]), 400, "invalid_grant")


async def test_introspection_tells_a_client_of_its_own_tokens_only(
    admin: Caller, partner: Caller, client: dict[str, Any], session: str, ana: Caller
) -> None:
    http = admin.http
    other = await register(admin, partner.id, name="Other")
    tokens = await tokens_for(http, client, session)
    looked = await looked_at(http, client, tokens["access_token"])
    assert (looked["sub"], looked["iss"], looked["aud"]) == (ana.id, ISSUER, f"{ISSUER}/api/v1")
    assert (await looked_at(http, client, tokens["refresh_token"]))["active"]
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert await looked_at(http, other, token) == {"active": False}
        good(await http.post("/oauth/revoke", data={"token": token, **secret_of(other)}))
    assert await calls(http, tokens["access_token"]) == 200
    for nonsense in (ana.key, session, "x", "eyJ.eyJ.x", client["client_secret"]):
        assert await looked_at(http, client, nonsense) == {"active": False}
        good(await http.post("/oauth/revoke", data={"token": nonsense, **secret_of(client)}))


async def test_a_rotated_secret_counts_for_the_overlap(
    http: httpx2.AsyncClient, admin: Caller, client: dict[str, Any], paper: PaperHouse
) -> None:
    path = f"/oauth/clients/{client['id']}/secret"
    turned = good(await admin.post(path, {"overlap_s": 60}))

    async def status(secret: str) -> int:
        form = {"grant_type": "client_credentials", "client_id": client["id"], "client_secret": secret}
        return (await http.post("/oauth/token", data=form)).status_code

    old, new = client["client_secret"], turned["client_secret"]
    assert [await status(old), await status(new)] == [200, 200]
    paper.clock.advance(60)
    assert [await status(old), await status(new)] == [401, 200]
    newest = good(await admin.post(path, {"overlap_s": 0}))["client_secret"]
    assert [await status(new), await status(newest)] == [401, 200]


UNFIT: tuple[tuple[dict[str, Any], str], ...] = (
    ({"scopes": ["keys:write"]}, "scope_not_grantable"),
    ({"scopes": ["principals:read"]}, "scope_not_grantable"),
    ({"scopes": []}, "scope_not_grantable"),
    ({"flows": ["password"]}, "client_malformed"),
    ({"flows": []}, "client_malformed"),
    ({"flows": ["client_credentials"]}, "client_malformed"),
    ({"flows": ["client_credentials", "refresh_token"], "redirect_uris": []}, "client_malformed"),
    ({"redirect_uris": []}, "client_malformed"),
    ({"confidential": False}, "client_malformed"),
    ({"redirect_uris": ["http://partner.example/back"]}, "redirect_uri_invalid"),
    ({"redirect_uris": ["https://partner.example/back#x"]}, "redirect_uri_invalid"),
    ({"redirect_uris": ["https://user@partner.example/"]}, "redirect_uri_invalid"),
    ({"redirect_uris": ["https://partner.example/../x"]}, "redirect_uri_invalid"),
    ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uri_invalid"),
    ({"redirect_uris": ["https://*.example/back"]}, "redirect_uri_invalid"),
)


async def test_a_client_that_does_not_fit_is_not_registered(admin: Caller, partner: Caller) -> None:
    for changed, code in UNFIT:
        body = {
            "owner_id": partner.id, "name": "X", "scopes": list(SCOPES), "redirect_uris": [BACK],
            "flows": ["authorization_code"], **changed,
        }  # fmt: skip
        if "confidential" in changed:
            body["flows"] = ["client_credentials", "authorization_code"]
        refused(await admin.post("/oauth/clients", body), 422, code)
    assert good(await admin.get("/oauth/clients"))["items"] == []


async def test_only_an_admin_registers_and_only_for_partners(
    admin: Caller, ana: Caller, partner: Caller, operator: Caller
) -> None:
    body = {
        "owner_id": ana.id, "name": "X", "scopes": list(SCOPES), "redirect_uris": [BACK],
        "flows": ["authorization_code"],
    }  # fmt: skip
    refused(await admin.post("/oauth/clients", body), 409, "owner_not_partner")
    for who in (ana, partner, operator):
        refused(await who.post("/oauth/clients", body), 403, "role_denied")
    good(await admin.post("/oauth/clients", {**body, "owner_id": partner.id}, idempotency_key="c1"), 201)
    again = good(await admin.post("/oauth/clients", {**body, "owner_id": partner.id}, idempotency_key="c1"), 201)
    assert "client_secret" not in again
    [listed] = good(await admin.get("/oauth/clients"))["items"]
    assert listed["id"] == again["id"]
