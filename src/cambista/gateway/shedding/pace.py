"""How many requests to have in work: a limit that follows the latency they have. Pure."""

INTERVAL_S = 0.1
SAMPLES_MIN = 16
IDLE_S = 5.0
SAMPLE_MAX_TARGETS = 8
BACK_OFF_MIN = 0.5
RATE_MEMORY = 0.7


class Pace:
    """The limit of requests in work, and the rate at which they are finished.

    By Little's law the mean latency of requests in work is their number over their rate, whatever they are; so holding
    the mean at `target_s` holds as many in work as the house finishes in that time. Additive increase while the limit
    is reached and the mean lies below the target, multiplicative decrease above it (Chiu and Jain, "Analysis of the
    increase and decrease algorithms for congestion avoidance", 1989), by no more than the latency calls for, as in
    Netflix's concurrency-limits (Gradient), and at most to half.
    """

    def __init__(self, *, first: int, least: int, most: int, target_s: float) -> None:
        self.limit = first
        self.rate = 0.0
        self._least, self._most, self._target_s = least, most, target_s
        self._began = self._last = 0.0
        self._sum = 0.0
        self._count = 0
        self._reached = False

    def note_full(self) -> None:
        """The limit was reached."""
        self._reached = True

    def note_done(self, latency_s: float, now: float) -> None:
        """A request has left after `latency_s`."""
        if now - self._last > IDLE_S:
            self._begin(now)
        self._last = now
        self._sum += min(latency_s, SAMPLE_MAX_TARGETS * self._target_s)
        self._count += 1
        if self._count >= SAMPLES_MIN and now - self._began >= INTERVAL_S:
            self._adapt(now)

    def _adapt(self, now: float) -> None:
        rate = self._count / (now - self._began)
        self.rate = rate if not self.rate else RATE_MEMORY * self.rate + (1 - RATE_MEMORY) * rate
        mean = self._sum / self._count
        if mean > self._target_s:
            share = max(BACK_OFF_MIN, self._target_s / mean)
            self.limit = max(self._least, int(self.limit * share))
        elif self._reached:
            self.limit = min(self._most, self.limit + max(1, self.limit // 16))
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._began, self._sum, self._count, self._reached = now, 0.0, 0, False
