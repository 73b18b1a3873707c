"""Decisions of risk: which uses fit their customer's limits, in order. Pure."""

from collections.abc import Mapping, Sequence
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


def judge(
    uses: Sequence[Use], used: Mapping[CustomerId, int], limits: Mapping[CustomerId, Limits], default: Limits
) -> list[Refusal | None]:
    """One verdict a use, each counting the ones before it; None = it fits."""
    running = dict(used)
    return [_judge_one(use, running, limits.get(use.customer_id, default)) for use in uses]


def _judge_one(use: Use, running: dict[CustomerId, int], limits: Limits) -> Refusal | None:
    asked = use.notional.units
    already = running.get(use.customer_id, 0)
    if asked > limits.trade_max:
        return TradeLimitExceeded(limit="trade", **_amounts(asked, limits.trade_max))
    if already + asked > limits.day_max:
        return DayLimitExceeded(limit="day", **_amounts(asked, max(limits.day_max - already, 0)))
    running[use.customer_id] = already + asked
    return None


def _amounts(asked: int, allowed: int) -> dict[str, str]:
    asset = REPORTING_ASSET
    return {"asked": Amount(asked, asset).text, "allowed": Amount(allowed, asset).text, "asset": asset.code}
