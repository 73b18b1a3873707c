"""Second factors set up, listed and taken away."""

from typing import Annotated

import msgspec
from fastapi import Depends, Response

from cambista.gateway.access import BASE
from cambista.gateway.rest import words
from cambista.gateway.rest.factors import CREDENTIAL_MAX, OPTIONS, DoneOut, Json, OptionsOut
from cambista.gateway.rest.routing import Entered, body_of, reply, rest_router, speaks
from cambista.gateway.rest.words import IdPath, IdText, TimeText
from cambista.identity import (
    Enrolled,
    EnrolmentUnknown,
    FactorKind,
    Factors,
    FactorUnknown,
    LastFactor,
    Passkey,
    PasskeyInvalid,
    PasskeysLimit,
    PhoneInvalid,
    SecondFactorWrong,
    SessionRequired,
    SmsLimit,
    SmsNotForStaff,
    TextInvalid,
    TotpEnrolment,
)
from cambista.kernel.callers import StepUpRequired
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.kernel.time import wire_time

router = rest_router("second factors", prefix=f"{BASE}/auth")


class CodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Six digits."""

    code: Annotated[str, msgspec.Meta(max_length=64)]


class PhoneBody(msgspec.Struct, forbid_unknown_fields=True):
    """A mobile number with its country's code."""

    phone: str


class PasskeyBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the browser's `navigator.credentials.create` gave, as JSON, and a name to know it by."""

    name: str
    credential: Annotated[Json, msgspec.Meta(max_length=CREDENTIAL_MAX)]


class NameBody(msgspec.Struct, forbid_unknown_fields=True):
    """A name to know a passkey by."""

    name: str


class TotpOut(msgspec.Struct):
    """An authenticator to set up: as text, as an address, and as a QR code. Shown once."""

    secret: str
    uri: str
    qr_svg: str
    expires_at: TimeText


class EnrolledOut(msgspec.Struct):
    """A factor that counts now. `recovery_codes` come with the first one and are shown once."""

    factor: FactorKind
    recovery_codes: list[str]


class PasskeyOut(msgspec.Struct):
    """A passkey."""

    id: IdText
    name: str
    created_at: TimeText
    last_used_at: TimeText | None


class NewPasskeyOut(msgspec.Struct):
    """A passkey just made, and recovery codes if it is the first factor."""

    passkey: PasskeyOut
    recovery_codes: list[str]


class FactorsOut(msgspec.Struct):
    """The caller's second factors; of a phone, the last digits."""

    totp_since: TimeText | None
    phone: str | None
    phone_since: TimeText | None
    passkeys: list[PasskeyOut]
    recovery_codes_left: int


class RecoveryCodesOut(msgspec.Struct):
    """Ten codes, each good once, shown once; earlier ones are void."""

    recovery_codes: list[str]


def _show_passkey(found: Passkey) -> PasskeyOut:
    used = None if found.last_used_at is None else wire_time(found.last_used_at)
    return PasskeyOut(str(found.id), found.name, wire_time(found.created_at), used)


def _show_factors(found: Factors) -> FactorsOut:
    totp, phone = (None if each is None else wire_time(each) for each in (found.totp_since, found.phone_since))
    passkeys = [_show_passkey(each) for each in found.passkeys]
    return FactorsOut(totp, found.phone, phone, passkeys, found.recovery_codes_left)


def _show_totp(made: TotpEnrolment) -> TotpOut:
    return TotpOut(made.secret, made.uri, made.qr_svg, wire_time(made.expires_at))


def _show_enrolled(made: Enrolled) -> EnrolledOut:
    return EnrolledOut(made.kind, list(made.recovery_codes))


_CHANGING: tuple[type[Refusal], ...] = (SessionRequired, StepUpRequired)
_CODES = ["k3jx-9q2a-…"]
_PASSKEY = {"id": words.KEY, "name": "My phone", "created_at": words.MOMENT, "last_used_at": None}
_ENROLLED = {"factor": "totp", "recovery_codes": _CODES}
_CREDENTIAL = {"id": "…", "rawId": "…", "type": "public-key", "response": {}}


@router.get(
    "/factors",
    **speaks(
        FactorsOut,
        {
            "totp_since": words.MOMENT, "phone": "…567", "phone_since": words.MOMENT, "passkeys": [_PASSKEY],
            "recovery_codes_left": 10,
        },
        refuses=(SessionRequired,),
    ),
)  # fmt: skip
async def list_factors(passage: Entered) -> Response:
    """The caller's own second factors."""
    return reply(_show_factors(await passage.doors.identity.factors.find(passage.caller)))


@router.post(
    "/totp",
    **speaks(
        TotpOut,
        {"secret": "GEZD…", "uri": "otpauth://totp/…", "qr_svg": "<svg …>", "expires_at": words.LATER},
        status=201,
        refuses=_CHANGING,
    ),
)
async def begin_totp(passage: Entered) -> Response:
    """Begin to set up an authenticator app; it counts once a code of it was confirmed."""
    return reply(_show_totp(await passage.doors.identity.factors.begin_totp(passage.caller)), 201)


@router.post(
    "/totp/confirm",
    **speaks(
        EnrolledOut, _ENROLLED, body=CodeBody, says={"code": {"code": "492039"}},
        refuses=(SessionRequired, EnrolmentUnknown, SecondFactorWrong),
    ),
)  # fmt: skip
async def confirm_totp(passage: Entered, body: Annotated[CodeBody, Depends(body_of(CodeBody))]) -> Response:
    """Let the new authenticator count, in the place of an earlier one."""
    return reply(_show_enrolled(await passage.doors.identity.factors.confirm_totp(passage.caller, body.code)))


@router.delete("/totp", **speaks(DoneOut, {"done": True}, refuses=(*_CHANGING, FactorUnknown, LastFactor)))
async def remove_totp(passage: Entered) -> Response:
    """Take the authenticator away."""
    await passage.doors.identity.factors.remove_totp(passage.caller)
    return reply(DoneOut())


@router.post(
    "/sms",
    **speaks(
        DoneOut, {"done": True}, status=202, body=PhoneBody, says={"mobile": {"phone": "+573001234567"}},
        refuses=(*_CHANGING, PhoneInvalid, SmsLimit, SmsNotForStaff),
    ),
)  # fmt: skip
async def begin_sms(passage: Entered, body: Annotated[PhoneBody, Depends(body_of(PhoneBody))]) -> Response:
    """Send a code to a new phone; it counts once the code was confirmed. Weaker than the others, and not for staff."""
    await passage.doors.identity.factors.begin_sms(passage.caller, body.phone)
    return reply(DoneOut(), 202)


@router.post(
    "/sms/confirm",
    **speaks(
        EnrolledOut, {**_ENROLLED, "factor": "sms"}, body=CodeBody, says={"code": {"code": "492039"}},
        refuses=(SessionRequired, EnrolmentUnknown, SecondFactorWrong),
    ),
)  # fmt: skip
async def confirm_sms(passage: Entered, body: Annotated[CodeBody, Depends(body_of(CodeBody))]) -> Response:
    """Let the new phone count, in the place of an earlier one."""
    return reply(_show_enrolled(await passage.doors.identity.factors.confirm_sms(passage.caller, body.code)))


@router.delete("/sms", **speaks(DoneOut, {"done": True}, refuses=(*_CHANGING, FactorUnknown)))
async def remove_sms(passage: Entered) -> Response:
    """Take the phone away."""
    await passage.doors.identity.factors.remove_sms(passage.caller)
    return reply(DoneOut())


# ------------------------------------------------------------------------------------------------------------- passkeys
@router.post("/passkeys/options", **speaks(OptionsOut, OPTIONS, refuses=(*_CHANGING, PasskeysLimit)))
async def begin_passkey(passage: Entered) -> Response:
    """What a browser needs to make a passkey; good once, for five minutes."""
    return reply(OptionsOut(await passage.doors.identity.factors.begin_passkey(passage.caller)))


@router.post(
    "/passkeys",
    **speaks(
        NewPasskeyOut,
        {"passkey": _PASSKEY, "recovery_codes": _CODES},
        status=201,
        body=PasskeyBody,
        says={"phone": {"name": "My phone", "credential": _CREDENTIAL}},
        refuses=(SessionRequired, PasskeyInvalid, PasskeysLimit, TextInvalid),
    ),
)
async def confirm_passkey(passage: Entered, body: Annotated[PasskeyBody, Depends(body_of(PasskeyBody))]) -> Response:
    """Keep the passkey the browser made."""
    made, codes = await passage.doors.identity.factors.confirm_passkey(passage.caller, body.name, body.credential)
    return reply(NewPasskeyOut(_show_passkey(made), list(codes)), 201)


@router.post(
    "/passkeys/{id}/rename",
    **speaks(
        PasskeyOut, _PASSKEY, body=NameBody, says={"name": {"name": "My phone"}},
        refuses=(*_CHANGING, FactorUnknown, TextInvalid, IdInvalid),
    ),
)  # fmt: skip
async def rename_passkey(
    id: IdPath, passage: Entered, body: Annotated[NameBody, Depends(body_of(NameBody))]
) -> Response:
    """Call a passkey something else."""
    renamed = await passage.doors.identity.factors.rename_passkey(passage.caller, parse_id(id), body.name)
    return reply(_show_passkey(renamed))


@router.delete(
    "/passkeys/{id}", **speaks(DoneOut, {"done": True}, refuses=(*_CHANGING, FactorUnknown, LastFactor, IdInvalid))
)
async def remove_passkey(id: IdPath, passage: Entered) -> Response:
    """Take a passkey away."""
    await passage.doors.identity.factors.remove_passkey(passage.caller, parse_id(id))
    return reply(DoneOut())


@router.post(
    "/recovery-codes", **speaks(RecoveryCodesOut, {"recovery_codes": _CODES}, refuses=(*_CHANGING, FactorUnknown))
)
async def renew_recovery_codes(passage: Entered) -> Response:
    """Ten new recovery codes in the place of all earlier ones."""
    return reply(RecoveryCodesOut(list(await passage.doors.identity.factors.renew_recovery_codes(passage.caller))))
