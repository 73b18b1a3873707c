"""Who walks the house in the walk of the access table: every role with every kind of credential, living and dead."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI

from cambista.gateway.access import BASE, Access
from cambista.identity import (
    SCOPES_OF,
    STAFF,
    Customer,
    CustomerRequest,
    KeyRequest,
    KeyRevocation,
    NewApiKey,
    Principal,
    PrincipalRequest,
    Status,
    StatusChange,
)
from cambista.identity.rules.keys import SESSION_MARK, key_hash, key_text
from cambista.identity.store.people import LoginDraft, insert_logins
from cambista.identity.types.oauth import Flow, Grant
from cambista.kernel.callers import Caller, Role
from tests.e2e.clients import Caller as Client
from tests.e2e.clients import good
from tests.houses import PaperHouse

ADMIN = Caller(UUID(int=0xAD), Role.ADMIN)
# What says that somebody was not let in. Whatever else an answer says, it was said to somebody inside.
DOORS = frozenset({"unauthenticated", "role_denied", "scope_missing", "session_required", "second_factor_required"})


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody at the door: `name` says with what; `secret` None brings nothing."""

    name: str
    secret: str | None
    role: Role | None = None
    owner: UUID | None = None
    scopes: frozenset[str] = frozenset()
    session: bool = False
    proved: bool = False
    dead: bool = False


def verdict(row: Access, who: Walker) -> str | None:
    """What the table alone says of this caller at this endpoint: the code at the door, or None for whoever passes."""
    if not row.roles:
        return None
    if who.dead or who.role is None:
        return "unauthenticated"
    if not row.scope and not who.session:
        return "session_required"
    if who.role not in row.roles:
        return "role_denied"
    if who.scopes and row.scope not in who.scopes:
        return "scope_missing"
    if who.session and who.role in STAFF and not who.proved and not row.enrolling:
        return "second_factor_required"
    return None


@dataclass(slots=True)
class Walkers:
    """Makes walkers on a house through the doors of identity; sessions it writes itself, as a login would."""

    paper: PaperHouse
    drawn: int = 0
    with_login: set[UUID] = field(default_factory=set)

    async def owner(self, role: Role, name: str) -> UUID:
        identity = self.paper.house.identity
        if role is Role.CUSTOMER:
            request = CustomerRequest(ADMIN, f"{name}@example.com", f"{name.title()} Walker", "CO")
            [made] = await identity.create_customers([request])
            assert isinstance(made, Customer), made
            return made.id
        [principal] = await identity.create_principals([PrincipalRequest(ADMIN, role.value, name)])
        assert isinstance(principal, Principal), principal
        return principal.id

    async def keys(self, owner: UUID, scopes: Sequence[tuple[str, ...]], *, ends_in_s: float = 0) -> list[NewApiKey]:
        ends = self.paper.runtime.now() + timedelta(seconds=ends_in_s) if ends_in_s else None
        requests = [KeyRequest(ADMIN, owner, "Walk", each, ends) for each in scopes]
        made = await self.paper.house.identity.create_keys(requests)
        assert all(isinstance(each, NewApiKey) for each in made), made
        return [each for each in made if isinstance(each, NewApiKey)]

    async def session(self, owner: UUID, *, proved: bool = False, lives_s: float = 3600, ended: bool = False) -> str:
        return (await self.opened(owner, proved=proved, lives_s=lives_s, ended=ended))[1]

    async def opened(
        self, owner: UUID, *, proved: bool = False, lives_s: float = 3600, ended: bool = False
    ) -> tuple[UUID, str]:
        """Id and token of a new session."""
        self.drawn += 1
        token = key_text(prefix=bytes(5), secret=self.drawn.to_bytes(32, "big"), mark=SESSION_MARK)
        runtime = self.paper.runtime
        now, id = runtime.now(), runtime.new_id()
        ends = now + timedelta(seconds=lives_s)
        row = (id, owner, key_hash(token), now, ends, ends, 900, now if proved else None)
        async with runtime.db.transaction() as tx:
            if owner not in self.with_login:
                self.with_login.add(owner)
                await insert_logins(tx, runtime, [LoginDraft(owner, f"{owner}@example.com", "es", confirmed=True)])
            columns = ("id", "owner_id", "hash", "created_at", "expires_at", "idle_until", "idle_s", "proved_at")
            await tx.copy("identity", "session", columns, [row])
            if ended:
                await tx.execute("UPDATE identity.session SET revoked_at = $2 WHERE id = $1", id, now)
        return id, token

    async def passkey(self, owner: UUID) -> UUID:
        """A passkey as enrolment leaves it; nobody can sign with it."""
        runtime = self.paper.runtime
        id, columns = (
            runtime.new_id(),
            ("id", "owner_id", "name", "credential_id", "public_key", "sign_count", "created_at"),
        )
        async with runtime.db.transaction() as tx:
            await tx.copy("identity", "passkey", columns, [(id, owner, "A key", id.bytes, b"\xa0", 0, runtime.now())])
        return id

    async def grant(self, owner: UUID) -> tuple[UUID, UUID]:
        """A partner's client, and what `owner` granted to it."""
        runtime, partner = self.paper.runtime, await self.owner(Role.PARTNER, "a partner")
        client, grant, now = runtime.new_id(), runtime.new_id(), runtime.now()
        scopes, ends = ["accounts:read"], now + timedelta(days=1)
        async with runtime.db.transaction() as tx:
            await tx.copy(
                "identity", "oauth_client",
                ("id", "owner_id", "name", "redirect_uris", "flows", "scopes", "created_at"),
                [(client, partner, "An app", [], ["authorization_code"], scopes, now)],
            )  # fmt: skip
            await tx.copy(
                "identity", "oauth_grant",
                ("id", "client_id", "owner_id", "scopes", "flow", "created_at", "expires_at"),
                [(grant, client, owner, scopes, "authorization_code", now, ends)],
            )  # fmt: skip
        return client, grant

    async def tokens(self, owner: UUID, role: Role) -> list[Walker]:
        """OAuth2 access tokens for what `owner` granted: one that opens, and one whose grant was taken back."""
        walkers = []
        for dead in (False, True):
            client, id = await self.grant(owner)
            runtime, scopes = self.paper.runtime, ("accounts:read",)
            ends = runtime.now() + timedelta(days=1)
            grant = Grant(id, client, "An app", owner, scopes, Flow.AUTHORIZATION_CODE, runtime.now(), ends)
            token = (await self.paper.house.identity.oauth._tokens.issue(grant, scopes)).access
            if dead:
                async with runtime.db.transaction() as tx:
                    await tx.execute("UPDATE identity.oauth_grant SET revoked_at = $2 WHERE id = $1", id, tx.now)
            name = f"{role}, token{' of a grant taken back' if dead else ''}"
            walkers.append(Walker(name, token, role, owner, frozenset(scopes), dead=dead))
        return walkers

    async def of_role(self, role: Role) -> tuple[UUID, list[Walker]]:
        """Somebody of that role with every living credential, and what is left of others: expired, revoked, blocked."""
        owner = await self.owner(role, f"{role.value}-living")
        full, *narrowed = await self.keys(owner, [(), *((scope,) for scope in sorted(SCOPES_OF[role]))])
        living = [Walker(f"{role}, key", full.key, role, owner)]
        for made in narrowed:
            scopes = frozenset(made.record.scopes)
            living.append(Walker(f"{role}, key for {set(scopes)}", made.key, role, owner, scopes))
        for proved in (False, True):
            token = await self.session(owner, proved=proved)
            name = f"{role}, session{' with a second factor' if proved else ''}"
            living.append(Walker(name, token, role, owner, session=True, proved=proved))
        return owner, living + [each async for each in self._dead(role, owner)]

    async def _dead(self, role: Role, owner: UUID):  # type: ignore[no-untyped-def]
        [expiring], [revoked] = await self.keys(owner, [()], ends_in_s=1), await self.keys(owner, [()])
        await self.paper.house.identity.revoke_keys([KeyRevocation(ADMIN, revoked.record.id)])
        yield Walker(f"{role}, expired key", expiring.key, role, owner, dead=True)
        yield Walker(f"{role}, revoked key", revoked.key, role, owner, dead=True)
        late = await self.session(owner, proved=True, lives_s=1)
        yield Walker(f"{role}, expired session", late, role, owner, session=True, dead=True)
        ended = await self.session(owner, proved=True, ended=True)
        yield Walker(f"{role}, ended session", ended, role, owner, session=True, dead=True)
        blocked = await self.owner(role, f"{role.value}-blocked")
        [sleeping] = await self.keys(blocked, [()])
        asleep = await self.session(blocked, proved=True)
        await self.paper.house.identity.set_status([StatusChange(ADMIN, blocked, Status.BLOCKED, "walk")])
        yield Walker(f"{role}, key of somebody blocked", sleeping.key, role, blocked, dead=True)
        yield Walker(f"{role}, session of somebody blocked", asleep, role, blocked, session=True, dead=True)


def nobodies() -> Iterator[Walker]:
    """Those who bring nothing the house knows."""
    yield Walker("nobody", None)
    yield Walker("a made-up key", key_text(prefix=b"\1" * 5, secret=b"\1" * 32))
    yield Walker("a made-up session", key_text(prefix=b"\1" * 5, secret=b"\2" * 32, mark=SESSION_MARK))
    yield Walker("a made-up token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.")


def sorted_out(walkers: Sequence[Walker], row: Access) -> list[Walker]:
    """Of the many narrowed keys, the one that fits the row and one that does not; of the rest, all. Where anyone may
    call, nobody and a few."""
    if not row.roles:
        return [each for each in walkers if each.role in (None, Role.ADMIN) and not each.scopes]
    kept: dict[tuple[object, ...], Walker] = {}
    for each in walkers:
        narrowed_key = each.scopes and "token" not in each.name
        kept.setdefault((each.role, row.scope in each.scopes) if narrowed_key else (each.name,), each)
    return list(kept.values())


NOBODYS = "0199a3c2-1f2e-7e33-8b9a-0c1d2e3f4a5b"
# The refusal of a thing that is not there, by the word before its id in a path.
MISSING = {
    "accounts": "", "api-keys": "key_not_found", "audit": "entry_not_found", "clients": "client_not_found",
    "customers": "customer_not_found", "deposits": "deposit_not_found", "grants": "grant_not_found",
    "passkeys": "factor_not_found", "orders": "order_not_found",
    "principals": "principal_not_found", "quotes": "quote_not_found",
    "sagas": "saga_not_found", "sessions": "session_not_found",
    "trades": "trade_not_found", "transfers": "transfer_not_found", "withdrawals": "withdrawal_not_found",
}  # fmt: skip
# What stands in a path where no id does.
WORDS = {"asset": "COP", "day": "2026-09-28", "number": "1", "pair": "USDT-COP"}
# Endpoints that may end the session they are called with, or others of its person.
ENDING = {f"{BASE}/auth/logout", f"{BASE}/auth/sessions", f"{BASE}/auth/password"}
_numbers = count(1)


@dataclass(slots=True)
class Walk:
    """The house, everybody who walks it, and what a customer owns there."""

    http: httpx2.AsyncClient
    walkers: list[Walker]
    makers: Walkers
    things: Mapping[str, str]
    bodies: Mapping[tuple[str, str], Any]
    document: Mapping[str, Any]
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


async def walk_of(paper: PaperHouse, app: FastAPI, http: httpx2.AsyncClient, ana: Client) -> Walk:
    """The walk of a house in which `ana` is a customer with money."""
    makers, walkers = Walkers(paper), list(nobodies())
    for role in Role:
        owner, found = await makers.of_role(role)
        walkers += found
        if role is Role.CUSTOMER:
            walkers += await makers.tokens(owner, role)
    await paper.pass_time(5)
    things, bodies = await things_of(ana, makers), example_bodies(app)
    bodies[("POST", f"{BASE}/trades")] = {"quote_id": things["quotes"]}
    bodies[("POST", f"{BASE}/api-keys")] = {"name": "Walk", "owner_id": ana.id}
    deposit = bodies["POST", f"{BASE}/deposits"]
    bodies[("POST", f"{BASE}/deposits")] = {**deposit, "customer_id": ana.id}
    token = await makers.session(UUID(ana.id), proved=True)
    walkers.append(Walker("the owner, key", ana.key, Role.CUSTOMER, UUID(ana.id)))
    walkers.append(Walker("the owner, session", token, Role.CUSTOMER, UUID(ana.id), session=True, proved=True))
    return Walk(http, walkers, makers, things, bodies, app.openapi())


async def things_of(ana: Client, makers: Walkers) -> dict[str, str]:
    """One of each kind of thing a customer has, by the word before its id in a path."""
    wanted = {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}
    quote = good(await ana.post("/quotes", wanted), 201)
    trade = good(await ana.post("/trades", {"asset": "USDT", "fiat": "COP", "amount": "10", "price": "4000"}), 201)
    payout = {"rail": "pse", "account": "123456789", "holder": "Ana Prueba"}
    withdrawal = good(await ana.post("/withdrawals", {"asset": "COP", "amount": "20000", "destination": payout}), 202)
    key = good(await ana.post("/api-keys", {"name": "Spare"}), 201)
    deposit = good(await ana.get("/deposits"))["items"][0]
    resting = {"pair": "USDT/COP", "side": "buy", "type": "limit", "quantity": "10", "price": "3000"}
    order = good(await ana.post("/orders", resting), 201)
    other = await makers.owner(Role.CUSTOMER, "spare")
    client, grant = await makers.grant(UUID(ana.id))
    passkey, (session, _) = await makers.passkey(UUID(ana.id)), await makers.opened(UUID(ana.id))
    return {
        "quotes": quote["id"], "trades": trade["id"], "transfers": trade["id"], "withdrawals": withdrawal["id"],
        "api-keys": key["id"], "deposits": deposit["id"], "customers": ana.id, "principals": str(other),
        "passkeys": str(passkey), "sessions": str(session), "clients": str(client), "grants": str(grant),
        "audit": NOBODYS,
        "sagas": NOBODYS, "orders": order["id"],
    }  # fmt: skip
