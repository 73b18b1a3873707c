"""A token bucket for each address, in memory: enough for the public price pages of one process."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from cambista.gateway.errors import TooManyRequests


@dataclass(slots=True)
class _Bucket:
    tokens: float
    seen: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to one address: `remaining` calls now, full again after `reset_s` seconds."""

    limit: int
    remaining: int
    reset_s: int


class AddressLimiter:
    """`per_minute` calls from one address, in bursts up to as many; the address seen longest ago is forgotten first."""

    def __init__(self, monotonic: Callable[[], float], *, per_minute: int, addresses_max: int) -> None:
        self._monotonic = monotonic
        self._limit = per_minute
        self._rate = per_minute / 60
        self._addresses_max = addresses_max
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, address: str) -> Allowance:
        """Count one call; refuses `too_many_requests` with the seconds to wait."""
        now, name = self._monotonic(), network(address)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(float(self._limit), now)
            if len(self._buckets) > self._addresses_max:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        bucket.tokens = min(self._limit, bucket.tokens + (now - bucket.seen) * self._rate)
        bucket.seen = now
        if bucket.tokens < 1:
            wait_s = int((1 - bucket.tokens) / self._rate) + 1
            raise TooManyRequests(retry_after_s=wait_s, limit=self._limit)
        bucket.tokens -= 1
        return Allowance(self._limit, int(bucket.tokens), int((self._limit - bucket.tokens) / self._rate))


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """The address, or for IPv6 its /64: one subscriber has as many addresses there as it likes."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
