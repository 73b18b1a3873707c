"""Who may ask how much: tiers of callers, quotas of addresses, and one charge against a quota."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from cambista.gateway.settings import GatewaySettings, Tier
from cambista.gateway.terms import Counted, Terms
from cambista.kernel.callers import Caller

WINDOW_S = 60


class Charge(NamedTuple):
    """`cost` of the `quota` that `key` has under `policy` in a window."""

    policy: str
    key: str | int
    cost: int
    quota: int


class Allowance(NamedTuple):
    """How a charge went. `reset_s` is when the running window ends; `wait_s` is 0 unless it was refused."""

    policy: str
    quota: int
    remaining: int
    reset_s: int
    wait_s: int = 0


class Policies:
    """The house's quotas. Which tier a caller has: its own entry, else its role's."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        tiers = settings.tiers
        self._tier_of_role = {role: tiers[name] for role, name in settings.tier_of_role.items()}
        self._tier_of_caller: Mapping[UUID, Tier] = {who: tiers[name] for who, name in settings.tier_of_caller.items()}

    def tier_of(self, caller: Caller) -> Tier:
        return self._tier_of_caller.get(caller.id) or self._tier_of_role[caller.role]

    def of_address(self, address: str, terms: Terms) -> tuple[Charge, ...]:
        """What a call open to anybody takes from its address."""
        if terms.counted is Counted.NOTHING:
            return ()
        if terms.counted is Counted.PRICES:
            return (Charge("prices", address, terms.cost, self._settings.price_calls_per_minute),)
        return (Charge("open", address, terms.cost, self._settings.open_units_per_minute),)

    def of_caller(self, caller: Caller, terms: Terms) -> tuple[Charge, ...]:
        """What a call takes from its caller."""
        tier, key = self.tier_of(caller), caller.id.int
        units = Charge("units", key, terms.cost, tier.units)
        if terms.counted is Counted.TRADES:
            return units, Charge("trades", key, 1, tier.trades)
        return (units,)
