"""Nouns of people: who registers, logs in, keeps sessions and changes passwords."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cambista.kernel.callers import Caller, Role


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody the house does not know yet: all there is to say is where the request comes from, and with what."""

    address: str
    trace_id: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """Somebody wants to be a customer. `language` is "es" or "en", in which letters are written."""

    visitor: Visitor
    email: str = field(repr=False)
    password: str = field(repr=False)
    full_name: str = field(repr=False)
    country: str
    language: str = "es"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The token of a registration's letter."""

    visitor: Visitor
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to log in. `device` is what an earlier login on this device was given, or empty."""

    visitor: Visitor
    email: str = field(repr=False)
    password: str = field(repr=False)
    device: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PasswordForgotten:
    visitor: Visitor
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """The token of a letter (a reset or an invitation), and the password to set."""

    visitor: Visitor
    token: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordChange:
    caller: Caller
    old: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionRevocation:
    """One of the caller's sessions, or (None) all but the one it speaks through."""

    caller: Caller
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """Let a principal log in: a letter with a token by which a password is set.

    `email` None: the one the customer was registered with.
    """

    caller: Caller
    principal_id: UUID
    email: str | None = None
    language: str = "es"


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login whose password was right and whose second factor is still to be shown. Lives for minutes, used once.

    `device_id` is the known device it came from, or None.
    """

    id: UUID
    owner_id: UUID
    role: Role
    address: str
    agent: str
    device_id: UUID | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a person holds meanwhile: `ticket` is shown once and stored as a hash; `methods` are the factors to show."""

    pending: PendingLogin
    ticket: str = field(repr=False)
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is logged in, on one device.

    It ends at `expires_at` at the latest, and at `idle_until` unless it is used before. `device` says what it is in
    words; `proved_at` is when a second factor was last shown in it.
    """

    id: UUID
    owner_id: UUID
    device: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    idle_until: datetime
    expires_at: datetime
    proved_at: datetime | None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just opened: `token` is the credential, `device` what the device shows at its next login.

    Both are shown once and stored as hashes.
    """

    record: Session
    token: str = field(repr=False)
    device: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceTrust:
    """A device that showed what only the letter's reader has; `device` is shown once and stored as a hash."""

    principal_id: UUID
    device: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """How many sessions an order ended."""

    count: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can log in, as shown to that person."""

    id: UUID
    role: Role
    name: str = field(repr=False)
    email: str = field(repr=False)
    language: str
    registered_at: datetime
    password_set_at: datetime | None


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    LOGOUT = "logout"
    REVOKED = "revoked"
    PASSWORD = "password"  # noqa: S105 - the name of a reason
    CROWDED = "crowded"
    FOREIGN_AGENT = "foreign_agent"


class TokenPurpose(StrEnum):
    """What a letter's token is good for."""

    RESET = "reset"
    INVITATION = "invitation"
