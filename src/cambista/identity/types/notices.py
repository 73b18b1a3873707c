"""Nouns of notices: letters and short messages that wait to be sent to a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Channel(StrEnum):
    """By which way a notice reaches a person; an `EMAIL`'s address is a mailbox, an `SMS`'s an E.164 number."""

    EMAIL = "email"
    SMS = "sms"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to send: `template` names its text, `facts` fill it, `language` is "es" or "en".

    `recipient_id` is whom it concerns and under whose data key it is sealed. After `expires_at` it is not sent.
    """

    recipient_id: UUID
    channel: Channel
    to: str
    template: str
    language: str
    facts: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice lent out for sending: nobody else gets it before the lease ends. `attempts` counts this one too."""

    id: UUID
    notice: Notice
    attempts: int


@dataclass(frozen=True, slots=True)
class NoticeFailure:
    """An attempt that failed with `code`; `retry_at` None: it is given up."""

    id: UUID
    code: str
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Contact:
    """Where and in which language ("es", "en") the house writes to a person."""

    email: str
    language: str
