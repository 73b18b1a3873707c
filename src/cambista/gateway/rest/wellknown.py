"""What clients of OAuth2 find out by asking: the house's metadata and its public keys."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response

from cambista.gateway.passage import Passage
from cambista.gateway.rest.forms import UNAVAILABLE, guard, oauth_router, tells
from cambista.gateway.rest.routing import reply
from cambista.identity import GRANTABLE

Entered = Annotated[Passage, Depends(guard)]


class MetadataOut(msgspec.Struct):
    """What this authorization server can do (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    introspection_endpoint: str
    revocation_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    ui_locales_supported: list[str]


class JwksOut(msgspec.Struct):
    """The public keys access tokens are signed with, now or next (RFC 7517)."""

    keys: list[dict[str, Any]]


def metadata(issuer: str) -> MetadataOut:
    """The house as an authorization server."""
    secret, public = ["client_secret_basic", "client_secret_post"], ["none"]
    return MetadataOut(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/oauth/authorize",
        token_endpoint=f"{issuer}/oauth/token",
        introspection_endpoint=f"{issuer}/oauth/introspect",
        revocation_endpoint=f"{issuer}/oauth/revoke",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        scopes_supported=sorted(GRANTABLE),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=["client_credentials", "authorization_code", "refresh_token"],
        code_challenge_methods_supported=["S256"],
        token_endpoint_auth_methods_supported=secret + public,
        introspection_endpoint_auth_methods_supported=secret + public,
        revocation_endpoint_auth_methods_supported=secret + public,
        authorization_response_iss_parameter_supported=True,
        ui_locales_supported=["es", "en"],
    )


_BUSY = {429: (UNAVAILABLE,), 503: (UNAVAILABLE,)}
_KEYS = [{"kty": "OKP", "crv": "Ed25519", "x": "…", "kid": "…", "use": "sig", "alg": "Ed25519"}]
router = oauth_router("/.well-known")
_KEPT = {"cache-control": "public, max-age=300"}


@router.get(
    "/oauth-authorization-server",
    **tells(MetadataOut, msgspec.to_builtins(metadata("https://house.example")), errors=_BUSY),
)
async def tell_metadata(passage: Entered) -> Response:
    """What this authorization server can do, and where."""
    answer = reply(metadata(passage.doors.identity.oauth.issuer.issuer))
    answer.headers.update(_KEPT)
    return answer


@router.get("/jwks.json", **tells(JwksOut, {"keys": _KEYS}, errors=_BUSY))
async def tell_keys(passage: Entered) -> Response:
    """The public keys of access tokens."""
    answer = reply(JwksOut([dict(key) for key in await passage.doors.identity.oauth.keys.published()]))
    answer.headers.update(_KEPT)
    return answer
