"""Facts the venues room announces."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class VenueDifferenceFound(Event):
    """What a venue says is not what we expect there. Nothing was mended; somebody has to look.

    `about` is an asset (`kind` balance) or an order's id (`order`, `stranger`); `amount` of `asset` is what the venue
    says beyond what we expect, none where the difference is no money.
    """

    NAME: ClassVar[str] = "VenueDifferenceFound"
    difference_id: UUID
    venue: str
    kind: str
    about: str
    expected: str
    told: str
    asset: str | None
    amount: Decimal | None
    found_at: datetime

    @property
    def subject(self) -> str:
        return f"venue:{self.venue}"
