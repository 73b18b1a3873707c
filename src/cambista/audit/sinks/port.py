"""What a sink is: one more place outside where checkpoints are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

SEND_WITHIN_S = 15


@dataclass(frozen=True, slots=True)
class Parcel:
    """A checkpoint on its way out: whose, which, its text, and the public key (base64) that it is checked with."""

    branch: str
    number: int
    size: int
    text: str
    public_key: str

    def to_json(self) -> bytes:
        """One line of JSON, the same at every sink."""
        return _encode(
            {
                "branch": self.branch,
                "checkpoint": self.text,
                "number": self.number,
                "public_key": self.public_key,
                "size": self.size,
            }
        )


class SinkFailed(Exception):
    """The sink did not take them; they will be sent again."""


class Sink(Protocol):
    """Takes checkpoints in their order. The same one may come twice: after a crash, or from a second process."""

    @property
    def name(self) -> str: ...

    async def send(self, parcels: Sequence[Parcel]) -> None:
        """Returns once they are kept (or, without an answer, handed over); raises SinkFailed."""


_encode = msgspec.json.Encoder(order="deterministic").encode
