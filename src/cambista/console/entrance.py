"""Who comes in, by password and second factor or with a key; who is known again; and how they go."""

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cambista.console import requests
from cambista.console.access import DESK
from cambista.console.doors import ConsoleDoors
from cambista.console.office_texts import words_in
from cambista.console.pages import me, parts
from cambista.console.requests import COOKIE, DEVICE_COOKIE, TICKET_COOKIE, root_of
from cambista.console.sessions import LIFE_S, Attempts, Session, Sessions
from cambista.console.sign_in import Door, enrol_page, second_factor_page, sign_in_page
from cambista.console.texts import Language, texts
from cambista.identity import (
    SESSION_MARK,
    STAFF,
    Attempt,
    EmailInvalid,
    EnrolmentUnknown,
    FactorKind,
    NewSession,
    PasswordExpired,
    Proof,
    SecondFactorRequired,
    SecondFactorWrong,
    SecondStep,
    Ticket,
    TicketInvalid,
    Visitor,
)
from cambista.kernel.callers import Caller, Credential, StepUpRequired
from cambista.kernel.errors import Denied, Limited, Refusal, Unauthenticated
from cambista.runtime import Action

KEY_MAX = 256
EMAIL_MAX = 320
DEVICE_S = 180 * 86_400
METHODS_MAX = 8
TICKET_MAX = 100
# Not longer than the longest a house lets a ticket live.
TICKET_S = 3600
_log = structlog.get_logger(__name__)


class Held(NamedTuple):
    """What shows that the password was right, and what may be shown beside it."""

    ticket: str
    methods: tuple[str, ...]


class Entrance:
    """The use cases of the door. Wrong passwords and factors are counted by the house, wrong keys here."""

    def __init__(self, doors: ConsoleDoors, sessions: Sessions) -> None:
        self._doors = doors
        self._identity = doors.identity
        self._sessions = sessions
        self._attempts = Attempts(doors.runtime.clock)

    # ------------------------------------------------------------------------------------------------------ known again
    async def recognise(self, connection: HTTPConnection) -> Session | None:
        """Whose cookie this is. One of the house's own sessions is looked up in the house, at most a second old."""
        token = requests.read_cookie(connection, COOKIE)
        session = self._sessions.find(token)
        if token is None or not token.startswith(f"{SESSION_MARK}_"):
            return session
        try:
            caller = await self._caller(connection, token)
        except Unauthenticated:
            if session is not None:
                self._sessions.end([session])
            return None
        except Refusal:
            # The house cannot look just now; it has looked before.
            return session
        if caller.role not in STAFF:
            return None
        if session is None:
            session = self._sessions.adopt(token, caller, requests.language_of(None, connection))
        session.caller = caller
        return session

    def is_enrolled(self, session: Session) -> bool:
        """Whether nothing keeps the session from the desk; else a second factor is to be set up first."""
        try:
            self._identity.require_second_factor(session.caller, enrolling=False)
        except SecondFactorRequired:
            return False
        return True

    # ------------------------------------------------------------------------------------------------------- coming in
    def form(self, request: Request) -> Response:
        """The page one comes to."""
        language = requests.language_of(request.query_params.get("lang"), request)
        message = texts(language).sign_in_ended if "ended" in request.query_params else ""
        return self._first(request, language, message, with_key=request.query_params.get("with") == "key")

    async def sign_in(self, request: Request, before: Session | None) -> Response:
        """Any of the forms: a key, a password, or a second factor."""
        form = await requests.read_form(request)
        language = requests.language_of(form.get("lang"), request)
        try:
            if "method" in form:
                return await self._show_factor(request, before, form, language)
            if "email" in form:
                return await self._show_password(request, before, form, language)
            return await self._show_key(request, before, form.get("key", "").strip(), language)
        except TicketInvalid:
            return self._first(request, language, words_in(language).enter_late, 401)
        except Refusal as refusal:
            return self._put_off(request, language, refusal)

    async def _show_password(
        self, request: Request, before: Session | None, form: Mapping[str, str], language: Language
    ) -> Response:
        words, device = words_in(language), requests.read_cookie(request, DEVICE_COOKIE) or ""
        email = form["email"].strip()[:EMAIL_MAX]
        try:
            attempt = Attempt(self._visitor(request), email, form.get("password", ""), device[:100])
            answer = await self._identity.people.log_in(attempt)
        except PasswordExpired:
            return self._first(request, language, words.enter_expired, 403)
        except (Unauthenticated, EmailInvalid):
            return self._first(request, language, words.enter_failed, 401)
        if isinstance(answer, Ticket):
            return await self._second(request, Held(answer.ticket, answer.methods), language)
        return await self._enter(request, before, answer, language)

    async def _show_factor(
        self, request: Request, before: Session | None, form: Mapping[str, str], language: Language
    ) -> Response:
        ticket = (requests.read_cookie(request, TICKET_COOKIE) or "")[:TICKET_MAX]
        held = Held(ticket, tuple(form.get("methods", "").split()[:METHODS_MAX]))
        try:
            step = SecondStep(self._visitor(request), held.ticket, proof_of(form))
            opened = await self._identity.second_steps.complete(step)
        except SecondFactorWrong:
            return await self._second(request, held, language, words_in(language).second_wrong, 401)
        return await self._enter(request, before, opened, language)

    async def _show_key(self, request: Request, before: Session | None, key: str, language: Language) -> Response:
        words, address = texts(language), requests.address_of(request)
        wait_s = self._attempts.wait_s(address)
        if wait_s:
            message = words.sign_in_locked.format(minutes=-(-wait_s // 60))
            return self._locked(self._first(request, language, message, 429, with_key=True), wait_s)
        try:
            caller = await self._caller(request, key[:KEY_MAX])
            if caller.credential is not Credential.KEY:
                raise Unauthenticated
            for scope in DESK:
                caller.require(scope, *STAFF)
            await self._record(caller, "console.sign_in")
        except Unauthenticated:
            self._attempts.failed(address)
            return self._first(request, language, words.sign_in_refused, 401, with_key=True)
        except Denied:
            self._attempts.failed(address)
            return self._first(request, language, words.sign_in_role_refused, 403, with_key=True)
        except Refusal:
            return self._first(request, language, words.sign_in_away, 503, with_key=True)
        self._attempts.succeeded(address)
        await self._leave(before)
        answer = RedirectResponse(f"{root_of(request)}/", 303)
        requests.write_cookie(answer, request, COOKIE, self._sessions.open(caller, language), LIFE_S)
        return answer

    async def _enter(
        self, request: Request, before: Session | None, opened: NewSession, language: Language
    ) -> Response:
        """Into a session the house has opened: its token is new with each sign-in, so none can be planted."""
        caller = await self._caller(request, opened.token)
        if caller.role not in STAFF:
            await self._identity.people.log_out(caller)
            return self._first(request, language, words_in(language).enter_not_staff, 403)
        await self._record(caller, "console.sign_in")
        await self._leave(before)
        session = self._sessions.adopt(opened.token, caller, language)
        way = "/" if self.is_enrolled(session) else "/enrol"
        answer = RedirectResponse(f"{root_of(request)}{way}", 303)
        left_s = int((opened.record.expires_at - self._doors.runtime.now()).total_seconds())
        requests.write_cookie(answer, request, COOKIE, opened.token, left_s)
        requests.drop_cookie(answer, request, TICKET_COOKIE)
        if opened.device:
            requests.write_cookie(answer, request, DEVICE_COOKIE, opened.device, DEVICE_S)
        return answer

    # ------------------------------------------------------------------------------------------------------- enrolling
    async def enrol(self, request: Request, session: Session) -> Response:
        """Set up the first second factor: nothing else is open to the session until it counts."""
        if self.is_enrolled(session):
            return RedirectResponse(f"{root_of(request)}/", 303)
        form = await requests.read_form(request) if request.method == "POST" else {}
        try:
            return _kept(await self._enrol(request, session, form))
        except SecondFactorWrong:
            words, action = words_in(session.language), f"{root_of(request)}/enrol"
            body = me.confirmation(words, action=action) + f"<p>{parts.link(action, '', words.enrol_again)}</p>"
            return _kept(enrol_page(self._door(request, session.language, SecondFactorWrong.code), body), 401)
        except EnrolmentUnknown as refusal:
            return _kept(enrol_page(self._door(request, session.language, refusal.code)), 404)
        except StepUpRequired:
            # A login too long ago sets nothing up.
            await self._leave(session)
            return RedirectResponse(f"{root_of(request)}/sign-in?ended=1", 303)
        except Refusal as refusal:
            return self._put_off(request, session.language, refusal)

    async def _enrol(self, request: Request, session: Session, form: Mapping[str, str]) -> str:
        words, root = words_in(session.language), root_of(request)
        door = self._door(request, session.language)
        if "code" in form:
            made = await self._identity.factors.confirm_totp(session.caller, form["code"][: me.CODE_MAX].strip())
            return enrol_page(door, me.recovery_codes(made.recovery_codes, words, onward=f"{root}/"))
        if "begin" in form:
            begun = await self._identity.factors.begin_totp(session.caller)
            return enrol_page(door, me.enrolment(begun, words, action=f"{root}/enrol"))
        return enrol_page(door)

    # ------------------------------------------------------------------------------------------------------- going out
    async def sign_out(self, request: Request, session: Session | None) -> Response:
        """End the session, here and in the house."""
        await self._leave(session)
        answer = RedirectResponse(f"{root_of(request)}/sign-in", 303)
        requests.drop_cookie(answer, request, COOKIE)
        return answer

    async def _leave(self, session: Session | None) -> None:
        if session is None:
            return
        self._sessions.end([session])
        try:
            if session.caller.credential is Credential.SESSION:
                await self._identity.people.log_out(session.caller)
            await self._record(session.caller, "console.sign_out")
        except Refusal as refusal:
            _log.warning("sign_out_not_recorded", code=refusal.code)

    # --------------------------------------------------------------------------------------------------------- private
    async def _caller(self, connection: HTTPConnection, token: str) -> Caller:
        visitor = self._visitor(connection)
        return await self._identity.authenticate(
            token[:KEY_MAX], address=visitor.address, trace_id=visitor.trace_id, agent=visitor.agent
        )

    def _visitor(self, connection: HTTPConnection) -> Visitor:
        trace_id = str(self._doors.runtime.new_id())
        return Visitor(requests.address_of(connection), trace_id, requests.agent_of(connection))

    async def _record(self, caller: Caller, deed: str) -> None:
        await self._doors.runtime.record(Action(caller, deed, f"{caller.credential.value}:{caller.key_id}"))

    def _door(self, request: Request, language: Language, code: str = "") -> Door:
        message = words_in(language).refusal(code) if code else ""
        return Door(language, root_of(request), self._doors.house, message)

    def _first(
        self, request: Request, language: Language, message: str, status: int = 200, *, with_key: bool = False
    ) -> Response:
        door = Door(language, root_of(request), self._doors.house, message)
        return _kept(sign_in_page(door, with_key=with_key), status)

    async def _second(
        self, request: Request, held: Held, language: Language, message: str = "", status: int = 200
    ) -> Response:
        passkey = ""
        if FactorKind.PASSKEY in held.methods:
            passkey = json.dumps(await self._identity.second_steps.ask_passkey(held.ticket))
        door = Door(language, root_of(request), self._doors.house, message)
        answer = _kept(second_factor_page(door, held.methods, passkey), status)
        requests.write_cookie(answer, request, TICKET_COOKIE, held.ticket, TICKET_S)
        return answer

    def _put_off(self, request: Request, language: Language, refusal: Refusal) -> Response:
        """Not now: too many attempts, or the house cannot look."""
        if not isinstance(refusal, Limited):
            return self._first(request, language, texts(language).sign_in_away, 503)
        told = refusal.facts.get("retry_after_s", 1)
        wait_s = max(1, math.ceil(told)) if isinstance(told, int | float) else 1
        message = words_in(language).enter_wait.format(seconds=wait_s)
        return self._locked(self._first(request, language, message, 429), wait_s)

    def _locked(self, answer: Response, wait_s: int) -> Response:
        answer.headers["Retry-After"] = str(wait_s)
        return answer


def proof_of(form: Mapping[str, str]) -> Proof:
    """The second factor that a form shows: a code, or a passkey's answer."""
    method = form.get("method", "")
    kind = FactorKind(method) if method in tuple(FactorKind) else FactorKind.TOTP
    return Proof(kind, form.get("code", "").strip()[: me.CODE_MAX], _assertion(form.get("credential", "")))


def _assertion(text: str) -> Mapping[str, object]:
    try:
        read = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _kept(page: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})
