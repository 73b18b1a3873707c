"""People: registering, logging in, sessions, passwords."""

from typing import Annotated

import msgspec
from fastapi import Depends, Response

from cambista.gateway.access import BASE
from cambista.gateway.passage import Passage
from cambista.gateway.rest import words
from cambista.gateway.rest.routing import Entered, body_of, reply, rest_router, speaks
from cambista.gateway.rest.words import IdPath, IdText, TimeText
from cambista.identity import (
    Attempt,
    Confirmation,
    CountryInvalid,
    DeviceTrust,
    EmailInvalid,
    LanguageInvalid,
    LetterInvalid,
    LoginFailed,
    NewSession,
    PasswordChange,
    PasswordExpired,
    PasswordForgotten,
    PasswordReset,
    PasswordUnfit,
    PasswordWrong,
    Person,
    Registration,
    Session,
    SessionRevocation,
    SessionsEnded,
    SessionUnknown,
    TextInvalid,
    Ticket,
    TooManyAttempts,
    Visitor,
)
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.kernel.time import wire_time
from cambista.runtime import HouseBusy, KeysUnavailable

router = rest_router("people", prefix=f"{BASE}/auth")

Secret = Annotated[str, msgspec.Meta(max_length=4096)]


class RegistrationBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who wants to be a customer. `language` is that of letters: es or en."""

    email: str
    password: Secret
    full_name: str
    country: str
    language: str = "es"


class TokenBody(msgspec.Struct, forbid_unknown_fields=True):
    """The token of a letter's link: what follows `#token=`."""

    token: Secret


class LoginBody(msgspec.Struct, forbid_unknown_fields=True):
    """`device`: what an earlier login on this device, a confirmation or a reset gave; without it one is a stranger."""

    email: str
    password: Secret
    device: Annotated[str, msgspec.Meta(max_length=100)] = ""


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """The present password and the one to come."""

    old: Secret
    new: Secret


class ForgottenBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whose password was forgotten."""

    email: str


class ResetBody(msgspec.Struct, forbid_unknown_fields=True):
    """The token of a letter's link, and the password to set."""

    token: Secret
    password: Secret


class AcceptedOut(msgspec.Struct):
    """It was taken down. Whether the address is known is nobody's business but its owner's, who gets a letter."""

    accepted: bool = True


class DeviceOut(msgspec.Struct):
    """Who was confirmed, and what this device shows at its logins."""

    id: IdText
    device: str


class SessionOut(msgspec.Struct, omit_defaults=True):
    """A session just opened: `token` goes into `Authorization: Bearer`. It ends at `expires_at` at the latest, and at
    `idle_until` unless it is used before. `device` is there where the device was new: keep it for the next login."""

    session_id: IdText
    owner_id: IdText
    token: str
    idle_until: TimeText
    expires_at: TimeText
    device: str = ""


class TicketOut(msgspec.Struct):
    """The password was right, a second factor is to be shown: one of `methods`, with the `ticket`, to
    `/auth/second-factor`."""

    ticket: str
    methods: list[str]
    expires_at: TimeText
    second_factor_required: bool = True


class ListedSessionOut(msgspec.Struct):
    """A session of one's own; `current` is the one that asks."""

    id: IdText
    device: str
    address: str
    created_at: TimeText
    last_seen_at: TimeText
    idle_until: TimeText
    expires_at: TimeText
    proved_at: TimeText | None
    current: bool


class SessionList(msgspec.Struct):
    """One's living sessions, newest first."""

    items: list[ListedSessionOut]


class EndedOut(msgspec.Struct):
    """How many sessions were ended."""

    ended: int


class PersonOut(msgspec.Struct):
    """Who is logged in."""

    id: IdText
    role: str
    name: str
    email: str
    language: str
    registered_at: TimeText
    password_set_at: TimeText | None


def visitor_of(passage: Passage) -> Visitor:
    """Where somebody the house does not know yet comes from."""
    return Visitor(passage.address, passage.trace_id, passage.agent)


def show_new_session(opened: NewSession) -> SessionOut:
    record = opened.record
    return SessionOut(
        str(record.id), str(record.owner_id), opened.token, wire_time(record.idle_until), wire_time(record.expires_at),
        opened.device,
    )  # fmt: skip


def show_login(answer: NewSession | Ticket) -> SessionOut | TicketOut:
    if isinstance(answer, NewSession):
        return show_new_session(answer)
    return TicketOut(answer.ticket, list(answer.methods), wire_time(answer.pending.expires_at))


def show_session(session: Session, current: object) -> ListedSessionOut:
    return ListedSessionOut(
        str(session.id), session.device, session.address, wire_time(session.created_at),
        wire_time(session.last_seen_at), wire_time(session.idle_until), wire_time(session.expires_at),
        None if session.proved_at is None else wire_time(session.proved_at), session.id == current,
    )  # fmt: skip


def show_trust(trust: DeviceTrust) -> DeviceOut:
    return DeviceOut(str(trust.principal_id), trust.device)


def show_person(person: Person) -> PersonOut:
    set_at = None if person.password_set_at is None else wire_time(person.password_set_at)
    return PersonOut(
        str(person.id), person.role.value, person.name, person.email, person.language, wire_time(person.registered_at),
        set_at,
    )  # fmt: skip


_EMAIL = "maria@example.com"
_PASSWORD = "seven grey herons at dawn"  # noqa: S105 - an example
SESSION = {
    "session_id": words.KEY, "owner_id": words.CUSTOMER, "token": "cms_k3jx9q2a_…", "idle_until": words.LATER,
    "expires_at": words.LATER, "device": "cmd_…",
}  # fmt: skip
_TICKET = {
    "ticket": "cmt_…", "methods": ["passkey", "totp"], "expires_at": words.LATER, "second_factor_required": True,
}  # fmt: skip
_LISTED = {
    "id": words.KEY, "device": "Firefox, Linux", "address": "203.0.113.7", "created_at": words.MOMENT,
    "last_seen_at": words.MOMENT, "idle_until": words.LATER, "expires_at": words.LATER, "proved_at": None,
    "current": True,
}  # fmt: skip
_DEVICE = {"id": words.CUSTOMER, "device": "cmd_…"}
_PERSON = {
    "id": words.CUSTOMER, "role": "customer", "name": "María Pérez Gómez", "email": _EMAIL, "language": "es",
    "registered_at": words.MOMENT, "password_set_at": words.MOMENT,
}  # fmt: skip
_TIRED: tuple[type[Refusal], ...] = (TooManyAttempts, HouseBusy, KeysUnavailable)


@router.post(
    "/register",
    **speaks(
        AcceptedOut,
        {"accepted": True},
        status=202,
        body=RegistrationBody,
        says={
            "person": {
                "email": _EMAIL, "password": _PASSWORD, "full_name": "María Pérez Gómez", "country": "CO",
                "language": "es",
            }
        },
        refuses=(EmailInvalid, TextInvalid, CountryInvalid, LanguageInvalid, PasswordUnfit, *_TIRED),
        public=True,
    ),
)  # fmt: skip
async def register(passage: Entered, body: Annotated[RegistrationBody, Depends(body_of(RegistrationBody))]) -> Response:
    """Ask to be a customer. A letter follows: with a link to confirm, or that somebody tried, to who is one already."""
    asked = Registration(visitor_of(passage), body.email, body.password, body.full_name, body.country, body.language)
    await passage.doors.identity.people.register(asked)
    return reply(AcceptedOut(), 202)


@router.post(
    "/confirm",
    **speaks(
        DeviceOut, _DEVICE, status=201, body=TokenBody, says={"token": {"token": "cml_…"}},
        refuses=(LetterInvalid, *_TIRED), public=True,
    ),
)  # fmt: skip
async def confirm(passage: Entered, body: Annotated[TokenBody, Depends(body_of(TokenBody))]) -> Response:
    """Confirm a registration by its letter: the customer exists from now on, and this device is known."""
    trust = await passage.doors.identity.people.confirm(Confirmation(visitor_of(passage), body.token))
    return reply(show_trust(trust), 201)


@router.post(
    "/login",
    **speaks(
        (SessionOut, TicketOut),
        SESSION,
        status=201,
        body=LoginBody,
        says={
            "known device": {"email": _EMAIL, "password": _PASSWORD, "device": "cmd_…"},
            "new device": {"email": _EMAIL, "password": _PASSWORD},
        },
        refuses=(EmailInvalid, LoginFailed, PasswordExpired, *_TIRED),
        public=True,
    ),
)
async def log_in(passage: Entered, body: Annotated[LoginBody, Depends(body_of(LoginBody))]) -> Response:
    """Log in: a session, or a ticket for the second factor. An address nobody has is answered like a wrong password."""
    attempt = Attempt(visitor_of(passage), body.email, body.password, body.device)
    return reply(show_login(await passage.doors.identity.people.log_in(attempt)), 201)


@router.post("/logout", **speaks(EndedOut, {"ended": 1}))
async def log_out(passage: Entered) -> Response:
    """End this session."""
    await passage.doors.identity.people.log_out(passage.caller)
    return reply(EndedOut(1))


@router.get("/me", **speaks(PersonOut, _PERSON))
async def get_me(passage: Entered) -> Response:
    """Who is logged in."""
    return reply(show_person(await passage.doors.identity.people.find_me(passage.caller)))


@router.get("/sessions", **speaks(SessionList, {"items": [_LISTED]}))
async def list_sessions(passage: Entered) -> Response:
    """One's own sessions, newest first."""
    found = await passage.doors.identity.people.list_sessions(passage.caller)
    return reply(SessionList([show_session(each, passage.caller.key_id) for each in found]))


async def _end(passage: Passage, revocation: SessionRevocation) -> Response:
    [answer] = await passage.doors.identity.people.end_sessions([revocation])
    if not isinstance(answer, SessionsEnded):
        raise answer
    return reply(EndedOut(answer.count))


@router.delete("/sessions", **speaks(EndedOut, {"ended": 3}))
async def end_other_sessions(passage: Entered) -> Response:
    """End all of one's sessions but this one."""
    return await _end(passage, SessionRevocation(passage.caller))


@router.delete("/sessions/{id}", **speaks(EndedOut, {"ended": 1}, refuses=(SessionUnknown, IdInvalid)))
async def end_session(id: IdPath, passage: Entered) -> Response:
    """End one of one's sessions."""
    return await _end(passage, SessionRevocation(passage.caller, parse_id(id)))


@router.post(
    "/password",
    **speaks(
        EndedOut,
        {"ended": 2},
        body=ChangeBody,
        says={"change": {"old": _PASSWORD, "new": "nine blue herons at noon"}},
        refuses=(PasswordWrong, PasswordUnfit, *_TIRED),
    ),
)
async def change_password(passage: Entered, body: Annotated[ChangeBody, Depends(body_of(ChangeBody))]) -> Response:
    """Change the password; one's other sessions end."""
    change = PasswordChange(passage.caller, body.old, body.new)
    return reply(EndedOut((await passage.doors.identity.people.change_password(change)).count))


@router.post(
    "/password/forgot",
    **speaks(
        AcceptedOut, {"accepted": True}, status=202, body=ForgottenBody, says={"address": {"email": _EMAIL}},
        refuses=(EmailInvalid, *_TIRED), public=True,
    ),
)  # fmt: skip
async def forget_password(
    passage: Entered, body: Annotated[ForgottenBody, Depends(body_of(ForgottenBody))]
) -> Response:
    """Ask for a letter with a link to set another password."""
    await passage.doors.identity.people.forget_password(PasswordForgotten(visitor_of(passage), body.email))
    return reply(AcceptedOut(), 202)


@router.post(
    "/password/reset",
    **speaks(
        DeviceOut, _DEVICE, body=ResetBody, says={"reset": {"token": "cml_…", "password": _PASSWORD}},
        refuses=(LetterInvalid, PasswordUnfit, *_TIRED), public=True,
    ),
)  # fmt: skip
async def reset_password(passage: Entered, body: Annotated[ResetBody, Depends(body_of(ResetBody))]) -> Response:
    """Set a password by a letter's link (a reset or an invitation): all sessions end, and this device is known."""
    reset = PasswordReset(visitor_of(passage), body.token, body.password)
    return reply(show_trust(await passage.doors.identity.people.reset_password(reset)))
