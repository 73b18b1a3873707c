"""Risk's use cases: judge what a customer may still trade, and book what was traded."""

from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo

from cambista.identity import require_step_up
from cambista.kernel.callers import Caller
from cambista.kernel.ids import CustomerId
from cambista.kernel.money import Amount
from cambista.kernel.registry import REPORTING_ASSET
from cambista.risk import rules, store
from cambista.risk.rules import Allowance
from cambista.risk.settings import RiskSettings
from cambista.risk.types import DayUse, Limits, Use
from cambista.runtime import Action, Runtime, Tx, state_digest


class Risk:
    """How much the house dares with one customer."""

    def __init__(self, runtime: Runtime, settings: RiskSettings, *, step_up: timedelta = timedelta(minutes=5)) -> None:
        self._runtime = runtime
        self._step_up = step_up
        self._zone = ZoneInfo(settings.day_zone)
        scale = 10**REPORTING_ASSET.scale
        self._default = Limits(settings.trade_max * scale, settings.day_max * scale)

    async def locked(self, tx: Tx, customers: Iterable[CustomerId]) -> Allowance:
        """What these customers may still trade today, their rows locked until the commit."""
        day = rules.trading_day(tx.now, self._zone)
        return Allowance(await store.lock_use(tx, list(set(customers)), day), self._default)

    async def book(self, tx: Tx, uses: Iterable[Use]) -> None:
        """Count trades that have happened; their customers must be locked."""
        units: dict[CustomerId, int] = {}
        for use in uses:
            units[use.customer_id] = units.get(use.customer_id, 0) + use.notional.units
        if units:
            await store.add_use(tx, units, rules.trading_day(tx.now, self._zone))

    async def day_use(self, customer: CustomerId) -> DayUse:
        """What the customer has traded today, and the limits that hold."""
        day = rules.trading_day(self._runtime.now(), self._zone)
        async with self._runtime.db.read() as reader:
            used = await store.find_use(reader, customer, day)
            limits = (await store.find_limits(reader, [customer])).get(customer, self._default)
        return DayUse(customer, day, Amount(used, REPORTING_ASSET), limits)

    async def set_limits(self, customer: CustomerId, limits: Limits, *, caller: Caller) -> None:
        """Give one customer limits of its own. A session needs a fresh second factor (`step_up_required`)."""
        async with self._runtime.db.transaction() as tx:
            require_step_up(caller, tx.now, self._step_up)
            known = (await store.find_limits(tx, [customer])).get(customer, self._default)
            await store.set_limits(tx, customer, limits)
            before, after = _facts(known), _facts(limits)
            subject = f"customer:{customer}"
            tx.record(
                Action(caller, "risk.set_limits", subject, "done", after, state_digest(before), state_digest(after))
            )


def _facts(limits: Limits) -> dict[str, str]:
    return {"trade_max": str(limits.trade_max), "day_max": str(limits.day_max)}
