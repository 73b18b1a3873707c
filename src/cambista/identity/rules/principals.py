"""Decisions of identity: readable texts, who may make what, how a key looks. Pure."""

import re
import unicodedata
from datetime import datetime
from uuid import UUID

from cambista.identity.errors.people import LanguageInvalid
from cambista.identity.errors.principals import (
    CountryInvalid,
    EmailInvalid,
    PrincipalUnknown,
    RoleInvalid,
    SelfBlock,
    TextInvalid,
)
from cambista.identity.rules.roles import STAFF, permission
from cambista.identity.types.keys import Scope
from cambista.identity.types.principals import (
    Customer,
    CustomerRequest,
    Principal,
    PrincipalRequest,
    Status,
    StatusChange,
)
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId

NAME_MAX = 200
LANGUAGES = ("es", "en")
EMAIL_MAX = 254

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


def read_name(value: object) -> str:
    """A person's or company's name; one without a letter is none (`text_invalid`)."""
    name = read_text(value, field="full_name", length_max=NAME_MAX)
    if not any(sign.isalpha() for sign in name):
        raise TextInvalid("A name has letters.", field="full_name")
    return name


def read_email(value: object) -> str:
    """The address in lower case; refuses what is none (`email_invalid`). Domains in other scripts come as punycode."""
    if not isinstance(value, str) or len(value) > EMAIL_MAX:
        raise EmailInvalid
    email = value.strip(" ").lower()
    if _EMAIL.fullmatch(email) is None or len(email.partition("@")[0]) > 64:
        raise EmailInvalid
    return email


def read_language(value: object) -> str:
    """The language of letters: "es" or "en"."""
    if value not in LANGUAGES:
        raise LanguageInvalid
    return str(value)


def read_country(value: object) -> str:
    if not isinstance(value, str) or value not in _COUNTRIES:
        raise CountryInvalid(country=str(value)[:8].encode("ascii", "replace").decode())
    return value


def customer(request: CustomerRequest, id: UUID, now: datetime) -> Customer | Refusal:
    """The customer that would be; whether the address is taken is the store's to say."""
    try:
        request.caller.require(Scope.CUSTOMERS_WRITE, Role.OPERATOR, Role.ADMIN)
        name, email, country = read_name(request.full_name), read_email(request.email), read_country(request.country)
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
