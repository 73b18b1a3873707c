"""Checkpoints: signed tree heads as text, in the form of a C2SP signed note."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

from cambista.audit.rules.chain import read_time
from cambista.audit.types.checkpoints import Checkpoint, TreeHead
from cambista.kernel.time import wire_time

NO_PREVIOUS = "0" * 64
_SIGNATURE_LINE = "— {name} {signature}\n"
_TEXT = re.compile(
    r"(?P<signed>(?P<origin>[^\s]{1,200})\n(?P<size>0|[1-9]\d{0,17})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"number (?P<number>[1-9]\d{0,17})\ntime (?P<time>[0-9T:.-]{26}Z)\nchain (?P<chain>[0-9a-f]{64})\n"
    r"previous (?P<previous>[0-9a-f]{64})\n)\n"
    r"— (?P<name>[^\s]{1,200}) (?P<signature>[A-Za-z0-9+/]{91}=)\n"
)


class CheckpointMalformed(ValueError):
    """The text is no checkpoint."""


def origin_of(branch: str) -> str:
    return f"cambista/{branch}"


def key_hash(name: str, public_key: bytes) -> bytes:
    """The four bytes by which a signed note names its key (C2SP signed-note; 0x01 is Ed25519)."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public_key).digest()[:4]


def key_id(public_key: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of the key's 32 bytes."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def write_checkpoint(head: TreeHead, public_key: bytes, sign: Callable[[bytes], bytes]) -> Checkpoint:
    """Sign a tree head; `sign` makes an Ed25519 signature (RFC 8032)."""
    signed = (
        f"{head.origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\nnumber {head.number}\n"
        f"time {wire_time(head.time)}\nchain {head.chain.hex()}\nprevious {head.previous}\n"
    )
    named = key_hash(head.origin, public_key)
    signature = sign(signed.encode())
    line = _SIGNATURE_LINE.format(name=head.origin, signature=base64.b64encode(named + signature).decode())
    return Checkpoint(head, f"{signed}\n{line}", signed.encode(), named, signature)


def read_checkpoint(text: str) -> Checkpoint:
    """A checkpoint from its text; raises CheckpointMalformed. The signature is not checked here."""
    found = _TEXT.fullmatch(text)
    if found is None or found["name"] != found["origin"]:
        raise CheckpointMalformed("this is not the text of a checkpoint")
    try:
        time = read_time(found["time"])
        root = base64.b64decode(found["root"], validate=True)
        named = base64.b64decode(found["signature"], validate=True)
    except (ValueError, binascii.Error) as error:
        raise CheckpointMalformed(str(error)) from None
    chain = bytes.fromhex(found["chain"])
    number, size = int(found["number"]), int(found["size"])
    head = TreeHead(found["origin"], number, size, root, time, chain, found["previous"])
    return Checkpoint(head, text, found["signed"].encode(), named[:4], named[4:])
