"""Checks what the audit hands out, step by step, from the bytes themselves. Pure."""

from typing import NamedTuple

from cambista.audit import (
    Certificate,
    Checkpoint,
    CheckpointMalformed,
    EntryProof,
    entry_hash,
    read_checkpoint,
    root_from_inclusion,
    signed_by,
    signed_message,
)


class Step(NamedTuple):
    """One step of a check: whether it holds, and the value that was computed."""

    name: str
    good: bool
    value: str


def check_entry(proof: EntryProof, public_key: bytes) -> list[Step]:
    """That the entry, as it is shown, is in the tree whose head was signed (RFC 9162, 2.1.3.2)."""
    head = proof.checkpoint.head
    hash = entry_hash(proof.entry)
    root = root_from_inclusion(proof.number - 1, head.size, hash, proof.proof)
    return [
        Step("hash", hash == proof.hash, hash.hex()),
        Step("path", root == head.root, "" if root is None else root.hex()),
        Step("text", _says(proof.checkpoint), head.root.hex()),
        Step("signature", is_signed(proof.checkpoint, public_key), proof.checkpoint.signature.hex()),
    ]


def is_signed(checkpoint: Checkpoint, public_key: bytes) -> bool:
    """Whether the checkpoint's text is signed by that key, over what the text itself says."""
    try:
        read = read_checkpoint(checkpoint.text)
    except CheckpointMalformed:
        return False
    return signed_by(public_key, read.signature, read.signed)


def is_certified(certificate: Certificate, public_key: bytes) -> bool:
    """Whether the statement of solvency is signed by that key."""
    return signed_by(public_key, certificate.signature, signed_message(certificate.statement))


def _says(checkpoint: Checkpoint) -> bool:
    try:
        return read_checkpoint(checkpoint.text).head == checkpoint.head
    except CheckpointMalformed:
        return False
