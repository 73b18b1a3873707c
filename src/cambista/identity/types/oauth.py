"""Nouns of OAuth2 (RFC 6749): clients of partners, what customers grant them, and the tokens that speak for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cambista.identity.types.people import Visitor
from cambista.kernel.callers import Caller


class Flow(StrEnum):
    """How a client may come by access tokens."""

    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant type


@dataclass(frozen=True, slots=True)
class Client:
    """A program of a partner. One that is not `confidential` keeps no secret and has PKCE alone."""

    id: UUID
    owner_id: UUID
    name: str
    confidential: bool
    redirect_uris: tuple[str, ...]
    flows: tuple[Flow, ...]
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None
    old_secret_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client with the secret just made for it (a public one has none), shown once and stored as a hash."""

    record: Client
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientRequest:
    caller: Caller
    owner_id: UUID
    name: str
    confidential: bool
    redirect_uris: Sequence[str]
    flows: Sequence[str]
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class SecretRotation:
    """A new secret; the old one counts for `overlap_s` more seconds (None: as long as may be)."""

    caller: Caller
    client_id: UUID
    overlap_s: int | None = None


@dataclass(frozen=True, slots=True)
class ClientRevocation:
    caller: Caller
    client_id: UUID


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client says it is, and the secret it shows (None: none)."""

    visitor: Visitor
    client_id: str
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DirectRequest:
    """Client credentials (RFC 6749, 4.4): a token for the client's own partner. No scopes: all the client's."""

    presented: Presented
    scopes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """An authorization code to be exchanged (RFC 6749, 4.1.3), with PKCE's verifier (RFC 7636)."""

    presented: Presented
    code: str = field(repr=False)
    redirect_uri: str = ""
    verifier: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """A refresh token to be exchanged for the next one (RFC 6749, 6), perhaps for fewer scopes."""

    presented: Presented
    token: str = field(repr=False)
    scopes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets: an access token good for `seconds`, and perhaps the token for the next one."""

    access: str = field(repr=False)
    seconds: int
    scopes: tuple[str, ...]
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """A client sends a customer's browser to ask for access (RFC 6749, 4.1.1), with PKCE's challenge."""

    client_id: str
    redirect_uri: str
    response_type: str
    scopes: Sequence[str]
    challenge: str
    challenge_method: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """Where the browser goes next: back to the client's `redirect_uri`, with those parameters."""

    redirect_uri: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a customer agreed to, until it ends or is taken back. `client_name` is shown to the customer."""

    id: UUID
    client_id: UUID
    client_name: str
    owner_id: UUID
    scopes: tuple[str, ...]
    flow: Flow
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantRevocation:
    caller: Caller
    grant_id: UUID


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code as stored: what it stands for, and what became of it."""

    hash: bytes
    client_id: UUID
    owner_id: UUID
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    grant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as stored, with its grant."""

    hash: bytes
    grant: Grant
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key access tokens are signed with: it signs for a while and verifies until the last of them has expired."""

    kid: str
    public: bytes
    private: bytes = field(repr=False)
    created_at: datetime
    signs_from: datetime
    signs_until: datetime
    verifies_until: datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says (RFC 9068)."""

    grant_id: UUID
    owner_id: UUID
    client_id: UUID
    scopes: frozenset[str]
    issued_at: int
    expires_at: int
    token_id: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What introspection tells of a living token (RFC 7662)."""

    kind: str
    scopes: tuple[str, ...]
    client_id: UUID
    owner_id: UUID
    issued_at: int
    expires_at: int
    token_id: str = ""
