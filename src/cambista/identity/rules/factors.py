"""Decisions of second factors: codes, phone numbers, and the wait after wrong ones. Pure."""

import base64
import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import phonenumbers
import pyotp
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from cambista.identity.errors.factors import PhoneInvalid

STEP_S = 30
DIGITS = 6
TOTP_SECRET_BYTES = 20
# A clock may be one step off, either way (RFC 6238, 5.2).
SKEW_STEPS = (-1, 0, 1)
ENROLMENT_TTL = timedelta(minutes=15)

SMS_CODE_TTL = timedelta(minutes=5)
SMS_TRIES_MAX = 5
SMS_PAUSE = timedelta(seconds=30)

RECOVERY_CODES = 10
RECOVERY_BYTES = 10
CHALLENGE_BYTES = 32
CHALLENGE_TTL = timedelta(minutes=5)

_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_NUMBER = re.compile(r"\+[0-9][0-9 ().-]{5,30}", re.ASCII)
_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


# ------------------------------------------------------------------------------------------------------ authenticators
def time_step(now: datetime) -> int:
    """The number of the 30-second step `now` lies in, since 1970."""
    return int(now.timestamp()) // STEP_S


def totp_code(secret: str, step: int) -> str:
    """The six digits of a base32 secret in that step (RFC 4226 with HMAC-SHA-1)."""
    return pyotp.HOTP(secret, digits=DIGITS).at(step)


def shown_step(secret: str, code: str, now: datetime) -> int | None:
    """The latest step, at most one off from now, whose code this is; None when it is no such step's."""
    typed = code.replace(" ", "")
    if _CODE.fullmatch(typed) is None:
        return None
    current, found = time_step(now), None
    for skew in SKEW_STEPS:
        # All of them are compared, in constant time each.
        if hmac.compare_digest(totp_code(secret, current + skew), typed):
            found = current + skew
    return found


def totp_secret(entropy: bytes) -> str:
    """160 random bits as base32, as authenticators want them (RFC 4226, 4)."""
    assert len(entropy) == TOTP_SECRET_BYTES
    return base64.b32encode(entropy).decode("ascii")


def totp_uri(secret: str, *, label: str, issuer: str) -> str:
    """The `otpauth` address a QR code holds."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(name=label, issuer_name=issuer)


# --------------------------------------------------------------------------------------------------------------- phones
def read_phone(value: object) -> str:
    """A mobile number in E.164; others are refused (`phone_invalid`), premium numbers among them."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise PhoneInvalid
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        raise PhoneInvalid from None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _MOBILE:
        raise PhoneInvalid
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def masked_phone(number: str) -> str:
    """What is shown of a number: its last three digits."""
    return f"…{number[-3:]}"


def sms_code(drawn: int) -> str:
    """Six digits out of a number below a million."""
    assert 0 <= drawn < 10**DIGITS
    return f"{drawn:0{DIGITS}d}"


def read_code(value: str) -> str:
    """A typed code without its spaces; empty when it is none."""
    typed = value.replace(" ", "")
    return typed if _CODE.fullmatch(typed) else ""


# ------------------------------------------------------------------------------------------------------- recovery codes
def recovery_code(entropy: bytes) -> str:
    """80 random bits to copy by hand: `k3jx-9q2a-…`, four groups of four."""
    assert len(entropy) == RECOVERY_BYTES
    text = base64.b32encode(entropy).decode("ascii").lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def recovery_hash(code: str) -> bytes:
    """SHA-256 of what was typed, whatever its case and dashes. 80 random bits need no slow hash."""
    typed = re.sub(r"[\s-]", "", code[:64]).lower()
    return hashlib.sha256(typed.encode("utf-8", "replace")).digest()


# ----------------------------------------------------------------------------------------------- waits after wrong ones
@dataclass(frozen=True, slots=True)
class Guard:
    """How a counter of wrong answers waits: `free` are free, then 30 s, doubled each time, up to `wait_max`.

    After `forget` without a wrong one it starts again.
    """

    free: int
    wait_max: timedelta
    forget: timedelta


ACCOUNT_GUARD = Guard(5, timedelta(hours=1), timedelta(hours=24))
# Many people may share an address.
ADDRESS_GUARD = Guard(50, timedelta(minutes=15), timedelta(hours=1))
_FIRST_WAIT = timedelta(seconds=30)
_DOUBLINGS_MAX = 12


@dataclass(frozen=True, slots=True)
class Failures:
    """What a counter has seen; nothing is looked at before `free_at`."""

    failures: int
    last_at: datetime
    free_at: datetime


def after_failure(before: Failures, guard: Guard, now: datetime) -> Failures:
    """The counter with one more wrong answer."""
    seen = 0 if now - before.last_at > guard.forget else before.failures
    failures = seen + 1
    return Failures(failures, now, now + _wait(failures, guard))


def _wait(failures: int, guard: Guard) -> timedelta:
    if failures < guard.free:
        return timedelta(0)
    doubled: int = 2 ** min(failures - guard.free, _DOUBLINGS_MAX)
    return min(_FIRST_WAIT * doubled, guard.wait_max)


def wait_s(counters: "list[Failures]", now: datetime) -> int:
    """Whole seconds until the next answer is looked at; 0 = now."""
    latest = max((each.free_at for each in counters), default=now)
    return max(0, -int(-(latest - now).total_seconds() // 1))


def address_counter(address: str) -> str:
    """The counter of an address; an IPv6 customer owns a whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return f"address:{ipaddress.ip_network((parsed, 64), strict=False).network_address}"
    return f"address:{parsed}"
