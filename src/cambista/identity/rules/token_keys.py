"""When keys of access tokens are made, sign and go: each is published before it signs. Pure."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cambista.identity.types.oauth import TokenKey
from cambista.kernel.canonical import canonical_json

Jwk = dict[str, str | list[str]]
SEED_BYTES = 32
# Beyond the last token's life, for clocks that differ.
GRACE = timedelta(minutes=1)


class Turns(NamedTuple):
    """How long a key signs, how long before that it is published, and how long a token lives."""

    signs: timedelta
    ahead: timedelta
    token: timedelta


def due(keys: Sequence[TokenKey], now: datetime, turns: Turns) -> tuple[datetime, datetime] | None:
    """From when until when a key has to sign that is still to be made, or None."""
    ends = [key.signs_until for key in keys if key.signs_until > max(now, key.signs_from)]
    if not ends:
        return now, now + turns.signs
    last = max(ends)
    return (last, last + turns.signs) if last - now <= turns.ahead else None


def drawn(seed: bytes, now: datetime, signs: tuple[datetime, datetime], turns: Turns) -> TokenKey:
    """The key of a seed; `kid` is its thumbprint (RFC 7638, RFC 8037), so it says nothing and two never share one."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    thumbprint = hashlib.sha256(canonical_json(public_jwk(public))).digest()
    signs_from, signs_until = signs
    return TokenKey(_text(thumbprint), public, seed, now, signs_from, signs_until, signs_until + turns.token + GRACE)


def public_jwk(public: bytes) -> Jwk:
    """The members of the public JWK that make its thumbprint."""
    return {"crv": "Ed25519", "kty": "OKP", "x": _text(public)}


def private_jwk(public: bytes, seed: bytes) -> Jwk:
    """The whole JWK."""
    return {**public_jwk(public), "d": _text(seed)}


def signing(keys: Sequence[TokenKey], now: datetime) -> TokenKey | None:
    """The key that signs now: the one that began last; None when none is in its time."""
    able = [key for key in keys if key.signs_from <= now < key.signs_until]
    return max(able, key=lambda key: key.signs_from, default=None)


class Turn(NamedTuple):
    """What turning by hand changes: keys that end sooner, and keys still to come, which go unused."""

    ending: list[TokenKey]
    dropped: list[TokenKey]


def turned(keys: Sequence[TokenKey], now: datetime, turns: Turns, *, at_once: bool) -> Turn:
    """Turn by hand.

    In order: what signs now goes on until its successor has been published for long enough. `at_once`, for keys that
    may have been stolen: none signs or verifies any more, those still to come included, and every token must be
    fetched anew.
    """
    ending = []
    for key in keys:
        ends = min(key.signs_until, now if at_once else now + turns.ahead)
        verifies = now if at_once else min(key.verifies_until, ends + turns.token + GRACE)
        shorter = replace(key, signs_until=ends, verifies_until=verifies)
        if key.signs_from <= now and shorter != key:
            ending.append(shorter)
    return Turn(ending, [key for key in keys if key.signs_from > now])


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
