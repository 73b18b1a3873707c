"""Facts about second factors."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class SecondFactorChanged(Event):
    """`change` is added, removed or renewed; `factor` totp, sms, passkey or recovery."""

    NAME: ClassVar[str] = "SecondFactorChanged"
    principal_id: UUID
    factor: str
    change: str
    changed_at: datetime

    @property
    def subject(self) -> str:
        return f"principal:{self.principal_id}"
