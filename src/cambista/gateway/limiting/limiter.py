"""Counts charges, in Redis if there is one and else in memory, and says in headers what is left."""

from collections.abc import Sequence
from functools import lru_cache

import structlog

from cambista.gateway.errors import TooManyRequests
from cambista.gateway.limiting.policies import WINDOW_S, Allowance, Charge
from cambista.gateway.limiting.shared import SharedWindows
from cambista.gateway.limiting.windows import Windows
from cambista.runtime import Clock

_log = structlog.get_logger(__name__)
TRY_AGAIN_S = 2.0
POLICIES = ("open", "prices", "trades", "units")


class Limiter:
    """One for the process. While Redis is away each process counts for itself, and asks again every two seconds."""

    def __init__(self, clock: Clock, *, keys_max: int, shared: SharedWindows | None = None) -> None:
        self._clock = clock
        self._windows = {each: Windows(window_s=WINDOW_S, keys_max=keys_max) for each in POLICIES}
        self._shared = shared
        self._away_until = 0.0

    async def charge(self, charges: Sequence[Charge]) -> list[Allowance]:
        """Take each charge in turn up to the first that is refused, which is then the last of the answer."""
        if self._shared is not None and self._clock.monotonic() >= self._away_until:
            try:
                return await self._count_shared(self._shared, charges)
            except self._shared.failures as failure:
                self._note_away(failure)
        return self._count(charges)

    def _count(self, charges: Sequence[Charge]) -> list[Allowance]:
        now = self._clock.monotonic()
        found: list[Allowance] = []
        for each in charges:
            found.append(self._windows[each.policy].count(each, now))
            if found[-1].wait_s:
                break
        return found

    async def _count_shared(self, shared: SharedWindows, charges: Sequence[Charge]) -> list[Allowance]:
        found: list[Allowance] = []
        for each in charges:
            found.append(await shared.count(each))
            if found[-1].wait_s:
                break
        if self._away_until:
            self._away_until = 0.0
            _log.info("limits_shared_again")
        return found

    def _note_away(self, failure: Exception) -> None:
        if not self._away_until:
            _log.warning("limits_not_shared", reason=type(failure).__name__)
        self._away_until = self._clock.monotonic() + TRY_AGAIN_S


def headers_of(allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]:
    """`RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, and the older three headers of the
    tightest one."""
    if not allowances:
        return []
    tightest = allowances[0] if len(allowances) == 1 else min(allowances, key=_share_left)
    left = ", ".join([f'"{each.policy}";r={each.remaining};t={each.reset_s}' for each in allowances])
    return [
        *[_policy(each.policy, each.quota) for each in allowances],
        (b"ratelimit", left.encode()),
        (b"ratelimit-limit", b"%d" % tightest.quota),
        (b"ratelimit-remaining", b"%d" % tightest.remaining),
        (b"ratelimit-reset", b"%d" % tightest.reset_s),
    ]


@lru_cache(maxsize=64)
def _policy(name: str, quota: int) -> tuple[bytes, bytes]:
    """A line of its own for each: a structured list may stand in several (RFC 9651, section 3.1)."""
    return b"ratelimit-policy", f'"{name}";q={quota};w={WINDOW_S}'.encode()


def refusal_of(allowances: Sequence[Allowance]) -> TooManyRequests | None:
    """The refusal, if the last charge was refused."""
    if allowances and allowances[-1].wait_s:
        last = allowances[-1]
        return TooManyRequests(retry_after_s=last.wait_s, limit=last.quota, policy=last.policy)
    return None


def _share_left(allowance: Allowance) -> float:
    return allowance.remaining / allowance.quota
