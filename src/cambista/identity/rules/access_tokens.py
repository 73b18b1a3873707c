"""Access tokens: JWTs (RFC 9068) under Ed25519, made and read strictly (RFC 8725). Pure."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from cambista.identity.types.oauth import Claims
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.kernel.ids import parse_id

# Fully specified (RFC 9864): "EdDSA" would leave the curve to the key.
ALGORITHM = "Ed25519"
TYPE = "at+jwt"
# Every header begins so: `{"` in base64url.
MARK = "eyJ"
LENGTH_MAX = 4096
# Clocks of two processes may differ by this much.
LEEWAY_S = 5
# The last sign of a signature holds two bits of it; the others must be nothing, so that a token has one form.
_FORM = re.compile(r"[A-Za-z0-9_-]{1,512}\.[A-Za-z0-9_-]{1,3072}\.[A-Za-z0-9_-]{85}[AQgw]", re.ASCII)
_HEADER = {"alg", "typ", "kid"}
_CLAIMS = {"iss", "aud", "sub", "client_id", "scope", "iat", "exp", "jti", "grant_id"}


class Issuer(NamedTuple):
    """Who issues tokens, and for whom."""

    issuer: str
    audience: str


def written(claims: Claims, issuer: Issuer, key: OKPKey, kid: str) -> str:
    """The token."""
    body = {
        "iss": issuer.issuer,
        "aud": issuer.audience,
        "sub": str(claims.owner_id),
        "client_id": str(claims.client_id),
        "scope": " ".join(sorted(claims.scopes)),
        "iat": claims.issued_at,
        "exp": claims.expires_at,
        "jti": claims.token_id,
        "grant_id": str(claims.grant_id),
    }
    return jwt.encode({"alg": ALGORITHM, "typ": TYPE, "kid": kid}, body, key, algorithms=[ALGORITHM])


def kid_of(token: str) -> str:
    """Which key the token says it is signed with; refuses (`unauthenticated`) what has not the form of ours."""
    return str(_extracted(token).headers()["kid"])


def read(token: str, issuer: Issuer, key: OKPKey, now: datetime) -> Claims:
    """What a token says that is ours, meant for us, neither over nor to come; refuses others (`unauthenticated`)."""
    found = _extracted(token)
    try:
        if not jws.validate_compact(found, key, algorithms=[ALGORITHM]):
            raise Unauthenticated
    except (JoseError, ValueError, TypeError):
        raise Unauthenticated from None
    said = _json(found.payload)
    claims = _claims(said)
    seconds = now.timestamp()
    meant = said["iss"] == issuer.issuer and said["aud"] == issuer.audience
    if not meant or claims.expires_at <= seconds or claims.issued_at > seconds + LEEWAY_S:
        raise Unauthenticated
    return claims


def _extracted(token: str) -> jws.CompactSignature:
    """The token's parts, none of them believed. Its header has three members, and no say in how it is checked."""
    if len(token) > LENGTH_MAX or _FORM.fullmatch(token) is None:
        raise Unauthenticated
    try:
        found = jws.extract_compact(token.encode("ascii"))
    except (JoseError, ValueError, TypeError):
        raise Unauthenticated from None
    header = found.headers()
    if set(header) != _HEADER or (header["alg"], header["typ"]) != (ALGORITHM, TYPE):
        raise Unauthenticated
    if not isinstance(header["kid"], str):
        raise Unauthenticated
    return found


def _json(payload: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(payload, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Unauthenticated from None
    if not isinstance(found, dict) or set(found) != _CLAIMS:
        raise Unauthenticated
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


def _claims(said: Mapping[str, Any]) -> Claims:
    texts = [said[name] for name in ("sub", "client_id", "grant_id", "scope", "jti")]
    times = [said["iat"], said["exp"]]
    # A bool is an int to Python.
    if not all(isinstance(each, str) for each in texts) or not all(type(each) is int for each in times):
        raise Unauthenticated
    owner, client, grant = (_id(each) for each in texts[:3])
    scopes = frozenset(texts[3].split())
    # Without scopes it could do all that its owner may.
    if not scopes:
        raise Unauthenticated
    return Claims(grant, owner, client, scopes, said["iat"], said["exp"], texts[4])


def _id(text: str) -> UUID:
    try:
        return parse_id(text)
    except Refusal:
        raise Unauthenticated from None
