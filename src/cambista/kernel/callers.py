"""Who asks: the same value at every face and in every audit row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from cambista.kernel.errors import Denied


class Role(StrEnum):
    CUSTOMER = "customer"
    PARTNER = "partner"
    OPERATOR = "operator"
    COMPLIANCE = "compliance"
    TREASURER = "treasurer"
    ADMIN = "admin"
    AUDITOR = "auditor"


class ScopeMissing(Denied):
    code = "scope_missing"
    sentence = "The key does not carry the scope this needs."


class RoleDenied(Denied):
    code = "role_denied"
    sentence = "The caller's role may not do this."


class StepUpRequired(Denied):
    code = "step_up_required"
    sentence = "This needs a second factor shown within the last minutes (or, with a key, a signed request)."


class Credential(StrEnum):
    """With what a caller came: a machine's key, a person's session, an OAuth2 token, from inside the house, or with
    nothing yet (somebody who is about to log in)."""

    KEY = "key"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the name of a kind
    HOUSE = "house"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: `id` is who owns the credential (a customer's is its customer id).

    `key_id` is the credential's id: of the key, the session or the OAuth2 grant. No scopes: all its role's.
    `client_id` is the OAuth2 client that acts on behalf of `id`. `proved_at` is when the person last showed a second
    factor, or now for a signed request; None: never.
    """

    id: UUID
    role: Role
    key_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    address: str = ""
    trace_id: str = ""
    credential: Credential = Credential.KEY
    client_id: UUID | None = None
    proved_at: datetime | None = None
    agent: str = ""

    def require(self, scope: str, *roles: Role) -> None:
        """Refuse unless the caller has one of `roles` and, when its key is narrowed, `scope`."""
        if self.role not in roles:
            raise RoleDenied(role=self.role.value)
        if self.scopes and scope not in self.scopes:
            raise ScopeMissing(scope=scope)

    def require_proof(self, now: datetime, within: timedelta) -> None:
        """Refuse (`step_up_required`) unless a second factor was shown, or the request signed, that lately."""
        if self.proved_at is None or not now - within <= self.proved_at <= now:
            raise StepUpRequired(within_s=int(within.total_seconds()))
