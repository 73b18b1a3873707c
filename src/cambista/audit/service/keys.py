"""The house's audit key: signs checkpoints and exports."""

import base64
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cambista.audit.rules.checkpoints import key_id
from cambista.runtime.key_files import open_signing_key


class AuditKey:
    """One Ed25519 key (RFC 8032). What it signs begins with what it is for, so no signature serves for another."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    @classmethod
    def generate(cls) -> "AuditKey":
        """A new key that lives only in memory."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> "AuditKey":
        """The key of 32 given bytes: for tests and simulations, never for a house."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def open(cls, path: Path) -> "AuditKey":
        """The key in the file (mode 0600), made when absent."""
        return cls(open_signing_key(path))

    @property
    def public_text(self) -> str:
        """The 32 bytes of the public key, base64."""
        return base64.b64encode(self.public_key).decode()

    @property
    def public_pem(self) -> str:
        return (
            self._key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def signed_by(public: bytes, signature: bytes, content: bytes) -> bool:
    """Whether the Ed25519 signature is true; False too for a key or a signature that is none."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
