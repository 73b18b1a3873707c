"""Who may see and do what beside the desk: one row a page or deed, as endpoints have in `gateway/access.py`."""

from collections.abc import Mapping
from typing import NamedTuple

from cambista.audit import READERS
from cambista.identity import OVERSEERS, STAFF, Scope, SessionRequired
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal


class Access(NamedTuple):
    """The roles that may, and the scope a narrowed key needs. No scope: what only a person does, in a session."""

    scope: str
    roles: tuple[Role, ...]

    def admit(self, caller: Caller) -> None:
        """Let the caller pass, or refuse `session_required`, `role_denied`, `scope_missing`."""
        if not self.scope and caller.credential is not Credential.SESSION:
            raise SessionRequired
        caller.require(self.scope, *self.roles)


_STAFF = tuple(sorted(STAFF))
_BLOCKING = Access(Scope.PRINCIPALS_WRITE, (Role.ADMIN, Role.COMPLIANCE))
_KEY_MAKING = Access(Scope.KEYS_WRITE, (Role.ADMIN,))
_PERSON = Access("", _STAFF)
_AUDIT = Access(Scope.AUDIT_READ, READERS)

DESK = (Scope.LEDGER_READ, Scope.TRADES_READ)
CREDENTIALS = Access(Scope.KEYS_READ, OVERSEERS)
TABLE: Mapping[tuple[str, str], Access] = {
    ("GET", "/people"): Access(Scope.PRINCIPALS_READ, (Role.ADMIN, Role.COMPLIANCE, Role.AUDITOR)),
    ("GET", "/customers"): Access(Scope.CUSTOMERS_READ, _STAFF),
    ("POST", "/search"): Access(Scope.CUSTOMERS_READ, _STAFF),
    ("GET", "/people/{id}"): Access(Scope.CUSTOMERS_READ, _STAFF),
    ("POST", "/people/{id}/block"): _BLOCKING,
    ("POST", "/people/{id}/unblock"): _BLOCKING,
    ("POST", "/people/{id}/sign-out"): _BLOCKING,
    ("POST", "/people/{id}/invite"): Access(Scope.CUSTOMERS_WRITE, (Role.OPERATOR, Role.ADMIN)),
    ("POST", "/people/{id}/keys"): _KEY_MAKING,
    ("POST", "/keys/{id}/rotate"): _KEY_MAKING,
    ("POST", "/keys/{id}/revoke"): _KEY_MAKING,
    ("GET", "/audit"): _AUDIT,
    ("GET", "/audit/{id}"): _AUDIT,
    ("GET", "/checkpoints"): _AUDIT,
    ("GET", "/solvency"): Access(Scope.LEDGER_READ, _STAFF),
    ("GET", "/security"): _AUDIT,
    ("GET", "/me"): _PERSON,
    ("POST", "/me/password"): _PERSON,
    ("POST", "/me/sessions/end"): _PERSON,
    ("POST", "/me/sessions/{id}/end"): _PERSON,
    ("POST", "/me/totp"): _PERSON,
    ("POST", "/me/totp/confirm"): _PERSON,
    ("POST", "/me/codes"): _PERSON,
    ("POST", "/me/passkeys/{id}/remove"): _PERSON,
}
# The pages that are gone to by name, in this order.
MENU = ("/people", "/customers", "/audit", "/checkpoints", "/solvency", "/security", "/me")


def may(caller: Caller, access: Access) -> bool:
    try:
        access.admit(caller)
    except Refusal:
        return False
    return True


def menu_of(caller: Caller) -> list[str]:
    """The pages of the menu that the caller may open."""
    return [path for path in MENU if may(caller, TABLE["GET", path])]
