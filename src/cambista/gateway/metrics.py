"""What the gateway counts: requests and how long they took, by route template, never by raw path."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cambista.gateway.shedding.gate import Gate

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """`requests_total` and `request_duration_seconds`; children are kept: looking them up costs more than counting."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "requests", "HTTP requests answered.", ("endpoint", "method", "status"), registry=registry
        )
        self._duration = Histogram(
            "request_duration_seconds",
            "Time from the first byte in to the last byte out.",
            ("endpoint", "method"),
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.shed = Counter("requests_shed", "Requests refused because there was too much to do.", registry=registry)
        self._in_work = Gauge("requests_in_work", "Requests in work now.", registry=registry)
        self._in_work_max = Gauge("requests_in_work_max", "How many may be in work at once now.", registry=registry)
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def watch(self, gate: Gate) -> None:
        """Show how full the gate is whenever somebody looks."""
        self._in_work.set_function(lambda: gate.in_work)
        self._in_work_max.set_function(lambda: gate.pace.limit)

    def count(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """One answered request. `endpoint` is a route's template, so the number of series is bounded."""
        if method not in METHODS:
            method = "OTHER"
        counter = self._counters.get((endpoint, method, status))
        if counter is None:
            counter = self._requests.labels(endpoint, method, str(status))
            self._counters[endpoint, method, status] = counter
        counter.inc()
        histogram = self._histograms.get((endpoint, method))
        if histogram is None:
            histogram = self._histograms[endpoint, method] = self._duration.labels(endpoint, method)
        histogram.observe(seconds)
