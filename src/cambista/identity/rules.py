"""Decisions of identity: readable texts, who may make what, how a key looks. Pure."""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cambista.identity.errors import (
    CountryInvalid,
    EmailInvalid,
    ExpiryInvalid,
    KeysLimit,
    KeyUnknown,
    OwnerBlocked,
    PrincipalUnknown,
    RoleInvalid,
    ScopeBeyondCaller,
    ScopeNotOfRole,
    ScopeUnknown,
    SelfBlock,
    TextInvalid,
)
from cambista.identity.types import (
    ApiKey,
    Customer,
    CustomerRequest,
    KeyRequest,
    KeyRevocation,
    Principal,
    PrincipalRequest,
    Scope,
    Status,
    StatusChange,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import ApiKeyId, CustomerId

NAME_MAX = 200
KEY_NAME_MAX = 100
EMAIL_MAX = 254
SCOPES_MAX = 64
KEY_LIFE_MAX = timedelta(days=3653)
SECRET_BYTES = 32
PREFIX_BYTES = 5

STAFF = frozenset({Role.OPERATOR, Role.COMPLIANCE, Role.TREASURER, Role.ADMIN, Role.AUDITOR})
_KEY = re.compile(r"cmb_([a-z2-7]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(
    rf"[a-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.ASCII
)
# ISO 3166-1 alpha-2, officially assigned.
_COUNTRY_CODES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR
    IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK
    ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
_COUNTRIES = frozenset(_COUNTRY_CODES.split())

_OWN_MONEY = frozenset(
    {
        Scope.ACCOUNTS_READ, Scope.DEPOSITS_READ, Scope.KEYS_READ, Scope.KEYS_WRITE, Scope.ORDERS_READ,
        Scope.ORDERS_WRITE, Scope.PRICES_READ, Scope.QUOTES_READ, Scope.QUOTES_WRITE, Scope.TRADES_READ,
        Scope.TRADES_WRITE, Scope.WITHDRAWALS_READ, Scope.WITHDRAWALS_WRITE,
    }
)  # fmt: skip
_READS = frozenset(scope for scope in Scope if scope.endswith(":read"))
_STAFF_READS = _READS - {Scope.AUDIT_READ}
SCOPES_OF: Mapping[Role, frozenset[Scope]] = {
    Role.CUSTOMER: _OWN_MONEY,
    Role.PARTNER: _OWN_MONEY,
    Role.OPERATOR: _STAFF_READS
    | {Scope.CUSTOMERS_WRITE, Scope.DEPOSITS_WRITE, Scope.WITHDRAWALS_WRITE, Scope.PRICES_WRITE},
    Role.COMPLIANCE: _READS | {Scope.DEPOSITS_APPROVE, Scope.PRINCIPALS_WRITE, Scope.LEDGER_WRITE},
    Role.TREASURER: _STAFF_READS
    | {Scope.DEPOSITS_WRITE, Scope.DEPOSITS_APPROVE, Scope.WITHDRAWALS_APPROVE, Scope.LEDGER_WRITE},
    Role.ADMIN: frozenset(Scope),
    Role.AUDITOR: _READS,
}


def read_text(value: object, *, field: str, length_max: int) -> str:
    """`value` in NFC with single spaces, 1 to `length_max` characters, all of which can be shown; refuses others."""
    if not isinstance(value, str) or len(value) > 4 * length_max:
        raise TextInvalid(field=field, length_max=length_max)
    if any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for sign in value):
        raise TextInvalid("The text holds characters that cannot be shown.", field=field)
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not 1 <= len(text) <= length_max:
        raise TextInvalid(field=field, length_max=length_max)
    return text


def read_email(value: object) -> str:
    """The address in lower case; refuses what is none (`email_invalid`). Domains in other scripts come as punycode."""
    if not isinstance(value, str) or len(value) > EMAIL_MAX:
        raise EmailInvalid
    email = value.strip(" ").lower()
    if _EMAIL.fullmatch(email) is None or len(email.partition("@")[0]) > 64:
        raise EmailInvalid
    return email


def read_country(value: object) -> str:
    if not isinstance(value, str) or value not in _COUNTRIES:
        raise CountryInvalid(country=str(value)[:8].encode("ascii", "replace").decode())
    return value


def permission(caller: Caller, scope: str, *roles: Role) -> Refusal | None:
    """None, or why the caller may not (`role_denied`, `scope_missing`)."""
    try:
        caller.require(scope, *roles)
    except Refusal as refusal:
        return refusal
    return None


def customer(request: CustomerRequest, id: UUID, now: datetime) -> Customer | Refusal:
    """The customer that would be; whether the address is taken is the store's to say."""
    try:
        request.caller.require(Scope.CUSTOMERS_WRITE, Role.OPERATOR, Role.ADMIN)
        name = read_text(request.full_name, field="full_name", length_max=NAME_MAX)
        if not any(sign.isalpha() for sign in name):
            return TextInvalid("A name has letters.", field="full_name")
        email, country = read_email(request.email), read_country(request.country)
    except Refusal as refusal:
        return refusal
    return Customer(CustomerId(id), email, name, country, Status.ACTIVE, now)


def principal(request: PrincipalRequest, id: UUID, now: datetime) -> Principal | Refusal:
    """Staff, a partner or a machine, made by an admin. A customer is registered, not made here."""
    try:
        request.caller.require(Scope.PRINCIPALS_WRITE, Role.ADMIN)
        name = read_text(request.name, field="name", length_max=NAME_MAX)
    except Refusal as refusal:
        return refusal
    if request.role not in frozenset(Role) - {Role.CUSTOMER}:
        return RoleInvalid(role=str(request.role)[:16].encode("ascii", "replace").decode())
    return Principal(id, Role(request.role), name, Status.ACTIVE, now)


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """A request with the drawn key's id, visible prefix and hash; the key itself stays with the one who drew it."""

    request: KeyRequest
    id: ApiKeyId
    prefix: str
    hash: bytes


def key_draft(request: KeyRequest, id: ApiKeyId, key: str) -> KeyDraft:
    prefix = key_prefix(key)
    assert prefix is not None
    return KeyDraft(request, id, prefix, key_hash(key))


@dataclass(frozen=True, slots=True)
class Owner:
    """Who will own a key: its principal, and how many usable keys it has."""

    principal: Principal
    keys: int


def keys(
    drafts: Sequence[KeyDraft], owners: Mapping[UUID, Owner], now: datetime, *, keys_max: int
) -> list[ApiKey | Refusal]:
    """Decide each in order: an admin makes keys for anybody, a customer or partner for itself."""
    made: dict[UUID, int] = {}
    answers: list[ApiKey | Refusal] = []
    for draft in drafts:
        owner = owners.get(draft.request.owner_id)
        answer = _key(draft, owner, now)
        if owner is not None and isinstance(answer, ApiKey):
            count = made.get(owner.principal.id, 0)
            if owner.keys + count >= keys_max:
                answer = KeysLimit(keys_max=keys_max)
            else:
                made[owner.principal.id] = count + 1
        answers.append(answer)
    return answers


def _key(draft: KeyDraft, owner: Owner | None, now: datetime) -> ApiKey | Refusal:
    request = draft.request
    try:
        request.caller.require(Scope.KEYS_WRITE, Role.ADMIN, Role.CUSTOMER, Role.PARTNER)
        if owner is None or not _may_see(request.caller, owner.principal.id, Role.ADMIN):
            return PrincipalUnknown(principal=str(request.owner_id))
        if owner.principal.status is not Status.ACTIVE:
            return OwnerBlocked(principal=str(request.owner_id))
        name = read_text(request.name, field="name", length_max=KEY_NAME_MAX)
        scopes = _scopes(request, owner.principal.role)
    except Refusal as refusal:
        return refusal
    expires_at = request.expires_at
    if expires_at is not None and not now < expires_at <= now + KEY_LIFE_MAX:
        return ExpiryInvalid()
    return ApiKey(draft.id, owner.principal.id, name, draft.prefix, scopes, now, expires_at, None, None)


def _scopes(request: KeyRequest, role: Role) -> tuple[str, ...]:
    if len(request.scopes) > SCOPES_MAX:
        raise ScopeUnknown
    scopes = tuple(sorted(set(request.scopes)))
    for scope in scopes:
        if scope not in frozenset(Scope):
            raise ScopeUnknown(scope=str(scope)[:40].encode("ascii", "replace").decode())
        if scope not in SCOPES_OF[role]:
            raise ScopeNotOfRole(scope=scope, role=role.value)
    # Otherwise a key narrowed to making keys could make itself an unbounded one.
    if request.caller.scopes and not (scopes and request.caller.scopes.issuperset(scopes)):
        raise ScopeBeyondCaller
    return scopes


def _may_see(caller: Caller, owner_id: UUID, *roles: Role) -> bool:
    return caller.role in roles or caller.id == owner_id


def visible(caller: Caller, owner_id: UUID) -> bool:
    """Staff see everybody, others themselves."""
    return _may_see(caller, owner_id, *STAFF)


def revocation(request: KeyRevocation, key: ApiKey | None) -> ApiKey | Refusal:
    """The key to revoke: one's own, or any for an admin. Another's is not found."""
    refusal = permission(request.caller, Scope.KEYS_WRITE, *(role for role in Role if role is not Role.AUDITOR))
    if refusal is not None:
        return refusal
    if key is None or not _may_see(request.caller, key.owner_id, Role.ADMIN):
        return KeyUnknown(key=str(request.key_id))
    return key


def status_change(request: StatusChange, principal: Principal | None) -> Principal | Refusal:
    """The principal whose status changes: compliance blocks customers and partners, an admin anybody but himself."""
    refusal = permission(request.caller, Scope.PRINCIPALS_WRITE, Role.ADMIN, Role.COMPLIANCE)
    if refusal is None and principal is None:
        refusal = PrincipalUnknown(principal=str(request.principal_id))
    if refusal is not None or principal is None:
        return refusal or PrincipalUnknown()
    if principal.id == request.caller.id:
        return SelfBlock()
    if principal.role in STAFF:
        refusal = permission(request.caller, Scope.PRINCIPALS_WRITE, Role.ADMIN)
    try:
        read_text(request.reason, field="reason", length_max=NAME_MAX)
    except TextInvalid as invalid:
        refusal = refusal or invalid
    return refusal or principal


def key_text(*, prefix: bytes, secret: bytes) -> str:
    """`cmb_<8 visible>_<43 secret>` from 5 and 32 random bytes."""
    assert (len(prefix), len(secret)) == (PREFIX_BYTES, SECRET_BYTES)
    visible = base64.b32encode(prefix).decode().lower()
    return f"cmb_{visible}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def key_prefix(key: str) -> str | None:
    """The visible part of a well-formed key, or None."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def key_hash(key: str) -> bytes:
    # A plain hash is enough: the key is 256 random bits, so there is nothing to guess slowly.
    return hashlib.sha256(key.encode("ascii")).digest()
