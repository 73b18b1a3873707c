"""The house's receipt key: signs what was quoted, and tells a true receipt from an altered one."""

import base64
import binascii
import contextlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cambista.kernel.canonical import digest
from cambista.pricing.types import Receipt

# What is signed starts with its purpose, so that a signature can never serve for something else.
_PURPOSE = b"cambista.receipt.v1:"


class Signer:
    """Holds one Ed25519 key (RFC 8032). `key_id` is the first 16 hex digits of the SHA-256 of the raw public key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        raw = self._public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.key_id = digest(raw)[:16]

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
        if not path.exists():
            _create(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} holds no Ed25519 key")
        return cls(key)

    @property
    def public_pem(self) -> str:
        """The public key, for whoever checks receipts."""
        return self._public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

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


def _create(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and linked into place: a reader never sees half a key, and the first of two writers wins.
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
