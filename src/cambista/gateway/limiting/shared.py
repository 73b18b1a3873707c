"""The same windows in Redis, by the library `limits`: several processes count together."""

from functools import lru_cache
from math import ceil
from typing import Any

from cambista.gateway.limiting.policies import WINDOW_S, Allowance, Charge

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

    async def count(self, charge: Charge, epoch: float) -> Allowance:
        """Take the charge if the quota bears it; raises one of `failures` when Redis does not answer."""
        item = self._item(charge.policy, charge.quota)
        let = await self._strategy.hit(item, charge.key, cost=charge.cost)
        stats = await self._strategy.get_window_stats(item, charge.key)
        reset_s = max(1, ceil(stats.reset_time - epoch))
        return Allowance(charge.policy, charge.quota, int(stats.remaining), reset_s, 0 if let else reset_s)

    async def close(self) -> None:
        """Let the connections go."""
        bridge: Any = self._storage.bridge
        await bridge.storage.aclose()
