"""OAuth2's protocol: tokens, introspection, revocation, and the consent of a customer."""

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus, urlencode, urlsplit

import msgspec
from fastapi import Depends, Response

from cambista.gateway.passage import Passage
from cambista.gateway.rest import words
from cambista.gateway.rest.auth import visitor_of
from cambista.gateway.rest.forms import UNAVAILABLE, guard, needed, oauth_router, read_form, tells
from cambista.gateway.rest.routing import reply
from cambista.identity import (
    ClientInvalid,
    CodeRequest,
    DirectRequest,
    FlowUnsupported,
    Looked,
    Presented,
    RefreshRequest,
    RequestInvalid,
    Tokens,
    Way,
    Wish,
)

router = oauth_router("/oauth")
Entered = Annotated[Passage, Depends(guard)]
_BASIC_LENGTH_MAX = 1024


class TokenOut(msgspec.Struct, omit_defaults=True):
    """An access token (RFC 6749, 5.1). Send it as `Authorization: Bearer`; it is opaque to the client."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str = ""


class IntrospectionOut(msgspec.Struct, omit_defaults=True):
    """What a token is good for now (RFC 7662); not `active`: nothing, or it is another client's."""

    active: bool
    token_type: str = ""
    scope: str = ""
    client_id: str = ""
    sub: str = ""
    iss: str = ""
    aud: str = ""
    iat: int = 0
    exp: int = 0
    jti: str = ""


class RevokedOut(msgspec.Struct):
    """Said whether there was something to revoke or not (RFC 7009)."""


class AgreedOut(msgspec.Struct):
    """Where the customer's browser goes next: back to the client, with a code or an error."""

    redirect_to: str


# ---------------------------------------------------------------------------------------------------------- the client
def presented_by(passage: Passage, form: dict[str, str]) -> Presented:
    """What the client says it is: by HTTP Basic or in the form (RFC 6749, 2.3.1), never both."""
    basic = _basic(passage)
    if basic is None:
        return Presented(visitor_of(passage), form.get("client_id", ""), form.get("client_secret"))
    if "client_secret" in form or form.get("client_id", basic[0]) != basic[0]:
        raise RequestInvalid("A client shows its secret in one way only.")
    return Presented(visitor_of(passage), *basic)


def _basic(passage: Passage) -> tuple[str, str] | None:
    header = passage.headers.get(b"authorization")
    if header is None:
        return None
    scheme, _, shown = header.partition(b" ")
    if scheme.lower() != b"basic" or len(shown) > _BASIC_LENGTH_MAX:
        raise ClientInvalid
    try:
        id, colon, secret = base64.b64decode(shown.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        raise ClientInvalid from None
    if not colon:
        raise ClientInvalid
    return unquote_plus(id), unquote_plus(secret)


def _scopes(form: dict[str, str]) -> tuple[str, ...]:
    return tuple(form.get("scope", "").split())


_CLIENT = {"client_id": words.KEY, "client_secret": "cmo_…"}
_TOKEN = {
    "access_token": "eyJ…", "token_type": "Bearer", "expires_in": 600, "scope": "quotes:write trades:write",
    "refresh_token": "cmr_…",
}  # fmt: skip
_ERRORS = {
    400: ("invalid_request",),
    401: ("invalid_client",),
    413: ("invalid_request",),
    415: ("invalid_request",),
    429: (UNAVAILABLE,),
    503: (UNAVAILABLE,),
}
_OF_TOKENS = ("invalid_request", "invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type")


@router.post(
    "/token",
    **tells(
        TokenOut,
        _TOKEN,
        form={
            "client credentials": {**_CLIENT, "grant_type": "client_credentials", "scope": "quotes:write"},
            "code": {
                **_CLIENT, "grant_type": "authorization_code", "code": "cmg_…", "code_verifier": "…",
                "redirect_uri": "https://partner.example/back",
            },
            "refresh": {**_CLIENT, "grant_type": "refresh_token", "refresh_token": "cmr_…"},
        },
        errors={**_ERRORS, 400: _OF_TOKENS},
    ),
)  # fmt: skip
async def token(passage: Entered) -> Response:
    """Exchange credentials, a code or a refresh token for an access token."""
    form = await read_form(passage)
    presented, exchange = presented_by(passage, form), passage.doors.identity.oauth.exchange
    match needed(form, "grant_type"):
        case "client_credentials":
            tokens = await exchange.directly(DirectRequest(presented, _scopes(form)))
        case "authorization_code":
            code, back = needed(form, "code"), needed(form, "redirect_uri")
            tokens = await exchange.of_code(CodeRequest(presented, code, back, form.get("code_verifier", "")))
        case "refresh_token":
            refresh = RefreshRequest(presented, needed(form, "refresh_token"), _scopes(form))
            tokens = await exchange.of_refresh(refresh)
        case _:
            raise FlowUnsupported
    return reply(show_tokens(tokens))


def show_tokens(tokens: Tokens) -> TokenOut:
    return TokenOut(tokens.access, "Bearer", tokens.seconds, " ".join(tokens.scopes), tokens.refresh)


@router.post(
    "/introspect",
    **tells(
        IntrospectionOut,
        {
            "active": True, "token_type": "Bearer", "scope": "quotes:write", "client_id": words.KEY,
            "sub": words.CUSTOMER, "iss": "https://house.example", "aud": "https://house.example/api/v1",
            "iat": 1795548000, "exp": 1795548600, "jti": words.QUOTE,
        },
        form={"token": {**_CLIENT, "token": "eyJ…"}},
        errors=_ERRORS,
    ),
)  # fmt: skip
async def introspect(passage: Entered) -> Response:
    """What one of the client's own tokens is good for now."""
    form = await read_form(passage)
    oauth = passage.doors.identity.oauth
    looked = await oauth.introspect(presented_by(passage, form), needed(form, "token"))
    return reply(IntrospectionOut(active=False) if looked is None else _show_looked(looked, *oauth.issuer))


def _show_looked(looked: Looked, issuer: str, audience: str) -> IntrospectionOut:
    is_access = looked.kind == "access_token"
    return IntrospectionOut(
        True, "Bearer" if is_access else "", " ".join(looked.scopes), str(looked.client_id), str(looked.owner_id),
        issuer, audience if is_access else "", looked.issued_at, looked.expires_at, looked.token_id,
    )  # fmt: skip


@router.post("/revoke", **tells(RevokedOut, {}, form={"token": {**_CLIENT, "token": "cmr_…"}}, errors=_ERRORS))
async def revoke(passage: Entered) -> Response:
    """End what was granted with one of the client's own access or refresh tokens."""
    form = await read_form(passage)
    await passage.doors.identity.oauth.revoke(presented_by(passage, form), needed(form, "token"))
    return reply(RevokedOut())


# -------------------------------------------------------------------------------------------------------- the customer
def wish_of(form: dict[str, str]) -> Wish:
    """What a client asks a customer for."""
    return Wish(
        form.get("client_id", ""), form.get("redirect_uri", ""), form.get("response_type", ""), _scopes(form),
        form.get("code_challenge", ""), form.get("code_challenge_method", ""), form.get("state", ""),
    )  # fmt: skip


def address_of(way: Way) -> str:
    """The client's redirect address with the parameters of this way."""
    joint = "&" if urlsplit(way.redirect_uri).query else "?"
    return way.redirect_uri.rstrip("?&") + joint + urlencode(way.parameters)


@router.post(
    "/authorize",
    **tells(
        AgreedOut,
        {"redirect_to": "https://partner.example/back?code=cmg_…&state=af0if&iss=https%3A%2F%2Fhouse.example"},
        form={
            "agree": {
                "response_type": "code", "client_id": words.KEY, "redirect_uri": "https://partner.example/back",
                "scope": "quotes:write trades:write", "state": "af0if", "code_challenge_method": "S256",
                "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "decision": "agree",
            }
        },
        errors={
            **_ERRORS,
            400: ("invalid_request", "invalid_scope", "unauthorized_client", "unsupported_response_type"),
            401: ("unauthenticated",),
            403: ("role_denied", "scope_missing", "session_required"),
        },
        is_secured=True,
    ),
)  # fmt: skip
async def agree(passage: Entered) -> Response:
    """Let a client act for the customer whose session this is, or (`decision=decline`) not; for apps of the house."""
    form = await read_form(passage)
    wish, consents = wish_of(form), passage.doors.identity.oauth.consents
    if needed(form, "decision") == "agree":
        return reply(AgreedOut(address_of(await consents.agree(passage.caller, wish))))
    await consents.asking(wish)
    return reply(AgreedOut(address_of(consents.declined(wish))))
