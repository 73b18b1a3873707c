"""An event is a fact that has happened: past tense, immutable, versioned."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """A fact a room announces.

    Fields are flat wire values (UUID, Decimal, str, int, bool, datetime, None), an asset's code beside every amount.
    `NAME` is the outward name, `VERSION` rises with an incompatible change, `subject` orders delivery.
    """

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """What the fact is about, e.g. `customer:018f…` or `pair:USDT/COP`; events of one subject stay in order."""
        raise NotImplementedError
