"""Nouns of signed requests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature stands under, as received: `target` is the path with its query, `once` the Idempotency-Key.

    `timestamp` is whole seconds since 1970; `body_hash` the SHA-256 of the body in lower-case hex.
    """

    method: str
    target: str
    body_hash: str
    timestamp: str
    nonce: str
    once: str
    signature: str = field(repr=False)


# Asked for only when the key is one whose requests are signed: it reads the body.
Signed = Callable[[], Awaitable[SignedRequest]]


@dataclass(frozen=True, slots=True)
class UsedNonce:
    """A nonce that may be used once with a key, until the request would be too old anyway."""

    key_id: UUID
    nonce: str
    expires_at: datetime
