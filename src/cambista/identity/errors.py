"""Refusals of identity."""

from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound


class TextInvalid(Invalid):
    code = "text_invalid"
    sentence = "A text has the wrong type or length, or characters that cannot be shown."


class EmailInvalid(Invalid):
    code = "email_invalid"
    sentence = "The e-mail address is not one."


class CountryInvalid(Invalid):
    code = "country_invalid"
    sentence = "A country is an ISO 3166-1 alpha-2 code, e.g. CO."


class RoleInvalid(Invalid):
    code = "role_invalid"
    sentence = "A principal of this role cannot be made here."


class ScopeUnknown(Invalid):
    code = "scope_unknown"
    sentence = "There is no such scope."


class ScopeNotOfRole(Invalid):
    code = "scope_not_of_role"
    sentence = "The owner's role does not allow this scope."


class ScopeBeyondCaller(Denied):
    code = "scope_beyond_caller"
    sentence = "A narrowed key makes only keys that are at least as narrow."


class ExpiryInvalid(Invalid):
    code = "expiry_invalid"
    sentence = "A key expires in the future, within ten years."


class EmailTaken(Conflict):
    code = "email_taken"
    sentence = "A customer with this e-mail address exists."


class OwnerBlocked(Conflict):
    code = "owner_blocked"
    sentence = "The owner is blocked."


class SelfBlock(Conflict):
    code = "self_block"
    sentence = "Nobody blocks himself."


class KeysLimit(Limited):
    code = "keys_limit"
    sentence = "The owner has as many usable keys as one may have."


class CustomerUnknown(NotFound):
    code = "customer_not_found"
    sentence = "There is no such customer."


class PrincipalUnknown(NotFound):
    code = "principal_not_found"
    sentence = "There is no such principal."


class KeyUnknown(NotFound):
    code = "key_not_found"
    sentence = "There is no such key."
