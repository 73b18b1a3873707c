"""Decisions of OAuth2: which clients there may be, what they may ask, whether a code or token still counts. Pure."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from cambista.identity.errors.keys import OverlapInvalid
from cambista.identity.errors.oauth import (
    ClientEnded,
    ClientInvalid,
    ClientMalformed,
    ClientsLimit,
    ClientUnauthorized,
    ClientUnknown,
    CodeMisused,
    GrantInvalid,
    GrantReused,
    OwnerNotPartner,
    RedirectInvalid,
    RequestInvalid,
    ResponseUnsupported,
    ScopeNotGrantable,
    ScopesInvalid,
)
from cambista.identity.errors.principals import PrincipalUnknown
from cambista.identity.rules.principals import read_text
from cambista.identity.rules.roles import SCOPES_OF, permission
from cambista.identity.types.keys import Scope
from cambista.identity.types.oauth import (
    Client,
    ClientRequest,
    ClientRevocation,
    Code,
    CodeRequest,
    Flow,
    RefreshRequest,
    RefreshToken,
    SecretRotation,
    Wish,
)
from cambista.identity.types.principals import Principal, Status
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal

# A customer's money and trades; never its keys, nor anything a person of the house decides.
GRANTABLE = SCOPES_OF[Role.PARTNER] - {Scope.KEYS_READ, Scope.KEYS_WRITE}
NAME_MAX = 100
REDIRECTS_MAX = 10
REDIRECT_LENGTH_MAX = 500
STATE_LENGTH_MAX = 512
SECRET_MARK, CODE_MARK, REFRESH_MARK = "cmo", "cmg", "cmr"

_TOKEN = re.compile(r"cm[ogr]_[A-Za-z0-9_-]{43}", re.ASCII)
# Absolute, without user, fragment or dot segments; http only on the machine's own loopback (RFC 8252, 7.3).
_HOST = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+"
_REDIRECT = re.compile(
    rf"(?:https://{_HOST}|http://(?:127\.0\.0\.1|localhost|\[::1\]))(?::[1-9][0-9]{{0,4}})?"
    r"(?:/(?!\.{1,2}(?:/|\?|$))[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_STATE = re.compile(rf"[\x20-\x7e]{{0,{STATE_LENGTH_MAX}}}", re.ASCII)


def token_hash(text: str) -> bytes:
    """What the house keeps of a secret, code or refresh token. Empty for what is none, which then is found nowhere."""
    # A plain hash is enough: it is 256 random bits, so there is nothing to guess slowly.
    return hashlib.sha256(text.encode("ascii")).digest() if _TOKEN.fullmatch(text) else b""


# ------------------------------------------------------------------------------------------------------------- clients
@dataclass(frozen=True, slots=True)
class Partner:
    """Who will own a client, and how many living clients it has."""

    principal: Principal
    clients: int


def client(
    request: ClientRequest, id: UUID, partner: Partner | None, now: datetime, clients_max: int
) -> Client | Refusal:
    """A client of a partner, registered by an admin."""
    try:
        request.caller.require(Scope.PRINCIPALS_WRITE, Role.ADMIN)
        if partner is None:
            return PrincipalUnknown(principal=str(request.owner_id))
        if partner.principal.role is not Role.PARTNER or partner.principal.status is not Status.ACTIVE:
            return OwnerNotPartner(principal=str(request.owner_id))
        if partner.clients >= clients_max:
            return ClientsLimit(clients_max=clients_max)
        name = read_text(request.name, field="name", length_max=NAME_MAX)
        flows = _flows(request)
        scopes, redirects = _grantable(request.scopes), _redirects(request.redirect_uris)
    except Refusal as refusal:
        return refusal
    if (Flow.AUTHORIZATION_CODE in flows) != bool(redirects):
        return ClientMalformed("Redirect addresses belong to the authorization code, which needs one.")
    return Client(id, request.owner_id, name, request.confidential, redirects, flows, scopes, now)


def _flows(request: ClientRequest) -> tuple[Flow, ...]:
    if not request.flows or not frozenset(Flow).issuperset(request.flows):
        raise ClientMalformed(flows=[flow.value for flow in Flow])
    flows = tuple(flow for flow in Flow if flow in request.flows)
    if Flow.CLIENT_CREDENTIALS in flows and not request.confidential:
        raise ClientMalformed("A client without a secret has no credentials of its own.")
    if Flow.REFRESH_TOKEN in flows and Flow.AUTHORIZATION_CODE not in flows:
        raise ClientMalformed("Refresh tokens come with the authorization code.")
    return flows


def _grantable(scopes: Sequence[str]) -> tuple[str, ...]:
    found = tuple(sorted(set(scopes)))
    if not found or not GRANTABLE.issuperset(found):
        raise ScopeNotGrantable(grantable=sorted(GRANTABLE))
    return found


def _redirects(given: Sequence[str]) -> tuple[str, ...]:
    found = tuple(sorted(set(given)))
    if len(found) > REDIRECTS_MAX:
        raise RedirectInvalid(redirects_max=REDIRECTS_MAX)
    for each in found:
        if len(each) > REDIRECT_LENGTH_MAX or _REDIRECT.fullmatch(each) is None:
            raise RedirectInvalid(redirect_uri=each[:100].encode("ascii", "replace").decode())
    return found


def rotation(request: SecretRotation, found: Client | None, now: datetime, overlap_max_s: int) -> Client | Refusal:
    """The client with a new secret, and until when the old one counts."""
    refusal = permission(request.caller, Scope.PRINCIPALS_WRITE, Role.ADMIN)
    if refusal is not None or found is None:
        return refusal or ClientUnknown(client=str(request.client_id))
    if found.revoked_at is not None:
        return ClientEnded(client=str(found.id))
    if not found.confidential:
        return ClientMalformed("A client without a secret has none to change.")
    overlap_s = overlap_max_s if request.overlap_s is None else request.overlap_s
    if not 0 <= overlap_s <= overlap_max_s:
        return OverlapInvalid(overlap_max_s=overlap_max_s)
    return replace(found, old_secret_until=now + timedelta(seconds=overlap_s) if overlap_s else None)


def revocation(request: ClientRevocation, found: Client | None, now: datetime) -> Client | Refusal:
    """The client, ended; again is the same."""
    refusal = permission(request.caller, Scope.PRINCIPALS_WRITE, Role.ADMIN)
    if refusal is not None or found is None:
        return refusal or ClientUnknown(client=str(request.client_id))
    return found if found.revoked_at is not None else replace(found, revoked_at=now)


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client as stored, with the hashes of its secrets."""

    client: Client
    hash: bytes | None
    old_hash: bytes | None
    is_owner_active: bool


def recognised(known: KnownClient | None, secret: str | None, now: datetime) -> Client:
    """The client that shows that secret, if it keeps one; refuses `invalid_client`."""
    if known is None or known.client.revoked_at is not None or not known.is_owner_active:
        raise ClientInvalid
    if not known.client.confidential:
        if secret is not None:
            raise ClientInvalid
        return known.client
    shown = token_hash(secret or "")
    until = known.client.old_secret_until
    olds = known.old_hash if until is not None and until > now else None
    good = [known_hash for known_hash in (known.hash, olds) if known_hash and hmac.compare_digest(known_hash, shown)]
    if not good:
        raise ClientInvalid
    return known.client


# -------------------------------------------------------------------------------------------------------------- wishes
def redirect_of(wish: Wish, found: Client | None) -> Client:
    """The client, when the browser may be sent back to it; else (`invalid_request`) the error stays here."""
    if found is None or found.revoked_at is not None:
        raise RequestInvalid("There is no such client.")
    if wish.redirect_uri not in found.redirect_uris:
        raise RequestInvalid("The redirect address is not one of the client's.")
    return found


def wished(wish: Wish, client: Client) -> tuple[str, ...]:
    """The scopes asked for; refuses what the client is told by way of the browser."""
    if _STATE.fullmatch(wish.state) is None:
        raise RequestInvalid("The state is longer than 512 signs, or not visible ASCII.")
    if wish.response_type != "code":
        raise ResponseUnsupported
    if Flow.AUTHORIZATION_CODE not in client.flows:
        raise ClientUnauthorized
    if wish.challenge_method != "S256" or _CHALLENGE.fullmatch(wish.challenge) is None:
        raise RequestInvalid("PKCE is required: code_challenge with code_challenge_method=S256.")
    return narrowed(wish.scopes, client.scopes, needed=True)


def narrowed(asked: Sequence[str], most: Sequence[str], *, needed: bool = False) -> tuple[str, ...]:
    """The scopes asked for, within `most`; all of these when none is named and none is `needed`."""
    if not asked and not needed:
        return tuple(most)
    if not asked or not set(most).issuperset(asked):
        raise ScopesInvalid(scopes_allowed=sorted(most))
    return tuple(sorted(set(asked)))


# --------------------------------------------------------------------------------------------------- codes and refresh
def code_refusal(request: CodeRequest, client: Client, found: Code | None, now: datetime) -> GrantInvalid | None:
    """Why a code is not exchanged, if it is not (RFC 6749, 4.1.3; RFC 9700, 2.1)."""
    if found is None or found.client_id != client.id:
        return GrantInvalid()
    if found.used_at is not None:
        return GrantReused()
    if found.expires_at <= now:
        return GrantInvalid()
    if request.redirect_uri != found.redirect_uri or not verifies(request.verifier, found.challenge):
        return CodeMisused()
    return None


def verifies(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the one the challenge was made of (RFC 7636, 4.6, S256)."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode("ascii"))


def refresh_refusal(
    request: RefreshRequest, client: Client, found: RefreshToken | None, now: datetime
) -> GrantInvalid | ScopesInvalid | None:
    """Why a refresh token is not exchanged, if it is not (RFC 9700, 4.14.2)."""
    if found is None or found.grant.client_id != client.id:
        return GrantInvalid()
    if found.grant.revoked_at is not None or found.grant.expires_at <= now:
        return GrantInvalid()
    if found.used_at is not None:
        return GrantReused()
    if found.expires_at <= now:
        return GrantInvalid()
    if not set(found.grant.scopes).issuperset(request.scopes):
        return ScopesInvalid(scopes_allowed=sorted(found.grant.scopes))
    return None
