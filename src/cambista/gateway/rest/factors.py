"""Second factors shown: the second step of a login, and step-up inside a session."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response

from cambista.gateway.access import BASE
from cambista.gateway.rest.auth import SESSION, SessionOut, show_new_session, visitor_of
from cambista.gateway.rest.routing import Entered, body_of, reply, rest_router, speaks
from cambista.identity import (
    FactorKind,
    FactorUnknown,
    Proof,
    SecondFactorDelayed,
    SecondFactorRequired,
    SecondFactorWrong,
    SecondStep,
    SessionRequired,
    SmsLimit,
    SmsNotForStaff,
    StepUpRequest,
    TicketInvalid,
)
from cambista.kernel.errors import Refusal

router = rest_router("second factors", prefix=f"{BASE}/auth")

Json = dict[str, Any]
# What is sent by a browser's authenticator, some fifty times over.
CREDENTIAL_MAX = 32


class ProofBody(msgspec.Struct, forbid_unknown_fields=True):
    """A second factor: a `code` (of the authenticator, by SMS, of recovery), or the `credential` of a passkey."""

    method: FactorKind = FactorKind.TOTP
    code: Annotated[str, msgspec.Meta(max_length=64)] = ""
    credential: Annotated[Json, msgspec.Meta(max_length=CREDENTIAL_MAX)] = {}


class SecondStepBody(ProofBody, forbid_unknown_fields=True, kw_only=True):
    """The ticket of a login whose password was right, and a second factor."""

    ticket: str


class TicketBody(msgspec.Struct, forbid_unknown_fields=True):
    """The ticket of a login whose password was right."""

    ticket: str


class DoneOut(msgspec.Struct):
    """It is done."""

    done: bool = True


class OptionsOut(msgspec.Struct):
    """What the browser's `navigator.credentials` is called with, as JSON (WebAuthn Level 3)."""

    options: Json


def _proof(body: ProofBody) -> Proof:
    return Proof(body.method, body.code, body.credential)


_PROVING: tuple[type[Refusal], ...] = (SecondFactorWrong, SecondFactorDelayed)
_TOTP_CODE = {"method": "totp", "code": "492039"}
_TICKET = "cmt_…"
_ASSERTION = {"method": "passkey", "credential": {"id": "…", "rawId": "…", "type": "public-key", "response": {}}}
OPTIONS = {"options": {"challenge": "…", "rpId": "localhost", "userVerification": "required"}}


# ----------------------------------------------------------------------------------------------- second step of a login
@router.post(
    "/second-factor",
    **speaks(
        SessionOut,
        SESSION,
        status=201,
        body=SecondStepBody,
        says={"authenticator": {"ticket": _TICKET, **_TOTP_CODE}, "passkey": {"ticket": _TICKET, **_ASSERTION}},
        refuses=(TicketInvalid, *_PROVING),
        public=True,
    ),
)
async def complete_login(
    passage: Entered, body: Annotated[SecondStepBody, Depends(body_of(SecondStepBody))]
) -> Response:
    """Finish a login with a second factor. A wrong one does not use up the ticket, but wrong ones make wait."""
    step = SecondStep(visitor_of(passage), body.ticket, _proof(body))
    return reply(show_new_session(await passage.doors.identity.second_steps.complete(step)), 201)


@router.post(
    "/second-factor/sms",
    **speaks(
        DoneOut, {"done": True}, status=202, body=TicketBody, says={"ticket": {"ticket": _TICKET}},
        refuses=(TicketInvalid, FactorUnknown, SmsLimit, SmsNotForStaff), public=True,
    ),
)  # fmt: skip
async def send_login_code(passage: Entered, body: Annotated[TicketBody, Depends(body_of(TicketBody))]) -> Response:
    """Send a code by SMS to the phone of whoever is logging in."""
    await passage.doors.identity.second_steps.send_code(visitor_of(passage), body.ticket)
    return reply(DoneOut(), 202)


@router.post(
    "/second-factor/passkey",
    **speaks(
        OptionsOut, OPTIONS, body=TicketBody, says={"ticket": {"ticket": _TICKET}},
        refuses=(TicketInvalid, FactorUnknown), public=True,
    ),
)  # fmt: skip
async def ask_login_passkey(passage: Entered, body: Annotated[TicketBody, Depends(body_of(TicketBody))]) -> Response:
    """What a passkey of whoever is logging in has to sign; good once, for five minutes."""
    return reply(OptionsOut(await passage.doors.identity.second_steps.ask_passkey(body.ticket)))


# -------------------------------------------------------------------------------------------------------------- step-up
@router.post(
    "/step-up",
    **speaks(
        DoneOut, {"done": True}, body=ProofBody, says={"authenticator": _TOTP_CODE, "passkey": _ASSERTION},
        refuses=(SessionRequired, SecondFactorRequired, *_PROVING),
    ),
)  # fmt: skip
async def step_up(passage: Entered, body: Annotated[ProofBody, Depends(body_of(ProofBody))]) -> Response:
    """Show a second factor anew, for what needs a fresh one."""
    await passage.doors.identity.factors.step_up(StepUpRequest(passage.caller, _proof(body)))
    return reply(DoneOut())


@router.post(
    "/step-up/sms",
    **speaks(DoneOut, {"done": True}, status=202, refuses=(SessionRequired, FactorUnknown, SmsLimit, SmsNotForStaff)),
)
async def send_step_up_code(passage: Entered) -> Response:
    """Send a code by SMS to the caller's phone."""
    await passage.doors.identity.factors.send_code(passage.caller)
    return reply(DoneOut(), 202)


@router.post("/step-up/passkey", **speaks(OptionsOut, OPTIONS, refuses=(SessionRequired, FactorUnknown)))
async def ask_step_up_passkey(passage: Entered) -> Response:
    """What one of the caller's passkeys has to sign."""
    return reply(OptionsOut(await passage.doors.identity.factors.ask_passkey(passage.caller)))
