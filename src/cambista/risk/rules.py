"""Decisions of risk: which uses fit their customer's limits, in order. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId
from cambista.kernel.money import Amount
from cambista.kernel.registry import REPORTING_ASSET
from cambista.risk.errors import DayLimitExceeded, TradeLimitExceeded
from cambista.risk.types import Limits, Use


def trading_day(now: datetime, zone: ZoneInfo) -> date:
    return now.astimezone(zone).date()


class Allowance:
    """What locked customers have used of their limits. `judge` counts nothing; `use` counts what has happened."""

    def __init__(self, used: Mapping[CustomerId, tuple[int, Limits | None]], default: Limits) -> None:
        self._used = {customer: units for customer, (units, _) in used.items()}
        self._limits = {customer: limits or default for customer, (_, limits) in used.items()}

    def judge(self, uses: Sequence[Use]) -> list[Refusal | None]:
        """One verdict a use, each counting the ones before it that fit; None = it fits."""
        running = dict(self._used)
        return [self._judge(use, running) for use in uses]

    def use(self, uses: Iterable[Use]) -> None:
        for each in uses:
            self._used[each.customer_id] += each.notional.units

    def _judge(self, use: Use, running: dict[CustomerId, int]) -> Refusal | None:
        limits, asked, already = self._limits[use.customer_id], use.notional.units, running[use.customer_id]
        if asked > limits.trade_max:
            return TradeLimitExceeded(limit="trade", **_amounts(asked, limits.trade_max))
        if already + asked > limits.day_max:
            return DayLimitExceeded(limit="day", **_amounts(asked, max(limits.day_max - already, 0)))
        running[use.customer_id] = already + asked
        return None


def _amounts(asked: int, allowed: int) -> dict[str, str]:
    asset = REPORTING_ASSET
    return {"asked": Amount(asked, asset).text, "allowed": Amount(allowed, asset).text, "asset": asset.code}
