"""Signed tree heads."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says. `previous` is the digest of the checkpoint before it."""

    origin: str
    number: int
    size: int
    root: bytes
    time: datetime
    chain: bytes
    previous: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed tree head. `text` is the whole note, `signed` what its signature covers."""

    head: TreeHead
    text: str
    signed: bytes
    key_hash: bytes
    signature: bytes

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the whole text, which the next checkpoint names."""
        return hashlib.sha256(self.text.encode()).hexdigest()
