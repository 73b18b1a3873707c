"""The house's business counters, fed by its own events: what was traded, what it earned, on which rung."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from cambista.runtime import Subscription, Tx, on
from cambista.trading import QuoteIssued, TradeExecuted

PROFIT_BUCKETS = (-10, -1, 0, 0.1, 0.5, 1, 2, 5, 10, 25, 50, 100, 500, 1000)


class HouseMetrics:
    """Counters of this process since its start; an event delivered again after a crash belongs to the next process."""

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

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        return [on(TradeExecuted, self._on_trades), on(QuoteIssued, self._on_quotes)]

    async def _on_trades(self, tx: Tx, trades: Sequence[TradeExecuted]) -> None:
        for trade in trades:
            self._trades.labels(trade.base_asset, trade.quote_asset).inc()
            earned = (trade.spread + trade.fee) * trade.notional / trade.quote_amount
            self._profit.labels(trade.base_asset, trade.quote_asset).observe(float(earned))

    async def _on_quotes(self, tx: Tx, quotes: Sequence[QuoteIssued]) -> None:
        for quote in quotes:
            self._quotes.labels(quote.pair, quote.rung).inc()
