"""One byte string for one entry, its hash, and the chain over the hashes (docs/audit.md says each byte)."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from cambista.audit.rules.merkle import leaf_hash
from cambista.audit.types.entries import Entry

_CHAIN = b"cambista.chain.v1:"


_encode = msgspec.json.Encoder().encode


def canonical(entry: Entry) -> bytes:
    """The bytes that are hashed: canonical JSON, since the fields stand in order and hold only strings and nulls."""
    return _encode(entry)


def entry_hash(entry: Entry) -> bytes:
    """The entry's hash, which is its leaf in the tree."""
    return leaf_hash(_encode(entry))


def genesis(branch: str) -> bytes:
    """The chain hash before the first entry."""
    return hashlib.sha256(_CHAIN + branch.encode()).digest()


def chain_hash(previous: bytes, hash: bytes, number: int) -> bytes:
    """The chain hash of entry `number`, whose entry hash is `hash`."""
    return hashlib.sha256(b"%b%b%b%b" % (_CHAIN, previous, hash, number.to_bytes(8, "big"))).digest()


def read_time(text: str) -> datetime:
    """An entry's time as aware UTC; ValueError when it is none."""
    if not (text.endswith("Z") and len(text) == 27):
        raise ValueError(f"not a time of an entry: {text[:40]!r}")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)


def entry_of(value: Any) -> Entry:
    """An entry out of parsed JSON; raises msgspec.ValidationError when it is none."""
    return msgspec.convert(value, Entry)
