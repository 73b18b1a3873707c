"""The doors the gateway stands in front of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from cambista.audit import Audit, Solvency
from cambista.funding import Funding
from cambista.identity import Identity
from cambista.ledger import Ledger
from cambista.pricing import Pricing
from cambista.runtime import Runtime
from cambista.runtime.sagas import Sagas
from cambista.trading import Trading
from cambista.venues import Venues


@dataclass(frozen=True, slots=True)
class Doors:
    """The rooms a request may be brought to. `metrics` is where requests are counted and what `/metrics` shows;
    `pending_migrations` says how many migrations the database lacks."""

    runtime: Runtime
    identity: Identity
    ledger: Ledger
    venues: Venues
    pricing: Pricing
    trading: Trading
    funding: Funding
    audit: Audit
    solvency: Solvency
    sagas: Sagas
    metrics: CollectorRegistry
    pending_migrations: Callable[[], Awaitable[int]]
