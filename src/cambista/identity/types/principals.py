"""Nouns of identity: who may call, customers, keys, and what a key may be narrowed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from cambista.kernel.callers import Caller, Role
from cambista.kernel.ids import CustomerId

T = TypeVar("T")


class Status(StrEnum):
    """A blocked principal keeps everything it owns; its keys do not authenticate."""

    ACTIVE = "active"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone or something that may call: staff, a partner, a machine, a customer."""

    id: UUID
    role: Role
    name: str
    status: Status
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """A person or company the house trades with; also a principal of role `customer`, with the same id."""

    id: CustomerId
    email: str
    full_name: str
    country: str
    status: Status
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AccountHolder:
    """Who owns money in the ledger: a customer or a partner, by the name its bank knows."""

    id: UUID
    name: str
    status: Status


@dataclass(frozen=True, slots=True)
class CustomerRequest:
    caller: Caller
    email: str
    full_name: str
    country: str


@dataclass(frozen=True, slots=True)
class PrincipalRequest:
    """With an `email` the new principal is a person, who is invited to log in by letter."""

    caller: Caller
    role: str
    name: str
    email: str | None = None
    language: str = "es"


@dataclass(frozen=True, slots=True)
class StatusChange:
    """Block or unblock a principal; `reason` goes to the journal, so it names no person."""

    caller: Caller
    principal_id: UUID
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, newest first; `next_cursor` None = the end."""

    items: Sequence[T]
    next_cursor: str | None
