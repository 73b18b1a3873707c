"""How the house is guarded, as the composition root tells the console; it holds no secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tier:
    """What a caller of these roles may ask in a minute."""

    name: str
    units: int
    trades: int
    roles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is counted in a minute; the last three for each address."""

    tiers: Sequence[Tier]
    price_calls: int
    open_units: int
    failures: int


@dataclass(frozen=True, slots=True)
class Ways:
    """How requests come in. `tls`: the oldest version the house itself speaks, None where a proxy does it."""

    tls: str | None
    certificate_ends_at: datetime | None
    hsts_s: int
    proxies: Sequence[str]
    hosts: Sequence[str]
    cors: Sequence[str]


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where the keys lie that data is sealed with. `newest` None: the keeper does not answer."""

    provider: str
    former: Sequence[str]
    newest: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What is asked of people. Times in seconds; `argon2`: memory, passes and lanes."""

    length_min: int
    days_max: int
    history: int
    argon2: str
    breached_list: bool
    staff_factor: bool
    step_up_s: int
    idle_staff_s: int
    session_max_s: int


@dataclass(frozen=True, slots=True)
class Guards:
    """All of it."""

    limits: Limits
    ways: Ways
    keeping: Keeping
    policy: Policy
