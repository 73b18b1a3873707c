"""Partners and their OAuth2 clients in tests: registered by the admin, agreed to by customers who are signed in."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2

from cambista.identity.rules.keys import SESSION_MARK, key_hash, key_text
from cambista.runtime import Runtime
from tests.e2e.clients import Caller, good

BACK = "https://partner.example/back"
SCOPES = ("accounts:read", "quotes:write", "trades:write")


@dataclass(frozen=True, slots=True)
class Pkce:
    """A verifier and its challenge (RFC 7636)."""

    verifier: str
    challenge: str


def pkce() -> Pkce:
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return Pkce(verifier, challenge)


async def register(admin: Caller, owner_id: str, **other: Any) -> dict[str, Any]:
    """A client of that partner, as the API shows it once."""
    body = {
        "owner_id": owner_id, "name": "Remesas Ya", "scopes": list(SCOPES), "redirect_uris": [BACK],
        "flows": ["client_credentials", "authorization_code", "refresh_token"], **other,
    }  # fmt: skip
    made: dict[str, Any] = good(await admin.post("/oauth/clients", body), 201)
    return made


async def sign_in(runtime: Runtime, customer_id: str) -> str:
    """The token of a session of that customer, as a login would have opened it."""
    token = key_text(prefix=secrets.token_bytes(5), secret=secrets.token_bytes(32), mark=SESSION_MARK)
    async with runtime.db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO identity.session (id, owner_id, hash, created_at, expires_at, idle_until)
            VALUES ($1, $2, $3, $4::timestamptz, $4 + interval '30 days', $4 + interval '30 days')
            """,
            runtime.new_id(),
            UUID(customer_id),
            key_hash(token),
            tx.now,
        )
    return token


def wish(client: Mapping[str, Any], proof: Pkce, **other: str) -> dict[str, str]:
    """What a client asks a customer for."""
    asked = {
        "response_type": "code", "client_id": client["id"], "redirect_uri": BACK, "scope": " ".join(SCOPES),
        "state": "af0if", "code_challenge": proof.challenge, "code_challenge_method": "S256", "decision": "agree",
        **other,
    }  # fmt: skip
    return {name: value for name, value in asked.items() if value}


def parameters(address: str) -> dict[str, str]:
    """The parameters of an address, each of which stands once."""
    found = parse_qs(urlsplit(address).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: value for name, [value] in found.items()}


async def agree(http: httpx2.AsyncClient, session: str, asked: Mapping[str, str]) -> dict[str, str]:
    """What the client hears when the customer agrees."""
    headers = {"authorization": f"Bearer {session}"}
    told = good(await http.post("/oauth/authorize", data=dict(asked), headers=headers))["redirect_to"]
    assert told.startswith(f"{BACK}?"), told
    return parameters(told)


async def exchange(
    http: httpx2.AsyncClient, client: Mapping[str, Any], code: str, proof: Pkce, **other: str
) -> httpx2.Response:
    """Exchange a code, the secret in the form."""
    form = {
        "grant_type": "authorization_code", "client_id": client["id"], "client_secret": client.get("client_secret", ""),
        "code": code, "redirect_uri": BACK, "code_verifier": proof.verifier, **other,
    }  # fmt: skip
    return await http.post("/oauth/token", data={name: value for name, value in form.items() if value})


def denied(response: httpx2.Response, status: int, error: str) -> None:
    """An answer that must be this error, in the form of RFC 6749."""
    assert (response.status_code, response.json().get("error")) == (status, error), response.text
    assert response.json().keys() == {"error", "error_description"}
    assert response.headers["cache-control"] == "no-store"
