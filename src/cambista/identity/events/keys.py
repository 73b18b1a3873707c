"""Facts about API keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ApiKeyIssued(Event):
    NAME: ClassVar[str] = "ApiKeyIssued"
    key_id: UUID
    owner_id: UUID
    expires_at: datetime | None
    issued_at: datetime

    @property
    def subject(self) -> str:
        return f"principal:{self.owner_id}"


@dataclass(frozen=True, slots=True)
class ApiKeyRotated(Event):
    """`new_key_id` takes the place of `key_id`, which ends at `ends_at`."""

    NAME: ClassVar[str] = "ApiKeyRotated"
    key_id: UUID
    new_key_id: UUID
    owner_id: UUID
    ends_at: datetime
    rotated_at: datetime

    @property
    def subject(self) -> str:
        return f"principal:{self.owner_id}"


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked(Event):
    NAME: ClassVar[str] = "ApiKeyRevoked"
    key_id: UUID
    owner_id: UUID
    revoked_at: datetime

    @property
    def subject(self) -> str:
        return f"principal:{self.owner_id}"
