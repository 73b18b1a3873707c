"""Refusals of API keys."""

from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound


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


class OwnerBlocked(Conflict):
    code = "owner_blocked"
    sentence = "The owner is blocked."


class KeysLimit(Limited):
    code = "keys_limit"
    sentence = "The owner has as many usable keys as one may have."


class KeyUnknown(NotFound):
    code = "key_not_found"
    sentence = "There is no such key."
