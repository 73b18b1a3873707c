"""The same windows in Redis, by the library `limits`: several processes count together."""

from functools import lru_cache
from math import ceil
from typing import Any

from cambista.gateway.limiting.policies import WINDOW_S, Allowance, Charge
from cambista.gateway.limiting.windows import wait_s

ANSWER_WITHIN_S = 0.25


class SharedWindows:
    """Sliding window counters under `cambista:` in one Redis. Needs the extra `redis`; connects at the first charge."""

    def __init__(self, url: str) -> None:
        from limits import RateLimitItem, RateLimitItemPerMinute
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        self._storage = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix="cambista",
            socket_timeout=ANSWER_WITHIN_S,
            socket_connect_timeout=ANSWER_WITHIN_S,
        )
        self._strategy = SlidingWindowCounterRateLimiter(self._storage)
        found: Any = self._storage.base_exceptions
        self.failures: tuple[type[Exception], ...] = (*(found if isinstance(found, tuple) else (found,)), OSError)

        @lru_cache(maxsize=64)
        def item(policy: str, quota: int) -> RateLimitItem:
            return RateLimitItemPerMinute(quota, WINDOW_S // 60, namespace=policy)

        self._item = item

    async def count(self, charge: Charge) -> Allowance:
        """Take the charge if the quota bears it; raises one of `failures` when Redis does not answer."""
        policy, cost, quota, key = charge.policy, charge.cost, charge.quota, str(charge.key)
        item = self._item(policy, quota)
        let = await self._strategy.hit(item, key, cost=cost)
        found = await self._storage.get_sliding_window(item.key_for(key), WINDOW_S)
        before, before_left, running, running_left = found
        left = max(0.0, running_left - WINDOW_S)
        remaining = max(0, quota - running - int(before * before_left / WINDOW_S))
        if let:
            return Allowance(policy, quota, remaining, ceil(left))
        wait = ceil(wait_s(before, running, room=quota - cost, left=left, window=WINDOW_S))
        return Allowance(policy, quota, remaining, ceil(left), max(1, wait))

    async def close(self) -> None:
        """Let the connections go."""
        bridge: Any = self._storage.bridge
        await bridge.storage.aclose()
