"""Nouns of notifications: a text ready to be sent."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one person. `html` and `subject` are empty for an SMS; `id` is the notice's, the same each try."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str = ""
