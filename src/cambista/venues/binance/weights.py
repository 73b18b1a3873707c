"""The venue's budget of requests: its weights a minute, what it says is used, and when it told us to stay away."""

from cambista.runtime import Clock
from cambista.venues.errors import VenueThrottled

WINDOW_S = 60.0
LIMIT = 6_000
# What a reader leaves for orders and cancellations, which must go through when everything else has been asked.
READ_SHARE = 0.8
STAY_AWAY_MAX_S = 3 * 86_400.0


class Weights:
    """Refuses a request (`venue_throttled`, with `retry_after_s`) before the venue would have to."""

    def __init__(self, clock: Clock, *, limit: int = LIMIT) -> None:
        self._clock = clock
        self.limit = limit
        self._used = 0
        self._since = clock.monotonic()
        self._closed_until = 0.0

    @property
    def used(self) -> int:
        """Weight used in the minute under way."""
        return self._used

    def take(self, weight: int, *, urgent: bool) -> None:
        """Count a request in; an urgent one may use the whole budget, another one four fifths of it."""
        now = self._clock.monotonic()
        if now < self._closed_until:
            raise VenueThrottled(retry_after_s=round(self._closed_until - now, 3))
        if now - self._since >= WINDOW_S:
            self._since, self._used = now, 0
        if self._used + weight > self.limit * (1 if urgent else READ_SHARE):
            raise VenueThrottled(retry_after_s=round(self._since + WINDOW_S - now, 3))
        self._used += weight

    def heard(self, used: str | None) -> None:
        """The venue's own count, from `X-MBX-USED-WEIGHT-1M`: other programs may use the same address."""
        if used is not None and used.isascii() and used.isdigit() and len(used) < 10:
            self._used = max(self._used, int(used))

    def stay_away(self, retry_after: str | None) -> float:
        """Ask nothing for as long as `Retry-After` says (a minute where it says nothing); the seconds."""
        known = retry_after is not None and retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10
        seconds = min(float(retry_after or 0) if known else WINDOW_S, STAY_AWAY_MAX_S)
        self._closed_until = max(self._closed_until, self._clock.monotonic() + seconds)
        return seconds
