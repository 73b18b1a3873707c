"""What keeps key-encryption keys: it wraps data keys and unwraps them, and never gives its own key away."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cambista.kernel.errors import Unavailable

# What wrapping is for; authenticated with each key, so that nothing else the provider has wrapped opens as a data key.
PURPOSE = "cambista.data_key"


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"
    sentence = "The keys to personal data cannot be reached now; try again shortly."


class KeyUnreadable(Exception):
    """A wrapped key that its provider does not open: altered, or wrapped by a key that is lost."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it is stored. `kek` names what wrapped it, as `provider:name:version`."""

    kek: str
    blob: bytes = field(repr=False)


class KeyProvider(Protocol):
    """Batched, one answer a key, in order. Refuses with `keys_unavailable` when it cannot be reached in time."""

    @property
    def scheme(self) -> str:
        """How the `kek` of its keys begins."""
        ...

    async def newest(self) -> str:
        """The `kek` that wraps now; the background rotation brings every data key to it."""
        ...

    async def wrap(self, keys: Sequence[bytes]) -> list[WrappedKey]: ...

    async def unwrap(self, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        """The data keys; a key that does not open harms none of the others."""
        ...

    async def rotate(self) -> str:
        """Begin a new version of the key-encryption key, which wraps from now on; the older ones still unwrap."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
