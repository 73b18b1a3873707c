"""What the console is given by the house: the doors it reads through, and nothing else."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cambista.analytics import Analytics
from cambista.audit import Audit, Solvency
from cambista.console.security import Guards
from cambista.identity import Identity
from cambista.ledger import Ledger
from cambista.pricing import Pricing
from cambista.runtime import Runtime
from cambista.trading import Trading
from cambista.venues import Venues


@dataclass(frozen=True, slots=True)
class ConsoleDoors:
    """The services the console shows. `till_targets`: whole units of each asset the tills want (`TradingSettings`).
    `guards` says how the house is guarded just now."""

    runtime: Runtime
    identity: Identity
    pricing: Pricing
    trading: Trading
    ledger: Ledger
    venues: Venues
    analytics: Analytics
    audit: Audit
    solvency: Solvency
    guards: Callable[[], Awaitable[Guards]]
    till_targets: Mapping[str, Decimal] = field(default_factory=dict)
    house: str = "Cambista"
