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


class NetworkInvalid(Invalid):
    code = "network_invalid"
    sentence = "An address list holds at most 32 addresses or networks in CIDR form, such as 203.0.113.0/24."


class OverlapInvalid(Invalid):
    code = "overlap_invalid"
    sentence = "Two keys overlap for no time, or for at most as long as the house allows."


class KeyEnded(Conflict):
    code = "key_ended"
    sentence = "The key has ended, or another has taken its place already."


class KeyUnknown(NotFound):
    code = "key_not_found"
    sentence = "There is no such key."
