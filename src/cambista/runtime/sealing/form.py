"""The form of a sealed text: AES-256-GCM (NIST SP 800-38D), bound to its subject and its place. Pure but for the draw.

1 byte form | 2 bytes version of the data key | 12 bytes nonce | ciphertext and 16 bytes tag
"""

from collections.abc import Callable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORM = 1
NONCE_BYTES = 12
_HEAD = 3
_SHORTEST = _HEAD + NONCE_BYTES + 16


class SealBroken(Exception):
    """A sealed text does not open: altered, cut, or moved from another row, column or subject."""


def close(cipher: AESGCM, place: tuple[UUID, int, str], text: str, draw: Callable[[int], bytes]) -> bytes:
    """Seal `text` for `place`: the subject, the version of its data key, and what the text is bound to."""
    subject, version, bound_to = place
    head = bytes((FORM,)) + version.to_bytes(2, "big")
    nonce = draw(NONCE_BYTES)
    return head + nonce + cipher.encrypt(nonce, text.encode(), _bound(head, subject, bound_to))


def version_of(sealed: bytes) -> int:
    """The version of the data key; raises SealBroken for what has not the form."""
    if len(sealed) < _SHORTEST or sealed[0] != FORM:
        raise SealBroken("not a sealed text")
    return int.from_bytes(sealed[1:_HEAD], "big")


def open_up(cipher: AESGCM, subject: UUID, bound_to: str, sealed: bytes) -> str:
    """The text; raises SealBroken where anything differs from what was sealed."""
    nonce = sealed[_HEAD : _HEAD + NONCE_BYTES]
    try:
        text = cipher.decrypt(nonce, sealed[_HEAD + NONCE_BYTES :], _bound(sealed[:_HEAD], subject, bound_to))
    except InvalidTag:
        raise SealBroken(bound_to) from None
    return text.decode()


def _bound(head: bytes, subject: UUID, bound_to: str) -> bytes:
    # The first two have fixed lengths, so that no two places give the same bytes.
    return head + subject.bytes + bound_to.encode()
