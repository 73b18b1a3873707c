"""What is exported: one customer's record, or a stretch of everybody's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ExportScope:
    """One customer (None: all), from `since` (included) until `until` (not); None: from the first, to the last."""

    customer: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures of the house are checked with: what it signs, its name, its 32 bytes."""

    purpose: str
    name: str
    raw: bytes
