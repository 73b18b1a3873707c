"""Decisions of API keys: who may make which, and how a key looks. Pure."""

import base64
import hashlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from cambista.identity.errors.keys import (
    ExpiryInvalid,
    KeyEnded,
    KeysLimit,
    KeyUnknown,
    NetworkInvalid,
    OverlapInvalid,
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
from cambista.identity.types.keys import ApiKey, KeyRequest, KeyRevocation, KeyRotation, Network, Scope
from cambista.identity.types.principals import (
    Principal,
    Status,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import ApiKeyId

KEY_NAME_MAX = 100


SCOPES_MAX = 64


KEY_LIFE_MAX = timedelta(days=3653)


SECRET_BYTES = 32


PREFIX_BYTES = 5


NETWORKS_MAX = 32


KEY_MARK, SESSION_MARK = "cmb", "cms"
_KEY = re.compile(r"cm[bs]_([a-z2-7]{8})_[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """A drawn key's id, visible prefix and hash; the key itself stays with the one who drew it.

    The signing secret is kept if the key turns out to be a signed one.
    """

    request: KeyRequest | KeyRotation
    id: ApiKeyId
    prefix: str
    hash: bytes
    signing_secret: str = field(default="", repr=False)


def key_draft(request: KeyRequest | KeyRotation, id: ApiKeyId, key: str, signing_secret: str = "") -> KeyDraft:
    prefix = key_prefix(key)
    assert prefix is not None
    return KeyDraft(request, id, prefix, key_hash(key), signing_secret)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who will own a key: its principal, how many keys it has in use, and how many more are being replaced."""

    principal: Principal
    keys: int
    replaced: int = 0


def keys(
    drafts: Sequence[KeyDraft],
    owners: Mapping[UUID, Owner],
    now: datetime,
    *,
    keys_max: int,
    callers: Mapping[UUID, ApiKey] | None = None,
) -> list[ApiKey | Refusal]:
    """Decide each in order: an admin makes keys for anybody, a customer or partner for itself.

    `callers` are the keys the callers came with, by id: what they make is at least as narrow.
    """
    made: dict[UUID, int] = {}
    answers: list[ApiKey | Refusal] = []
    for draft in drafts:
        assert isinstance(draft.request, KeyRequest)
        owner = owners.get(draft.request.owner_id)
        answer = _key(draft, draft.request, owner, now)
        if isinstance(answer, ApiKey):
            answer = _as_narrow(answer, _key_of(draft.request.caller, callers)) or answer
        if owner is not None and isinstance(answer, ApiKey):
            count = made.get(owner.principal.id, 0)
            if owner.keys + count >= keys_max:
                answer = KeysLimit(keys_max=keys_max)
            else:
                made[owner.principal.id] = count + 1
        answers.append(answer)
    return answers


def _key(draft: KeyDraft, request: KeyRequest, owner: Owner | None, now: datetime) -> ApiKey | Refusal:
    try:
        request.caller.require(Scope.KEYS_WRITE, Role.ADMIN, Role.CUSTOMER, Role.PARTNER)
        if owner is None or not may_see(request.caller, owner.principal.id, Role.ADMIN):
            return PrincipalUnknown(principal=str(request.owner_id))
        if owner.principal.status is not Status.ACTIVE:
            return OwnerBlocked(principal=str(request.owner_id))
        name = read_text(request.name, field="name", length_max=KEY_NAME_MAX)
        scopes, networks = _scopes(request, owner.principal.role), read_networks(request.networks)
    except Refusal as refusal:
        return refusal
    expires_at = request.expires_at
    if expires_at is not None and not now < expires_at <= now + KEY_LIFE_MAX:
        return ExpiryInvalid()
    return ApiKey(
        draft.id, owner.principal.id, name, draft.prefix, scopes, now, expires_at, None, None, networks, request.signed
    )  # fmt: skip


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


def read_networks(given: Sequence[str]) -> tuple[Network, ...]:
    """An address list: addresses and networks of IPv4 and IPv6, without host bits; refuses others."""
    if len(given) > NETWORKS_MAX:
        raise NetworkInvalid(networks_max=NETWORKS_MAX)
    found: set[Network] = set()
    for text in given:
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            raise NetworkInvalid(network=str(text)[:50].encode("ascii", "replace").decode()) from None
        first = network.network_address
        if isinstance(first, ipaddress.IPv6Address) and (first.scope_id or first.ipv4_mapped):
            raise NetworkInvalid("Write an IPv4 network as such, and no zone.", network=str(network))
        found.add(network)
    return tuple(sorted(found, key=lambda each: (each.version, each.network_address.packed, each.prefixlen)))


def comes_from(networks: Sequence[Network], address: str) -> bool:
    """Whether a key with that list opens from there. An IPv4 address may come written as IPv6."""
    try:
        asked = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(asked, ipaddress.IPv6Address):
        asked = asked.ipv4_mapped or asked
    return any(asked in network for network in networks)


def _key_of(caller: Caller, callers: Mapping[UUID, ApiKey] | None) -> ApiKey | None:
    return None if caller.key_id is None else (callers or {}).get(caller.key_id)


def _as_narrow(made: ApiKey, maker: ApiKey | None) -> ScopeBeyondCaller | None:
    """A key bound to addresses, or to signing, makes only keys that are so too: else who stole it had a free one."""
    if maker is None:
        return None
    inside = all(any(_within(each, outer) for outer in maker.networks) for each in made.networks)
    bound = not maker.networks or (bool(made.networks) and inside)
    return None if bound and (made.signed or not maker.signed) else ScopeBeyondCaller()


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The new key, and the old one with its end."""

    made: ApiKey
    replaced: ApiKey


class KeyBounds(NamedTuple):
    """How many keys an owner may have in use, and for how long at most two overlap."""

    keys_max: int
    overlap_max_s: int


def rotation(
    draft: KeyDraft, key: ApiKey | None, owner: Owner | None, now: datetime, bounds: KeyBounds
) -> Rotation | Refusal:
    """A key in the place of one's own (admin: any), with the same name, scopes, addresses and expiry."""
    request = draft.request
    assert isinstance(request, KeyRotation)
    found = revocation(request, key)
    if isinstance(found, Refusal):
        return found
    overlap_s = bounds.overlap_max_s if request.overlap_s is None else request.overlap_s
    if not 0 <= overlap_s <= bounds.overlap_max_s:
        return OverlapInvalid(overlap_max_s=bounds.overlap_max_s)
    ended = found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now)
    if ended or found.replaced_by is not None:
        return KeyEnded(key=str(found.id))
    if owner is None or owner.principal.status is not Status.ACTIVE:
        return OwnerBlocked(principal=str(found.owner_id))
    # A key that is replaced counts apart, so that who has as many as may be can still rotate each.
    if owner.replaced >= bounds.keys_max:
        return KeysLimit(keys_max=bounds.keys_max)
    made = replace(found, id=draft.id, prefix=draft.prefix, created_at=now, last_used_at=None)
    return Rotation(made, _ending(replace(found, replaced_by=draft.id), now, overlap_s))


def beyond_caller(caller: Caller, made: ApiKey, callers: Mapping[UUID, ApiKey]) -> ScopeBeyondCaller | None:
    """Whoever rotates another key gets to see the new one, so it must be as narrow as the key he came with."""
    if caller.scopes and not (made.scopes and caller.scopes.issuperset(made.scopes)):
        return ScopeBeyondCaller()
    return _as_narrow(made, _key_of(caller, callers))


def _ending(key: ApiKey, now: datetime, overlap_s: int) -> ApiKey:
    if overlap_s == 0:
        return replace(key, revoked_at=now)
    end = now + timedelta(seconds=overlap_s)
    return replace(key, expires_at=end if key.expires_at is None else min(end, key.expires_at))


def revocation(request: KeyRevocation | KeyRotation, key: ApiKey | None) -> ApiKey | Refusal:
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
