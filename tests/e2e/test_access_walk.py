"""The access table, walked: every endpoint, each role, each kind of credential, one's own things and another's.

What must come out is worked out from the table alone (`walking.verdict`), never from the code that applies it.
"""

import re
from dataclasses import replace

import pytest

from cambista.gateway.access import BASE, TABLE, Access
from cambista.gateway.application import ROOMS
from cambista.gateway.rest.hot import HOT_ROUTES
from cambista.identity import STAFF
from cambista.kernel.callers import Role
from tests.e2e.walking import (
    DOORS,
    ENDING,
    MISSING,
    NOBODYS,
    WORDS,
    Walk,
    Walker,
    fill,
    kind_of,
    sorted_out,
    verdict,
)

OWNERS = (Role.CUSTOMER, Role.PARTNER)
# What is said there to somebody inside, too: that the password now in use is another.
OWN_NOES = {f"{BASE}/auth/password": frozenset({"unauthenticated"})}


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
