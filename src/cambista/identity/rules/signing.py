"""Signatures of requests: what is signed, for how long it counts. Pure."""

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta

from cambista.identity.errors.signing import SignatureExpired, SignatureInvalid, SignatureRequired
from cambista.identity.types.signing import SignedRequest

MARK = "cmk"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


def secret_text(secret: bytes) -> str:
    """`cmk_<43>` out of 32 random bytes."""
    return f"{MARK}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def canonical_text(request: SignedRequest) -> bytes:
    """Method, path with query, SHA-256 of the body, time, nonce and Idempotency-Key (or nothing), a line each.

    The Idempotency-Key is among them so that nobody on the way can make one intended trade two.
    """
    lines = (request.method, request.target, request.body_hash, request.timestamp, request.nonce, request.once)
    return "\n".join(lines).encode("latin-1")


def signature(request: SignedRequest, secret: str) -> str:
    """HMAC-SHA-256 (RFC 2104) in lower-case hex; the key is the secret's text."""
    return hmac.new(secret.encode("ascii"), canonical_text(request), hashlib.sha256).hexdigest()


def well_formed(timestamp: str, nonce: str, signature: str) -> None:
    """Refuse (`signature_required`) headers no signature can stand in; asked before a body is read."""
    if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce) and _SIGNATURE.fullmatch(signature)):
        raise SignatureRequired


def signed_until(request: SignedRequest, secret: str, now: datetime, window: timedelta) -> datetime:
    """Until when the request could be sent again; refuses `signature_invalid`, then `signature_expired`.

    The time is looked at after the signature, so that only who holds the secret learns of the house's clock.
    """
    well_formed(request.timestamp, request.nonce, request.signature)
    if not hmac.compare_digest(signature(request, secret), request.signature):
        raise SignatureInvalid
    late = int(now.timestamp()) - int(request.timestamp)
    if abs(late) > window.total_seconds():
        raise SignatureExpired(window_s=int(window.total_seconds()))
    return now + timedelta(seconds=window.total_seconds() - late + 1)
