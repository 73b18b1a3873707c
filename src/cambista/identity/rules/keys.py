"""Decisions of API keys: who may make which, and how a key looks. Pure."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

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
    PrincipalUnknown,
)
from cambista.identity.rules.principals import read_text
from cambista.identity.rules.roles import SCOPES_OF, may_see, permission
from cambista.identity.types.keys import ApiKey, KeyRequest, KeyRevocation, Scope
from cambista.identity.types.principals import (
    Principal,
    Status,
)
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import ApiKeyId

KEY_NAME_MAX = 100


SCOPES_MAX = 64


KEY_LIFE_MAX = timedelta(days=3653)


SECRET_BYTES = 32


PREFIX_BYTES = 5


KEY_MARK, SESSION_MARK = "cmb", "cms"
_KEY = re.compile(r"cm[bs]_([a-z2-7]{8})_[A-Za-z0-9_-]{43}", re.ASCII)


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
        if owner is None or not may_see(request.caller, owner.principal.id, Role.ADMIN):
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


def revocation(request: KeyRevocation, key: ApiKey | None) -> ApiKey | Refusal:
    """The key to revoke: one's own, or any for an admin. Another's is not found."""
    refusal = permission(request.caller, Scope.KEYS_WRITE, *(role for role in Role if role is not Role.AUDITOR))
    if refusal is not None:
        return refusal
    if key is None or not may_see(request.caller, key.owner_id, Role.ADMIN):
        return KeyUnknown(key=str(request.key_id))
    return key


def key_text(*, prefix: bytes, secret: bytes, mark: str = KEY_MARK) -> str:
    """`cmb_<8 visible>_<43 secret>` from 5 and 32 random bytes; a session's token begins with `cms`."""
    assert (len(prefix), len(secret)) == (PREFIX_BYTES, SECRET_BYTES)
    visible = base64.b32encode(prefix).decode().lower()
    return f"{mark}_{visible}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def key_prefix(key: str) -> str | None:
    """The visible part of a well-formed key or session token, or None."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def key_hash(key: str) -> bytes:
    # A plain hash is enough: the key is 256 random bits, so there is nothing to guess slowly.
    return hashlib.sha256(key.encode("ascii")).digest()
