"""One's own security: sessions, password, second factors."""

from collections.abc import Sequence

from cambista.console.pages import me as pages
from cambista.console.pages import parts
from cambista.console.visits import Page, Visit, Went
from cambista.identity import PasswordChange, SessionRevocation
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import parse_id

ME = "/me"


async def show(visit: Visit) -> Page:
    """What is one's own is no entry on record."""
    identity, caller = visit.doors.identity, visit.caller
    person = await identity.people.find_me(caller)
    found = await identity.factors.find(caller)
    own = [(each, each.id == caller.key_id) for each in await identity.people.list_sessions(caller)]
    body = pages.account(person, own, found, visit.words, root=visit.root)
    return Page(visit.words.nav_me, body)


async def change_password(visit: Visit) -> Page:
    change = PasswordChange(visit.caller, visit.form.get("old", ""), visit.form.get("new", ""))
    await visit.doors.identity.people.change_password(change)
    body = parts.note(visit.words.password_changed) + f"<p>{parts.link(visit.root, ME, visit.words.back)}</p>"
    return Page(visit.words.password_change, body)


async def end_others(visit: Visit) -> Went:
    return await _end(visit, SessionRevocation(visit.caller))


async def end_session(visit: Visit) -> Went:
    return await _end(visit, SessionRevocation(visit.caller, parse_id(visit.id)))


async def begin_totp(visit: Visit) -> Page:
    made = await visit.doors.identity.factors.begin_totp(visit.caller)
    return Page(visit.words.set_up_totp, pages.enrolment(made, visit.words, action=f"{visit.root}/me/totp/confirm"))


async def confirm_totp(visit: Visit) -> Page | Went:
    made = await visit.doors.identity.factors.confirm_totp(visit.caller, visit.typed("code")[: pages.CODE_MAX])
    return _codes(visit, made.recovery_codes) if made.recovery_codes else Went(ME)


async def renew_codes(visit: Visit) -> Page:
    return _codes(visit, await visit.doors.identity.factors.renew_recovery_codes(visit.caller))


async def remove_passkey(visit: Visit) -> Went:
    await visit.doors.identity.factors.remove_passkey(visit.caller, parse_id(visit.id))
    return Went(ME)


async def _end(visit: Visit, revocation: SessionRevocation) -> Went:
    [answer] = await visit.doors.identity.people.end_sessions([revocation])
    if isinstance(answer, Refusal):
        raise answer
    return Went(ME)


def _codes(visit: Visit, codes: Sequence[str]) -> Page:
    body = pages.recovery_codes(codes, visit.words, onward=f"{visit.root}{ME}")
    return Page(visit.words.codes_title, body)
