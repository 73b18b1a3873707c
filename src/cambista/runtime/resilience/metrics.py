"""What Prometheus reads of calls outside. Labels are venue and endpoint, both named by the code, and few outcomes."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cambista.runtime.resilience.breaker import BreakerState

_LABELS = ("venue", "endpoint")
_STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class OutsideMetrics:
    """Calls by outcome, their durations, and how each breaker stands (0 closed, 1 half open, 2 open)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter("outside_calls_total", "Calls outside", (*_LABELS, "outcome"), registry=registry)
        self._seconds = Histogram(
            "outside_call_seconds", "Duration of an attempt", _LABELS, buckets=SECONDS, registry=registry
        )
        self._breakers = Gauge("outside_breaker_state", "0 closed, 1 half open, 2 open", _LABELS, registry=registry)

    def count(self, venue: str, endpoint: str, outcome: str, seconds: float | None = None) -> None:
        """One attempt that came to `outcome`; without `seconds` it was not made."""
        self._calls.labels(venue, endpoint, outcome).inc()
        if seconds is not None:
            self._seconds.labels(venue, endpoint).observe(seconds)

    def show(self, venue: str, endpoint: str, state: BreakerState) -> None:
        self._breakers.labels(venue, endpoint).set(_STATES[state])
