"""Reactions of analytics to trading's facts."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from cambista.analytics import rules, store
from cambista.analytics.settings import AnalyticsSettings
from cambista.runtime import Subscription, Tx, on
from cambista.trading import TradeExecuted


def subscriptions(settings: AnalyticsSettings) -> Sequence[Subscription]:
    """What analytics listens to, its days cut in the settings' zone."""
    zone = settings.zone

    async def handle(tx: Tx, events: Sequence[TradeExecuted]) -> None:
        await on_trade_executed(tx, events, zone)

    return (on(TradeExecuted, handle),)


async def on_trade_executed(tx: Tx, events: Sequence[TradeExecuted], zone: ZoneInfo) -> None:
    """Add the trades to their days. Counted once: the listener's cursor moves in this same transaction."""
    await store.add_to_days(tx, rules.sums(events, zone))


SUBSCRIPTIONS = subscriptions(AnalyticsSettings())
