"""Callers of the API in tests: each with a key, and a fresh Idempotency-Key for each request that brings none."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import httpx2

BASE = "/api/v1"
# For `CAMBISTA_GATEWAY__TIERS` where a test asks more of a served house than customers do.
BUSY_TIERS = json.dumps({name: {"units": 10**6, "trades": 10**5} for name in ("standard", "partner", "staff")})
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone with a key."""

    http: httpx2.AsyncClient
    key: str
    id: str = ""

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **what: Any
    ) -> httpx2.Response:
        """One request under `/api/v1`."""
        own = {"x-api-key": self.key, "idempotency-key": f"test-{next(_numbers)}", **(headers or {})}
        return await self.http.request(method, f"{BASE}{path}", headers=own, **what)

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self.send("GET", path, params=params)

    async def post(self, path: str, body: object | None = None, **headers: str) -> httpx2.Response:
        """POST that body; `idempotency_key="…"` becomes the header of that name."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (
            await self.send("POST", path, headers=named, json=body)
            if body is not None
            else await self.send("POST", path, headers=named)
        )

    async def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Posted and held, by asset."""
        return balances(good(await self.get("/accounts")))


@dataclass(frozen=True, slots=True)
class Signing(Caller):
    """Someone whose key opens signed requests only; each counts as proved when it was signed."""

    secret: str = ""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **what: Any
    ) -> httpx2.Response:
        content = json.dumps(what.pop("json")).encode() if "json" in what else b""
        number = next(_numbers)
        once, time, nonce = f"test-{number}", str(int(self.now().timestamp())), f"nonce-of-a-test-{number}"
        lines = (method, f"{BASE}{path}", hashlib.sha256(content).hexdigest(), time, nonce, once)
        signature = hmac.new(self.secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        own = {
            "x-api-key": self.key, "idempotency-key": once, "content-type": "application/json", "x-timestamp": time,
            "x-nonce": nonce, "x-signature": signature, **(headers or {}),
        }  # fmt: skip
        return await self.http.request(method, f"{BASE}{path}", headers=own, content=content, **what)


async def signing(admin: Caller, owner_id: str, now: Callable[[], datetime]) -> Signing:
    """A signed key of somebody, made by an admin."""
    made = good(await admin.post("/api-keys", {"owner_id": owner_id, "name": "Signed", "signed": True}), 201)
    return Signing(admin.http, made["key"], owner_id, made["signing_secret"], now)


def balances(accounts: Any) -> dict[str, tuple[Decimal, Decimal]]:
    """Posted and held, by asset; an account that is merely there, empty, owns nothing."""
    found = {each["asset"]: (Decimal(each["posted"]), Decimal(each["held"])) for each in accounts["items"]}
    return {asset: amounts for asset, amounts in found.items() if any(amounts)}


def good(response: httpx2.Response, status: int | None = None) -> Any:
    """The body of an answer that must be good."""
    assert response.is_success, f"{response.status_code}: {response.text}"
    assert status is None or response.status_code == status, response.text
    return response.json()


def refused(response: httpx2.Response, status: int, code: str) -> Any:
    """The problem of an answer that must be this refusal, in the one form every error has."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    assert {"type", "title", "status", "detail", "code", "facts", "trace_id"} == set(problem)
    assert problem["status"] == status
    assert problem["trace_id"]
    return problem
