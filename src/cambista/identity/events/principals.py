"""Facts identity announces; ids and codes only, never a name or an address."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class CustomerRegistered(Event):
    NAME: ClassVar[str] = "CustomerRegistered"
    customer_id: UUID
    country: str
    registered_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class CustomerForgotten(Event):
    NAME: ClassVar[str] = "CustomerForgotten"
    customer_id: UUID
    forgotten_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.customer_id}"


@dataclass(frozen=True, slots=True)
class PrincipalAdded(Event):
    NAME: ClassVar[str] = "PrincipalAdded"
    principal_id: UUID
    role: str
    added_at: datetime

    @property
    def subject(self) -> str:
        return f"principal:{self.principal_id}"


@dataclass(frozen=True, slots=True)
class PrincipalStatusChanged(Event):
    NAME: ClassVar[str] = "PrincipalStatusChanged"
    principal_id: UUID
    status: str
    changed_at: datetime

    @property
    def subject(self) -> str:
        return f"principal:{self.principal_id}"
