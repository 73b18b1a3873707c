"""Facts about clients of partners, and what customers grant them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ClientRegistered(Event):
    NAME: ClassVar[str] = "ClientRegistered"
    client_id: UUID
    owner_id: UUID
    registered_at: datetime

    @property
    def subject(self) -> str:
        return f"client:{self.client_id}"


@dataclass(frozen=True, slots=True)
class ClientRevoked(Event):
    NAME: ClassVar[str] = "ClientRevoked"
    client_id: UUID
    owner_id: UUID
    revoked_at: datetime

    @property
    def subject(self) -> str:
        return f"client:{self.client_id}"


@dataclass(frozen=True, slots=True)
class AccessGranted(Event):
    """A customer let a client act on its behalf."""

    NAME: ClassVar[str] = "AccessGranted"
    grant_id: UUID
    client_id: UUID
    owner_id: UUID
    granted_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.owner_id}"


@dataclass(frozen=True, slots=True)
class AccessRevoked(Event):
    """A grant ended before its time; `reason` is `customer`, `client`, `code_reused` or `refresh_reused`."""

    NAME: ClassVar[str] = "AccessRevoked"
    grant_id: UUID
    client_id: UUID
    owner_id: UUID
    reason: str
    revoked_at: datetime

    @property
    def subject(self) -> str:
        return f"customer:{self.owner_id}"
