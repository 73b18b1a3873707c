"""Breakers shared through Redis: what one process has seen fail, the others do not try either."""

from typing import Any

ANSWER_WITHIN_S = 0.25
PREFIX = "cambista:breaker:"


class SharedBreakers:
    """Open breakers under `cambista:breaker:` in one Redis, each until it would be half open. Needs the extra `redis`.

    Where Redis does not answer, each process knows what it has seen itself, which is how it is without Redis.
    """

    def __init__(self, url: str) -> None:
        import redis.asyncio
        from redis.exceptions import RedisError

        self._redis: Any = redis.asyncio.from_url(
            url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S
        )
        self.failures: tuple[type[Exception], ...] = (RedisError, OSError)

    async def tell(self, name: str, seconds: float) -> None:
        """Say that a breaker has opened for `seconds`; raises one of `failures`."""
        await self._redis.set(PREFIX + name, "1", px=max(1, int(seconds * 1000)))

    async def look(self, names: list[str]) -> dict[str, float]:
        """Those of `names` that somebody has opened, and for how many seconds yet; raises one of `failures`."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.pttl(PREFIX + name)
            left = await pipe.execute()
        return {name: ms / 1000 for name, ms in zip(names, left, strict=True) if ms > 0}

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.aclose()
