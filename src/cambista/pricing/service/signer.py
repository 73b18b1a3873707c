"""The house's receipt key: signs what was quoted, and tells a true receipt from an altered one."""

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cambista.kernel.canonical import digest
from cambista.pricing.types import Receipt
from cambista.runtime.key_files import open_signing_key

# What is signed starts with its purpose, so that a signature can never serve for something else.
_PURPOSE = b"cambista.receipt.v1:"


class Signer:
    """Holds one Ed25519 key (RFC 8032). `key_id` is the first 16 hex digits of the SHA-256 of the raw public key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        self.key_id = digest(self.public_key)[:16]

    @classmethod
    def generate(cls) -> "Signer":
        """A new key that lives only in memory."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> "Signer":
        """The key of 32 given bytes: for simulations and golden receipts, never for a house."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def open(cls, path: Path) -> "Signer":
        """The key in the file (PEM, PKCS 8), created with mode 0600 when absent; two processes may start at once."""
        return cls(open_signing_key(path))

    @property
    def public_pem(self) -> str:
        """The public key, for whoever checks receipts."""
        return self._public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def sign(self, content: bytes) -> Receipt:
        """Hash and sign the receipt's canonical bytes."""
        sha256 = digest(content)
        signature = self._key.sign(_PURPOSE + sha256.encode())
        return Receipt(content, sha256, base64.b64encode(signature).decode(), self.key_id)

    def verify(self, receipt: Receipt) -> bool | None:
        """Whether hash and signature are true; None when another key signed it."""
        if digest(receipt.content) != receipt.sha256:
            return False
        if receipt.key_id != self.key_id:
            return None
        try:
            signature = base64.b64decode(receipt.signature, validate=True)
            self._public.verify(signature, _PURPOSE + receipt.sha256.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True
