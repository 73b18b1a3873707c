"""The house's business counters, fed by each commit's events: what was traded, what it earned, on which rung."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from cambista.kernel.events import Event
from cambista.trading import QuoteIssued, TradeExecuted

PROFIT_BUCKETS = (-10, -1, 0, 0.1, 0.5, 1, 2, 5, 10, 25, 50, 100, 500, 1000)


class HouseMetrics:
    """Counters of what this process has committed since its start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._trades = Counter("trades_executed_total", "Trades executed", ["asset", "fiat"], registry=registry)
        self._profit = Histogram(
            "trade_profit_usd",
            "Spread and fee of a trade in USD",
            ["asset", "fiat"],
            buckets=PROFIT_BUCKETS,
            registry=registry,
        )
        self._quotes = Counter("quotes_issued_total", "Quotes issued", ["pair", "rung"], registry=registry)

    def count(self, events: Sequence[Event]) -> None:
        """Count what a commit announced."""
        for event in events:
            if isinstance(event, TradeExecuted):
                self._count_trade(event)
            elif isinstance(event, QuoteIssued):
                self._quotes.labels(event.pair, event.rung).inc()

    def _count_trade(self, trade: TradeExecuted) -> None:
        self._trades.labels(trade.base_asset, trade.quote_asset).inc()
        earned = (trade.spread + trade.fee) * trade.notional / trade.quote_amount
        self._profit.labels(trade.base_asset, trade.quote_asset).observe(float(earned))
