"""Who may call: principals, customers, API keys. Owns schema `identity`; announces CustomerRegistered, PrincipalAdded,
PrincipalStatusChanged, ApiKeyIssued, ApiKeyRevoked."""

from cambista.identity.errors.keys import (
    ExpiryInvalid,
    KeysLimit,
    KeyUnknown,
    OwnerBlocked,
    ScopeBeyondCaller,
    ScopeNotOfRole,
    ScopeUnknown,
)
from cambista.identity.errors.principals import (
    CountryInvalid,
    CustomerUnknown,
    EmailInvalid,
    EmailTaken,
    PrincipalUnknown,
    RoleInvalid,
    SelfBlock,
    TextInvalid,
)
from cambista.identity.events.keys import ApiKeyIssued, ApiKeyRevoked
from cambista.identity.events.principals import CustomerRegistered, PrincipalAdded, PrincipalStatusChanged
from cambista.identity.rules.principals import read_text
from cambista.identity.rules.roles import SCOPES_OF, STAFF, permission
from cambista.identity.service import Identity
from cambista.identity.settings import IdentitySettings
from cambista.identity.types.keys import ApiKey, KeyRequest, KeyRevocation, NewApiKey, Scope
from cambista.identity.types.principals import (
    AccountHolder,
    Customer,
    CustomerRequest,
    Page,
    Principal,
    PrincipalRequest,
    Status,
    StatusChange,
)

__all__ = [
    "SCOPES_OF",
    "STAFF",
    "AccountHolder",
    "ApiKey",
    "ApiKeyIssued",
    "ApiKeyRevoked",
    "CountryInvalid",
    "Customer",
    "CustomerRegistered",
    "CustomerRequest",
    "CustomerUnknown",
    "EmailInvalid",
    "EmailTaken",
    "ExpiryInvalid",
    "Identity",
    "IdentitySettings",
    "KeyRequest",
    "KeyRevocation",
    "KeyUnknown",
    "KeysLimit",
    "NewApiKey",
    "OwnerBlocked",
    "Page",
    "Principal",
    "PrincipalAdded",
    "PrincipalRequest",
    "PrincipalStatusChanged",
    "PrincipalUnknown",
    "RoleInvalid",
    "Scope",
    "ScopeBeyondCaller",
    "ScopeNotOfRole",
    "ScopeUnknown",
    "SelfBlock",
    "Status",
    "StatusChange",
    "TextInvalid",
    "permission",
    "read_text",
]
