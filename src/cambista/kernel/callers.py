"""Who asks: the same value at every face and in every audit row."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: `id` is the key's owner (a customer's is its customer id); no scopes: all its role's."""

    id: UUID
    role: Role
    key_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    address: str = ""
    trace_id: str = ""

    def require(self, scope: str, *roles: Role) -> None:
        """Refuse unless the caller has one of `roles` and, when its key is narrowed, `scope`."""
        if self.role not in roles:
            raise RoleDenied(role=self.role.value)
        if self.scopes and scope not in self.scopes:
            raise ScopeMissing(scope=scope)
