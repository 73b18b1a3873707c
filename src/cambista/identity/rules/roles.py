"""What each role may, and whom it sees. Pure."""

from collections.abc import Mapping
from uuid import UUID

from cambista.identity.types.keys import Scope
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal

STAFF = frozenset({Role.OPERATOR, Role.COMPLIANCE, Role.TREASURER, Role.ADMIN, Role.AUDITOR})
# Who sees with what others come in: their keys, sessions and second factors.
OVERSEERS = (Role.ADMIN, Role.AUDITOR)


_OWN_MONEY = frozenset(
    {
        Scope.ACCOUNTS_READ, Scope.DEPOSITS_READ, Scope.KEYS_READ, Scope.KEYS_WRITE, Scope.ORDERS_READ,
        Scope.ORDERS_WRITE, Scope.PRICES_READ, Scope.QUOTES_READ, Scope.QUOTES_WRITE, Scope.TRADES_READ,
        Scope.TRADES_WRITE, Scope.WITHDRAWALS_READ, Scope.WITHDRAWALS_WRITE,
    }
)  # fmt: skip


_READS = frozenset(scope for scope in Scope if scope.endswith(":read"))


_STAFF_READS = _READS - {Scope.AUDIT_READ, Scope.SAGAS_READ}


SCOPES_OF: Mapping[Role, frozenset[Scope]] = {
    Role.CUSTOMER: _OWN_MONEY,
    Role.PARTNER: _OWN_MONEY,
    Role.OPERATOR: _STAFF_READS
    | {Scope.CUSTOMERS_WRITE, Scope.DEPOSITS_WRITE, Scope.WITHDRAWALS_WRITE, Scope.PRICES_WRITE},
    Role.COMPLIANCE: _STAFF_READS
    | {Scope.AUDIT_READ, Scope.DEPOSITS_APPROVE, Scope.PRINCIPALS_WRITE, Scope.LEDGER_WRITE},
    Role.TREASURER: _STAFF_READS
    | {
        Scope.DEPOSITS_WRITE,
        Scope.DEPOSITS_APPROVE,
        Scope.WITHDRAWALS_APPROVE,
        Scope.LEDGER_WRITE,
        Scope.SAGAS_READ,
        Scope.SAGAS_WRITE,
    },
    Role.ADMIN: frozenset(Scope),
    Role.AUDITOR: _READS,
}


def permission(caller: Caller, scope: str, *roles: Role) -> Refusal | None:
    """None, or why the caller may not (`role_denied`, `scope_missing`)."""
    try:
        caller.require(scope, *roles)
    except Refusal as refusal:
        return refusal
    return None


def may_see(caller: Caller, owner_id: UUID, *roles: Role) -> bool:
    return caller.role in roles or caller.id == owner_id


def owner_seen(caller: Caller) -> UUID | None:
    """Whose things the caller sees: its own, or (None) everybody's for staff."""
    return None if caller.role in STAFF else caller.id


def visible(caller: Caller, owner_id: UUID) -> bool:
    """Staff see everybody, others themselves."""
    return may_see(caller, owner_id, *STAFF)
