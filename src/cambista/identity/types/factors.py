"""Nouns of second factors: what a person may show beside the password."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cambista.identity.types.people import Visitor
from cambista.kernel.callers import Caller


class FactorKind(StrEnum):
    """TOTP: an authenticator app. SMS is weaker, and not for staff. RECOVERY: one of ten codes on paper."""

    TOTP = "totp"
    SMS = "sms"
    PASSKEY = "passkey"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows: the `code`, or a passkey's `assertion` as the browser gives it (WebAuthn JSON)."""

    kind: FactorKind
    code: str = ""
    assertion: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """The house as authenticators know it: a passkey made for one `origin` signs for no other."""

    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class SecondStep:
    """The second step of a login: the `ticket` of the first, and a factor."""

    visitor: Visitor
    ticket: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class StepUpRequest:
    """A session that shows a second factor anew."""

    caller: Caller
    proof: Proof


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """An authenticator to be set up: the secret (base32) as text, as `otpauth` address and as QR code (SVG).

    It counts once a code of it was shown, before `expires_at`.
    """

    secret: str
    uri: str
    qr_svg: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A factor now counts. `recovery_codes` come with the first one, are shown once and stored nowhere."""

    kind: FactorKind
    recovery_codes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key of a person's authenticator, under a name of the person's choice."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Factors:
    """The second factors of one person. `phone` shows the last digits only."""

    totp_since: datetime | None
    phone: str | None
    phone_since: datetime | None
    passkeys: Sequence[Passkey]
    recovery_codes_left: int

    @property
    def kinds(self) -> frozenset[FactorKind]:
        """What can be shown now."""
        found = {
            FactorKind.TOTP: self.totp_since is not None,
            FactorKind.SMS: self.phone_since is not None,
            FactorKind.PASSKEY: bool(self.passkeys),
            FactorKind.RECOVERY: self.recovery_codes_left > 0,
        }
        return frozenset(kind for kind, there in found.items() if there)
