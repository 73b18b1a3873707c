"""Nouns of API keys: what a key may be narrowed to, and how one is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from uuid import UUID

from cambista.kernel.callers import Caller
from cambista.kernel.ids import ApiKeyId

Network = IPv4Network | IPv6Network


class Scope(StrEnum):
    """What a key may be narrowed to; a key without scopes may do all its owner's role may."""

    ACCOUNTS_READ = "accounts:read"
    AUDIT_READ = "audit:read"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    DEPOSITS_APPROVE = "deposits:approve"
    DEPOSITS_READ = "deposits:read"
    DEPOSITS_WRITE = "deposits:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    LEDGER_READ = "ledger:read"
    LEDGER_WRITE = "ledger:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    PRICES_READ = "prices:read"
    PRICES_WRITE = "prices:write"
    PRINCIPALS_READ = "principals:read"
    PRINCIPALS_WRITE = "principals:write"
    QUOTES_READ = "quotes:read"
    QUOTES_WRITE = "quotes:write"
    RISK_READ = "risk:read"
    RISK_WRITE = "risk:write"
    SAGAS_READ = "sagas:read"
    SAGAS_WRITE = "sagas:write"
    TRADES_READ = "trades:read"
    TRADES_WRITE = "trades:write"
    WITHDRAWALS_APPROVE = "withdrawals:approve"
    WITHDRAWALS_READ = "withdrawals:read"
    WITHDRAWALS_WRITE = "withdrawals:write"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the house knows it: a hash and the visible `prefix`, never the key. No scopes = all the role's.

    It opens from its `networks` only (none: from anywhere). Every request of a `signed` one carries a signature.
    `replaced_by` is the key a rotation put in its place.
    """

    id: ApiKeyId
    owner_id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    networks: tuple[Network, ...] = ()
    signed: bool = False
    replaced_by: ApiKeyId | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made: `key` is the credential itself, to be shown once and stored nowhere.

    `signing_secret` is what requests of a signed key are signed with, shown once too.
    """

    record: ApiKey
    key: str = field(repr=False)
    signing_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class KeyRequest:
    caller: Caller
    owner_id: UUID
    name: str
    scopes: Sequence[str] = ()
    expires_at: datetime | None = None
    networks: Sequence[str] = ()
    signed: bool = False


@dataclass(frozen=True, slots=True)
class KeyRevocation:
    caller: Caller
    key_id: ApiKeyId


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """Put a new key in a key's place; the old one works for `overlap_s` more seconds (None: as long as may be)."""

    caller: Caller
    key_id: ApiKeyId
    overlap_s: int | None = None
