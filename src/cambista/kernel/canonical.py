"""One byte string for one value: canonical JSON, for hashes and signatures (after RFC 8785, without floats)."""

import hashlib
import json
from collections.abc import Mapping, Sequence

_TYPES = "canonical JSON holds strings, integers, booleans, null, lists and objects"


def _check(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical form here; send a decimal string")
    if isinstance(value, Mapping):
        for key, item in value.items():
            assert isinstance(key, str)
            _check(item)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for item in value:
            _check(item)
    elif not isinstance(value, (str, int, bool, type(None))):
        raise TypeError(_TYPES)


def canonical_json(value: object) -> bytes:
    """UTF-8, keys sorted, no white space; refuses floats and anything JSON has no exact form for."""
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(content: bytes) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(content).hexdigest()
