"""Staff and customers: looked at (on record), their keys made and ended, blocked, invited."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from cambista.console.access import CREDENTIALS, TABLE, may
from cambista.console.pages import parts
from cambista.console.pages import people as pages
from cambista.console.visits import Page, Visit, Went
from cambista.identity import (
    ApiKey,
    Customer,
    CustomerUnknown,
    ExpiryInvalid,
    Invitation,
    KeyRequest,
    KeyRevocation,
    KeyRotation,
    NewApiKey,
    Principal,
    Status,
    StatusChange,
)
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import ApiKeyId, parse_id
from cambista.runtime import Replay

T = TypeVar("T")
PAGE = 50
KEYS_PAGE = 25
DAYS_MAX = 3650
LISTED_MAX = 64


async def list_principals(visit: Visit) -> Page:
    found = await visit.doors.identity.list_principals(visit.caller, limit=PAGE, cursor=visit.asked("before"))
    await visit.note_read("principal.list", "principals", (each.id for each in found.items))
    body = pages.search(visit.words, action=f"{visit.root}/search")
    return Page(visit.words.nav_people, body + pages.principals(found, visit.words, root=visit.root))


async def list_customers(visit: Visit) -> Page:
    found = await visit.doors.identity.list_customers(visit.caller, limit=PAGE, cursor=visit.asked("before"))
    await visit.note_read("customer.list", "customers", (each.id for each in found.items))
    body = pages.search(visit.words, action=f"{visit.root}/search")
    return Page(visit.words.nav_customers, body + pages.customers(found, visit.words, root=visit.root))


async def find_by_email(visit: Visit) -> Page | Went:
    found = await visit.doors.identity.find_by_email(visit.caller, visit.typed("email"))
    await visit.note_read("person.search", "people", () if found is None else (found,))
    if found is not None:
        return Went(f"/people/{found}")
    body = parts.note(visit.words.not_found_email, "bad") + pages.search(visit.words, action=f"{visit.root}/search")
    return Page(visit.words.search, body, 404)


async def show(visit: Visit) -> Page:
    """All that the caller may see of somebody; one entry on record says so."""
    id, caller, identity = parse_id(visit.id), visit.caller, visit.doors.identity
    who = await _find(visit, id)
    dossier = pages.Dossier(who, None, None, None)
    if may(caller, CREDENTIALS):
        keys = await identity.list_keys(caller, id, limit=KEYS_PAGE, cursor=visit.asked("before"))
        sessions = await identity.people.list_sessions_of(caller, id)
        dossier = pages.Dossier(who, keys, sessions, await identity.factors.find_of(caller, id))
    kind = "customer" if isinstance(who, Customer) else "principal"
    await visit.note_read(f"{kind}.read", f"{kind}:{id}")
    name = who.full_name if isinstance(who, Customer) else who.name
    deeds = pages.Deeds(*(may(caller, TABLE["POST", f"/people/{{id}}/{deed}"]) for deed in ("block", "invite", "keys")))
    return Page(name, pages.dossier(dossier, deeds, visit.words, root=visit.root))


async def block(visit: Visit) -> Went:
    return await _set_status(visit, Status.BLOCKED)


async def unblock(visit: Visit) -> Went:
    return await _set_status(visit, Status.ACTIVE)


async def sign_out(visit: Visit) -> Went:
    """End all of somebody's sessions."""
    await visit.doors.identity.people.end_sessions_of(visit.caller, parse_id(visit.id))
    return Went(f"/people/{visit.id}")


async def invite(visit: Visit) -> Went:
    email = visit.typed("email") or None
    invitation = Invitation(visit.caller, parse_id(visit.id), email, visit.typed("language") or visit.language.value)
    _one(await visit.doors.identity.people.invite([invitation]))
    return Went(f"/people/{visit.id}")


async def make_key(visit: Visit) -> Page:
    request = KeyRequest(
        visit.caller, parse_id(visit.id), visit.typed("name"), _listed(visit.typed("scopes")), None,
        _listed(visit.typed("networks")), visit.typed("signed") == "yes",
    )  # fmt: skip
    days = visit.typed("days")
    if days:
        if not (days.isascii() and days.isdigit() and 1 <= int(days[:6]) <= DAYS_MAX):
            raise ExpiryInvalid
        request = replace(request, expires_at=visit.doors.runtime.now() + timedelta(days=int(days)))
    return _new_key(visit, _one(await visit.doors.identity.create_keys([request])))


async def rotate_key(visit: Visit) -> Page:
    rotation = KeyRotation(visit.caller, ApiKeyId(parse_id(visit.id)))
    return _new_key(visit, _one(await visit.doors.identity.rotate_keys([rotation])))


async def revoke_key(visit: Visit) -> Went:
    revoked = _one(await visit.doors.identity.revoke_keys([KeyRevocation(visit.caller, ApiKeyId(parse_id(visit.id)))]))
    assert isinstance(revoked, ApiKey)
    return Went(f"/people/{revoked.owner_id}")


async def _find(visit: Visit, id: UUID) -> Customer | Principal:
    try:
        return await visit.doors.identity.find_customer(visit.caller, id)
    except CustomerUnknown:
        return await visit.doors.identity.find_principal(visit.caller, id)


async def _set_status(visit: Visit, status: Status) -> Went:
    change = StatusChange(visit.caller, parse_id(visit.id), status, visit.typed("reason"))
    _one(await visit.doors.identity.set_status([change]))
    return Went(f"/people/{visit.id}")


def _new_key(visit: Visit, made: object) -> Page:
    assert isinstance(made, NewApiKey)
    return Page(visit.words.new_key_title, pages.new_key(made, visit.words, root=visit.root))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())[:LISTED_MAX]


def _one(answers: Sequence[T | Refusal | Replay]) -> T:
    """The answer to the only request; raises it when it is a refusal."""
    [answer] = answers
    if isinstance(answer, Refusal):
        raise answer
    assert not isinstance(answer, Replay)
    return answer
