"""Facts the ledger announces."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class AlertRaised(Event):
    """The self-audit found a breach; the accounts it touches are frozen."""

    NAME: ClassVar[str] = "AlertRaised"
    breach_id: UUID
    check: str
    about: str
    expected: str
    found: str
    found_at: datetime

    @property
    def subject(self) -> str:
        return f"ledger:{self.about}"
