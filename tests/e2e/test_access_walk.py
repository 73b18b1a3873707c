"""The access table, walked: every endpoint, each role, each kind of credential, one's own things and another's.

What must come out is worked out from the table alone (`walking.verdict`), never from the code that applies it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from cambista.gateway.access import BASE, TABLE, Access
from cambista.gateway.application import ROOMS
from cambista.gateway.rest.hot import HOT_ROUTES
from cambista.identity import STAFF
from cambista.kernel.callers import Role
from tests.e2e.clients import Caller, good
from tests.e2e.conftest import MakeCustomer
from tests.e2e.walking import DOORS, Walker, Walkers, nobodies, sorted_out, verdict
from tests.houses import PaperHouse

OWNERS = (Role.CUSTOMER, Role.PARTNER)
NOBODYS = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
# The refusal of a thing that is not there, by the word before its id in a path.
MISSING = {
    "accounts": "", "api-keys": "key_not_found", "audit": "entry_not_found", "clients": "client_not_found",
    "customers": "customer_not_found", "deposits": "deposit_not_found", "grants": "grant_not_found",
    "passkeys": "factor_not_found",
    "principals": "principal_not_found", "quotes": "quote_not_found", "sessions": "session_not_found",
    "trades": "trade_not_found", "transfers": "transfer_not_found", "withdrawals": "withdrawal_not_found",
}  # fmt: skip
# What stands in a path where no id does.
WORDS = {"asset": "COP", "day": "2026-09-28", "number": "1", "pair": "USDT-COP"}
# Endpoints that may end the session they are called with, or others of its person.
ENDING = {f"{BASE}/auth/logout", f"{BASE}/auth/sessions", f"{BASE}/auth/password"}
# What is said there to somebody inside, too: that the password now in use is another.
OWN_NOES = {f"{BASE}/auth/password": frozenset({"unauthenticated"})}
_numbers = count(1)


@dataclass(slots=True)
class Walk:
    """The house, everybody who walks it, and what a customer owns there."""

    http: httpx2.AsyncClient
    walkers: list[Walker]
    makers: Walkers
    owners: dict[Role, Any]
    things: Mapping[str, str]
    bodies: Mapping[tuple[str, str], Any]
    asked: int = 0
    faults: list[str] = field(default_factory=list)

    async def ask(self, row: tuple[str, str], who: Walker, ids: Mapping[str, str], body: Any) -> tuple[int, str]:
        """Status and code (none for an answer that is no problem) of one request."""
        method, template = row
        headers = {"idempotency-key": f"walk-{next(_numbers)}"}
        if who.secret is not None:
            # Both ways to bring a credential lead to the same door.
            bearer = who.session or self.asked % 2
            headers |= {"authorization": f"Bearer {who.secret}"} if bearer else {"x-api-key": who.secret}
        self.asked += 1
        path = fill(template, ids)
        answer = await self.http.request(method, path, headers=headers, json=body if method != "GET" else None)
        problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        return answer.status_code, answer.json()["code"] if problem else ""

    def note(self, row: tuple[str, str], who: str, was: object, should: str) -> None:
        self.faults.append(f"{row[0]} {row[1]}: {who}: {was}, but {should}")


def kind_of(template: str) -> str:
    """The word before `{id}`: what kind of thing the path names."""
    return template.partition("/{id}")[0].rpartition("/")[2] if "{id}" in template else ""


def fill(template: str, ids: Mapping[str, str]) -> str:
    def word(found: re.Match[str]) -> str:
        return ids[kind_of(template)] if found[1] == "id" else WORDS[found[1]]

    return re.sub(r"\{(\w+)\}", word, template)


def example_bodies(app: FastAPI) -> dict[tuple[str, str], Any]:
    """The first documented body of every endpoint that reads one."""
    found = {}
    for path, operations in app.openapi()["paths"].items():
        for method, told in operations.items():
            content = told.get("requestBody", {}).get("content", {})
            for media in content.values():
                found[method.upper(), path] = next(iter(media["examples"].values()))["value"]
    return found


@pytest.fixture
async def walk(paper: PaperHouse, app: FastAPI, http: httpx2.AsyncClient, make_customer: MakeCustomer) -> Walk:
    makers, walkers, owners = Walkers(paper), list(nobodies()), {}
    for role in Role:
        owners[role], found = await makers.of_role(role)
        walkers += found
    await paper.pass_time(5)
    ana = await make_customer("ana", COP="10000000", USDT="1000")
    things, bodies = await things_of(ana, makers), example_bodies(app)
    bodies[("POST", f"{BASE}/trades")] = {"quote_id": things["quotes"]}
    bodies[("POST", f"{BASE}/api-keys")] = {"name": "Walk", "owner_id": ana.id}
    deposit = bodies["POST", f"{BASE}/deposits"]
    bodies[("POST", f"{BASE}/deposits")] = {**deposit, "customer_id": ana.id}
    token = await makers.session(UUID(ana.id), proved=True)
    walkers.append(Walker("the owner, key", ana.key, Role.CUSTOMER, UUID(ana.id)))
    walkers.append(Walker("the owner, session", token, Role.CUSTOMER, UUID(ana.id), session=True, proved=True))
    return Walk(http, walkers, makers, owners, things, bodies)


async def things_of(ana: Caller, makers: Walkers) -> dict[str, str]:
    """One of each kind of thing a customer has, by the word before its id in a path."""
    wanted = {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}
    quote = good(await ana.post("/quotes", wanted), 201)
    trade = good(await ana.post("/trades", {"asset": "USDT", "fiat": "COP", "amount": "10", "price": "4000"}), 201)
    payout = {"rail": "pse", "account": "123456789", "holder": "Ana Prueba"}
    withdrawal = good(await ana.post("/withdrawals", {"asset": "COP", "amount": "20000", "destination": payout}), 202)
    key = good(await ana.post("/api-keys", {"name": "Spare"}), 201)
    deposit = good(await ana.get("/deposits"))["items"][0]
    other = await makers.owner(Role.CUSTOMER, "spare")
    return {
        "quotes": quote["id"], "trades": trade["id"], "transfers": trade["id"], "withdrawals": withdrawal["id"],
        "api-keys": key["id"], "deposits": deposit["id"], "customers": ana.id, "principals": str(other),
        "passkeys": NOBODYS, "sessions": NOBODYS, "clients": NOBODYS, "audit": NOBODYS, "grants": NOBODYS,
    }  # fmt: skip


def answered(path: str, code: str) -> tuple[int, str]:
    """How that is said at that address; OAuth2 has words of its own for errors (RFC 6749)."""
    return 401 if code == "unauthenticated" else 403, "" if path.startswith("/oauth/") else code


async def fresh(walk: Walk, who: Walker) -> Walker:
    """The same person in a new session; whoever needs none as before."""
    if not who.session or who.dead or who.owner is None:
        return who
    return replace(who, secret=await walk.makers.session(who.owner, proved=who.proved))


@pytest.mark.slow
async def test_every_endpoint_lets_in_whom_the_table_says_and_nobody_else(walk: Walk) -> None:
    for row, access in TABLE.items():
        for who in sorted_out(walk.walkers, access):
            guest = await fresh(walk, who) if row[1] in ENDING else who
            should = verdict(access, guest)
            status, code = await walk.ask(row, guest, walk.things, walk.bodies.get(row, {}))
            shut = code in DOORS - OWN_NOES.get(row[1], frozenset()) or (
                access.roles and not code and status in (401, 403)
            )
            if should is None and (shut or status == 500):
                walk.note(row, who.name, (status, code), "is let in")
            elif should is not None and (status, code) != answered(row[1], should):
                walk.note(row, who.name, (status, code), should)
        if row[1] in ENDING:
            walk.walkers = [await fresh(walk, who) for who in walk.walkers]
    assert not walk.faults, "\n".join(walk.faults)
    assert walk.asked > 2000


async def test_to_whom_the_table_does_not_reach_another_s_things_they_are_not_there(walk: Walk) -> None:
    """The thing's own 404, as for an id nobody has; and its owner, and staff whom the table lets reach, find it."""
    for row, access in TABLE.items():
        kind = kind_of(row[1])
        if not kind or not access.roles:
            continue
        for who in sorted_out(walk.walkers, access):
            if verdict(access, who) is not None or walk.things[kind] == NOBODYS:
                continue
            owns = who.name.startswith("the owner")
            status, code = await walk.ask(row, who, walk.things, walk.bodies.get(row, {}))
            nothing = await walk.ask(row, who, {**walk.things, kind: NOBODYS}, walk.bodies.get(row, {}))
            if owns or who.role in access.beyond:
                if status == 404:
                    walk.note(row, who.name, (status, code), "finds it")
            elif (status, code) != nothing or code not in (MISSING[kind], "step_up_required"):
                walk.note(row, who.name, ((status, code), nothing), f"404 {MISSING[kind]} for both")
    assert not walk.faults, "\n".join(walk.faults)
    assert walk.asked > 50


async def test_ids_in_bodies_and_queries_are_looked_at_as_those_in_paths(walk: Walk) -> None:
    stranger = next(each for each in walk.walkers if each.name == "customer, key")
    ana = walk.things["customers"]
    for path in ("/deposits", "/withdrawals", "/trades", "/api-keys"):
        for id in (ana, NOBODYS):
            name = "owner_id" if path == "/api-keys" else "customer_id"
            answer = await walk.http.get(
                f"{BASE}{path}", params={name: id}, headers={"x-api-key": stranger.secret or ""}
            )
            missing = "principal_not_found" if path == "/api-keys" else "customer_not_found"
            assert (answer.status_code, answer.json()["code"]) == (404, missing), (path, answer.text)
    bodies = {
        "/trades": ({"quote_id": walk.things["quotes"]}, {"quote_id": NOBODYS}, "quote_not_found"),
        "/api-keys": ({"name": "x", "owner_id": ana}, {"name": "x", "owner_id": NOBODYS}, "principal_not_found"),
    }
    for path, (theirs, nobodys, code) in bodies.items():
        for body in (theirs, nobodys):
            assert await walk.ask(("POST", f"{BASE}{path}"), stranger, {}, body) == (404, code), (path, body)


async def test_no_list_shows_anything_of_anybody_else(walk: Walk) -> None:
    shown = 0
    for method, path in TABLE:
        if method != "GET" or "{id}" in path or not set(TABLE[method, path].roles) & set(OWNERS):
            continue
        for who in walk.walkers:
            if (
                who.role in OWNERS
                and verdict(TABLE[method, path], who) is None
                and not who.name.startswith("the owner")
            ):
                headers = {"authorization": f"Bearer {who.secret}"}
                answer = await walk.http.get(fill(path, walk.things), headers=headers)
                foreign = {id for id in walk.things.values() if id in answer.text}
                assert not foreign, (path, who.name, foreign)
                shown += 1
    assert shown > 20


def test_the_walk_knows_every_row() -> None:
    """A new endpoint has a kind of thing, a word or a body here, or this fails before the walk does."""
    documented = {path for _, path in TABLE}
    for _, path in TABLE:
        for name in re.findall(r"\{(\w+)\}", path):
            assert name in WORDS or (name == "id" and kind_of(path) in MISSING), path
    hot = {each.path for each in HOT_ROUTES}
    routed = {route.path for room in ROOMS for route in room.router.routes if hasattr(route, "path")}
    assert hot | routed <= documented


def test_the_table_reaches_no_further_than_staff() -> None:
    for row, access in TABLE.items():
        assert set(access.beyond) <= STAFF, row
        assert isinstance(access, Access)
