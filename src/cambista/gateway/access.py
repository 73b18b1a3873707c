"""Who may call what: one row an endpoint. An endpoint without a row answers nobody."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from cambista.identity import Scope, SessionRequired
from cambista.kernel.callers import Caller, Credential, Role

BASE = "/api/v1"
STAFF_ROLES = (Role.OPERATOR, Role.COMPLIANCE, Role.TREASURER, Role.ADMIN, Role.AUDITOR)


class Access(NamedTuple):
    """The roles that may call, and the scope a narrowed key needs. No roles at all: anyone, even without a key.

    No scope: what only a person does, in a session. `enrolling`: open to staff in a session that has not shown a second
    factor, which may set one up and no more. `beyond`: the roles that reach things of others here; to everybody else
    another's id is not there.
    """

    scope: str
    roles: tuple[Role, ...]
    enrolling: bool = False
    beyond: tuple[Role, ...] = STAFF_ROLES

    def admit(self, caller: Caller) -> None:
        """Let the caller pass, or refuse `session_required`, `role_denied`, `scope_missing`."""
        if not self.scope and caller.credential is not Credential.SESSION:
            raise SessionRequired
        caller.require(self.scope, *self.roles)


ANYONE = Access("", ())
_OWNERS = (Role.CUSTOMER, Role.PARTNER)
_DESK = (Role.OPERATOR, Role.ADMIN)
_STAFF = STAFF_ROLES
_REVIEWERS = (Role.COMPLIANCE, Role.TREASURER, Role.ADMIN)
_TREASURY = (Role.TREASURER, Role.ADMIN)
_ADMINS = (Role.ADMIN,)
_AUDITORS = (Role.AUDITOR, Role.COMPLIANCE, Role.ADMIN)
_KEY_MAKERS = (Role.ADMIN, *_OWNERS)
_KEY_MAKING = Access(Scope.KEYS_WRITE, _KEY_MAKERS, beyond=_ADMINS)
_PERSON = Access("", tuple(Role), beyond=())
_ENROLLING = Access("", tuple(Role), enrolling=True, beyond=())
_OWN_PERSON = Access("", _OWNERS, beyond=())

TABLE: Mapping[tuple[str, str], Access] = {
    ("GET", "/health/liveness"): ANYONE,
    ("GET", "/health/readiness"): ANYONE,
    ("GET", "/health/startup"): ANYONE,
    ("GET", "/metrics"): ANYONE,
    ("GET", "/docs"): ANYONE,
    ("GET", "/openapi.json"): ANYONE,
    ("GET", f"{BASE}/assets"): ANYONE,
    ("GET", f"{BASE}/pairs"): ANYONE,
    ("GET", f"{BASE}/prices/current"): ANYONE,
    ("GET", f"{BASE}/prices/history"): ANYONE,
    ("POST", f"{BASE}/customers"): Access(Scope.CUSTOMERS_WRITE, _DESK),
    ("GET", f"{BASE}/customers"): Access(Scope.CUSTOMERS_READ, _STAFF),
    ("GET", f"{BASE}/customers/{{id}}"): Access(Scope.CUSTOMERS_READ, _STAFF),
    ("POST", f"{BASE}/customers/{{id}}/forget"): Access(Scope.PRINCIPALS_WRITE, (Role.ADMIN, Role.COMPLIANCE)),
    ("GET", f"{BASE}/customers/{{id}}/accounts"): Access(Scope.CUSTOMERS_READ, _STAFF),
    ("POST", f"{BASE}/principals"): Access(Scope.PRINCIPALS_WRITE, _ADMINS),
    ("GET", f"{BASE}/principals"): Access(Scope.PRINCIPALS_READ, (Role.ADMIN, Role.COMPLIANCE, Role.AUDITOR)),
    ("POST", f"{BASE}/principals/{{id}}/block"): Access(Scope.PRINCIPALS_WRITE, (Role.ADMIN, Role.COMPLIANCE)),
    ("POST", f"{BASE}/principals/{{id}}/unblock"): Access(Scope.PRINCIPALS_WRITE, (Role.ADMIN, Role.COMPLIANCE)),
    ("POST", f"{BASE}/api-keys"): _KEY_MAKING,
    ("GET", f"{BASE}/api-keys"): Access(Scope.KEYS_READ, tuple(Role), beyond=(Role.ADMIN, Role.AUDITOR)),
    ("POST", f"{BASE}/api-keys/{{id}}/rotate"): _KEY_MAKING,
    ("DELETE", f"{BASE}/api-keys/{{id}}"): _KEY_MAKING,
    ("POST", f"{BASE}/principals/{{id}}/invite"): Access(Scope.CUSTOMERS_WRITE, _DESK),
    ("POST", f"{BASE}/auth/register"): ANYONE,
    ("POST", f"{BASE}/auth/confirm"): ANYONE,
    ("POST", f"{BASE}/auth/login"): ANYONE,
    ("POST", f"{BASE}/auth/logout"): _ENROLLING,
    ("GET", f"{BASE}/auth/me"): _ENROLLING,
    ("GET", f"{BASE}/auth/sessions"): _ENROLLING,
    ("DELETE", f"{BASE}/auth/sessions"): _ENROLLING,
    ("DELETE", f"{BASE}/auth/sessions/{{id}}"): _ENROLLING,
    ("POST", f"{BASE}/auth/password"): _ENROLLING,
    ("POST", f"{BASE}/auth/password/forgot"): ANYONE,
    ("POST", f"{BASE}/auth/password/reset"): ANYONE,
    ("POST", f"{BASE}/auth/second-factor"): ANYONE,
    ("POST", f"{BASE}/auth/second-factor/sms"): ANYONE,
    ("POST", f"{BASE}/auth/second-factor/passkey"): ANYONE,
    ("POST", f"{BASE}/auth/step-up"): _PERSON,
    ("POST", f"{BASE}/auth/step-up/sms"): _OWN_PERSON,
    ("POST", f"{BASE}/auth/step-up/passkey"): _PERSON,
    ("GET", f"{BASE}/auth/factors"): _ENROLLING,
    ("POST", f"{BASE}/auth/totp"): _ENROLLING,
    ("POST", f"{BASE}/auth/totp/confirm"): _ENROLLING,
    ("DELETE", f"{BASE}/auth/totp"): _PERSON,
    ("POST", f"{BASE}/auth/sms"): _OWN_PERSON,
    ("POST", f"{BASE}/auth/sms/confirm"): _OWN_PERSON,
    ("DELETE", f"{BASE}/auth/sms"): _OWN_PERSON,
    ("POST", f"{BASE}/auth/passkeys/options"): _ENROLLING,
    ("POST", f"{BASE}/auth/passkeys"): _ENROLLING,
    ("POST", f"{BASE}/auth/passkeys/{{id}}/rename"): _PERSON,
    ("DELETE", f"{BASE}/auth/passkeys/{{id}}"): _PERSON,
    ("POST", f"{BASE}/auth/recovery-codes"): _PERSON,
    ("POST", f"{BASE}/oauth/clients"): Access(Scope.PRINCIPALS_WRITE, _ADMINS),
    ("GET", f"{BASE}/oauth/clients"): Access(Scope.PRINCIPALS_READ, (Role.ADMIN, Role.AUDITOR)),
    ("POST", f"{BASE}/oauth/clients/{{id}}/secret"): Access(Scope.PRINCIPALS_WRITE, _ADMINS),
    ("DELETE", f"{BASE}/oauth/clients/{{id}}"): Access(Scope.PRINCIPALS_WRITE, _ADMINS),
    ("GET", f"{BASE}/oauth/grants"): Access(Scope.KEYS_READ, (Role.CUSTOMER,)),
    ("DELETE", f"{BASE}/oauth/grants/{{id}}"): Access(Scope.KEYS_WRITE, (Role.CUSTOMER, Role.ADMIN), beyond=_ADMINS),
    ("GET", "/oauth/authorize"): ANYONE,
    ("POST", "/oauth/consent"): ANYONE,
    ("POST", "/oauth/authorize"): Access("", (Role.CUSTOMER,), beyond=()),
    ("POST", "/oauth/token"): ANYONE,
    ("POST", "/oauth/introspect"): ANYONE,
    ("POST", "/oauth/revoke"): ANYONE,
    ("GET", "/.well-known/oauth-authorization-server"): ANYONE,
    ("GET", "/.well-known/jwks.json"): ANYONE,
    ("POST", f"{BASE}/deposits"): Access(Scope.DEPOSITS_WRITE, (*_DESK, Role.TREASURER)),
    ("GET", f"{BASE}/deposits"): Access(Scope.DEPOSITS_READ, (*_OWNERS, *_STAFF)),
    ("GET", f"{BASE}/deposits/{{id}}"): Access(Scope.DEPOSITS_READ, (*_OWNERS, *_STAFF)),
    ("POST", f"{BASE}/deposits/{{id}}/approve"): Access(Scope.DEPOSITS_APPROVE, _REVIEWERS),
    ("POST", f"{BASE}/deposits/{{id}}/reject"): Access(Scope.DEPOSITS_APPROVE, _REVIEWERS),
    ("GET", f"{BASE}/accounts"): Access(Scope.ACCOUNTS_READ, _OWNERS),
    ("GET", f"{BASE}/accounts/{{asset}}/statement"): Access(Scope.ACCOUNTS_READ, _OWNERS),
    ("GET", f"{BASE}/accounts/proof"): Access(Scope.ACCOUNTS_READ, _OWNERS),
    ("GET", f"{BASE}/audit"): Access(Scope.AUDIT_READ, _AUDITORS),
    ("GET", f"{BASE}/audit/checkpoints"): Access(Scope.AUDIT_READ, _AUDITORS),
    ("GET", f"{BASE}/audit/checkpoints/{{number}}/consistency"): Access(Scope.AUDIT_READ, _AUDITORS),
    ("GET", f"{BASE}/audit/key"): Access(Scope.AUDIT_READ, _AUDITORS),
    ("GET", f"{BASE}/audit/{{id}}/proof"): Access(Scope.AUDIT_READ, _AUDITORS),
    ("GET", f"{BASE}/solvency"): ANYONE,
    ("GET", f"{BASE}/solvency/{{day}}"): ANYONE,
    ("GET", f"{BASE}/sagas"): Access(Scope.SAGAS_READ, (*_TREASURY, Role.AUDITOR)),
    ("GET", f"{BASE}/sagas/{{id}}"): Access(Scope.SAGAS_READ, (*_TREASURY, Role.AUDITOR)),
    ("POST", f"{BASE}/sagas/{{id}}/retry"): Access(Scope.SAGAS_WRITE, _TREASURY),
    ("POST", f"{BASE}/sagas/{{id}}/compensate"): Access(Scope.SAGAS_WRITE, _TREASURY),
    ("POST", f"{BASE}/quotes"): Access(Scope.QUOTES_WRITE, _OWNERS),
    ("GET", f"{BASE}/quotes/{{id}}"): Access(Scope.QUOTES_READ, (*_OWNERS, *_STAFF)),
    ("POST", f"{BASE}/trades"): Access(Scope.TRADES_WRITE, _OWNERS),
    ("GET", f"{BASE}/trades"): Access(Scope.TRADES_READ, (*_OWNERS, *_STAFF)),
    ("GET", f"{BASE}/trades/{{id}}"): Access(Scope.TRADES_READ, (*_OWNERS, *_STAFF)),
    ("POST", f"{BASE}/orders"): Access(Scope.ORDERS_WRITE, _OWNERS),
    ("GET", f"{BASE}/orders"): Access(Scope.ORDERS_READ, (*_OWNERS, *_STAFF)),
    ("GET", f"{BASE}/orders/{{id}}"): Access(Scope.ORDERS_READ, (*_OWNERS, *_STAFF)),
    ("DELETE", f"{BASE}/orders/{{id}}"): Access(Scope.ORDERS_WRITE, _OWNERS),
    ("GET", f"{BASE}/books/{{pair}}"): ANYONE,
    ("POST", f"{BASE}/withdrawals"): Access(Scope.WITHDRAWALS_WRITE, _OWNERS),
    ("GET", f"{BASE}/withdrawals"): Access(Scope.WITHDRAWALS_READ, (*_OWNERS, *_STAFF)),
    ("GET", f"{BASE}/withdrawals/{{id}}"): Access(Scope.WITHDRAWALS_READ, (*_OWNERS, *_STAFF)),
    ("POST", f"{BASE}/withdrawals/{{id}}/approve"): Access(Scope.WITHDRAWALS_APPROVE, _TREASURY),
    ("POST", f"{BASE}/withdrawals/{{id}}/reject"): Access(Scope.WITHDRAWALS_APPROVE, _TREASURY),
    ("GET", f"{BASE}/ledger/transfers/{{id}}"): Access(Scope.LEDGER_READ, _STAFF),
    ("GET", f"{BASE}/ledger/trial-balance"): Access(Scope.LEDGER_READ, _STAFF),
}


def methods_at(path: str) -> list[str]:
    """The methods some endpoint takes at this address."""
    return sorted(method for (method, _), pattern in _PATTERNS.items() if pattern.fullmatch(path))


_PATTERNS = {row: re.compile(re.sub(r"\{\w+\}", "[^/]+", row[1])) for row in TABLE}


def access_to(method: str, template: str) -> Access:
    """The row of an endpoint; there must be one."""
    row = TABLE.get(("GET" if method == "HEAD" else method, template))
    assert row is not None, f"{method} {template} has no row in the access table"
    return row
