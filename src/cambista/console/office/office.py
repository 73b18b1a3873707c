"""Brings a request to its page: who may, what came, a fresh factor where one is needed, and the frame around it."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cambista.console import requests
from cambista.console.access import TABLE, menu_of
from cambista.console.doors import ConsoleDoors
from cambista.console.entrance import proof_of
from cambista.console.office import house, me, people, record
from cambista.console.pages import frame, parts
from cambista.console.pages.me import kept_fields, passkey_form, proof_form
from cambista.console.sessions import Session
from cambista.console.texts import Language
from cambista.console.visits import Answer, Handler, Page, Visit, Went
from cambista.identity import FactorKind, SecondFactorDelayed, SecondFactorWrong, StepUpRequest
from cambista.kernel.callers import Credential, StepUpRequired
from cambista.kernel.errors import Conflict, Denied, Limited, NotFound, Refusal, Unauthenticated, Unavailable

HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/people"): people.list_principals,
    ("GET", "/customers"): people.list_customers,
    ("POST", "/search"): people.find_by_email,
    ("GET", "/people/{id}"): people.show,
    ("POST", "/people/{id}/block"): people.block,
    ("POST", "/people/{id}/unblock"): people.unblock,
    ("POST", "/people/{id}/sign-out"): people.sign_out,
    ("POST", "/people/{id}/invite"): people.invite,
    ("POST", "/people/{id}/keys"): people.make_key,
    ("POST", "/keys/{id}/rotate"): people.rotate_key,
    ("POST", "/keys/{id}/revoke"): people.revoke_key,
    ("GET", "/audit"): record.list_entries,
    ("GET", "/audit/{id}"): record.check_proof,
    ("GET", "/checkpoints"): record.list_checkpoints,
    ("GET", "/solvency"): house.show_solvency,
    ("GET", "/security"): house.show_guards,
    ("GET", "/me"): me.show,
    ("POST", "/me/password"): me.change_password,
    ("POST", "/me/sessions/end"): me.end_others,
    ("POST", "/me/sessions/{id}/end"): me.end_session,
    ("POST", "/me/totp"): me.begin_totp,
    ("POST", "/me/totp/confirm"): me.confirm_totp,
    ("POST", "/me/codes"): me.renew_codes,
    ("POST", "/me/passkeys/{id}/remove"): me.remove_passkey,
}
# The first that fits; whatever is none of them is a form filled in wrongly.
_STATUS: Mapping[type, int] = {
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Limited: 429,
    Unavailable: 503,
}
_PATTERNS = [(template, re.compile(template.replace("{id}", "(?P<id>[^/]{1,64})"))) for _, template in HANDLERS]


class Office:
    """The pages beside the desk."""

    def __init__(self, doors: ConsoleDoors) -> None:
        self._doors = doors

    def has(self, path: str) -> bool:
        """Whether there is a page, or a deed, at this path."""
        return any(pattern.fullmatch(path) for _, pattern in _PATTERNS)

    async def answer(self, request: Request, path: str, session: Session) -> Response | None:
        """The page, or where the deed leads; None where there is no such page."""
        method = "GET" if request.method == "HEAD" else request.method
        found = _find(method, path)
        if found is None:
            return None
        template, id = found
        wanted = request.query_params.get("lang")
        if wanted in tuple(Language):
            session.language = Language(wanted)
        form = await requests.read_form(request) if method == "POST" else {}
        visit = Visit(self._doors, session, requests.root_of(request), path, id, dict(request.query_params), form)
        answer = await _settle(visit, (method, template))
        if isinstance(answer, Went):
            return RedirectResponse(f"{visit.root}{answer.path}?done=1", 303)
        page = frame.framed(answer, visit, menu_of(visit.caller))
        return HTMLResponse(page, answer.status, {"Cache-Control": "no-store"})


def _find(method: str, path: str) -> tuple[str, str] | None:
    for template, pattern in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None and (method, template) in HANDLERS:
            return template, match.groupdict().get("id", "")
    return None


async def _settle(visit: Visit, row: tuple[str, str]) -> Answer:
    try:
        TABLE[row].admit(visit.caller)
        await _step_up(visit)
        return await HANDLERS[row](visit)
    except (StepUpRequired, SecondFactorWrong, SecondFactorDelayed) as refusal:
        if visit.caller.credential is not Credential.SESSION or row == ("POST", "/me/totp/confirm"):
            return _refused(visit, refusal)
        return await _ask_factor(visit, refusal)
    except Refusal as refusal:
        return _refused(visit, refusal)


async def _step_up(visit: Visit) -> None:
    """Take the fresh factor that comes with a form, if there is one."""
    if "step" not in visit.form:
        return
    await visit.doors.identity.factors.step_up(StepUpRequest(visit.caller, proof_of(visit.form)))
    visit.session.caller = replace(visit.caller, proved_at=visit.doors.runtime.now())


async def _ask_factor(visit: Visit, refusal: Refusal) -> Page:
    """Ask for a fresh factor; with it, the same form comes again and the deed is done."""
    words, action = visit.words, f"{visit.root}{visit.path}"
    found = await visit.doors.identity.factors.find(visit.caller)
    kept = kept_fields({"step": "up", **visit.form})
    body = parts.lead(words.step_up_lead)
    if not isinstance(refusal, StepUpRequired):
        body += parts.note(words.refusal(refusal.code), "bad")
    body += proof_form(action, (kind.value for kind in found.kinds), words, kept)
    if FactorKind.PASSKEY in found.kinds:
        options = json.dumps(await visit.doors.identity.factors.ask_passkey(visit.caller))
        body += passkey_form(action, options, words, kept, root=visit.root)
    return Page(words.step_up_title, body, _status(refusal))


def _refused(visit: Visit, refusal: Refusal) -> Page:
    words = visit.words
    back = f"<p>{parts.link(visit.root, '/', words.back)}</p>"
    return Page(words.refused_title, parts.note(words.refusal(refusal.code), "bad") + back, _status(refusal))


def _status(refusal: Refusal) -> int:
    return next((_STATUS[each] for each in type(refusal).__mro__ if each in _STATUS), 422)
