"""Envelope encryption: texts sealed under a data key a subject, the data keys wrapped by a key kept elsewhere."""

from cambista.runtime.sealing.envelope import SHREDDED, Sealing
from cambista.runtime.sealing.form import SealBroken
from cambista.runtime.sealing.local import KeyFileRefused, LocalKeys
from cambista.runtime.sealing.port import KeyProvider, KeysUnavailable, KeyUnreadable, WrappedKey

__all__ = [
    "SHREDDED",
    "KeyFileRefused",
    "KeyProvider",
    "KeyUnreadable",
    "KeysUnavailable",
    "LocalKeys",
    "SealBroken",
    "Sealing",
    "WrappedKey",
]
