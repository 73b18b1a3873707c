"""On which terms an endpoint is called: what it costs of the caller's minute, and how soon it goes when all is busy."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import NamedTuple

from cambista.gateway.access import BASE


class Counted(StrEnum):
    """Which quota an endpoint is counted under beside the units of its caller or address."""

    PRICES = "prices"
    TRADES = "trades"
    UNITS = "units"
    NOTHING = "nothing"


class Priority(IntEnum):
    """Who goes first when not all can be served: money that moves, prices for it, other callers, anybody."""

    MONEY = 0
    QUOTES = 1
    CALLERS = 2
    ANYBODY = 3


class Terms(NamedTuple):
    """`cost` in units: a read 1, a quote 2, a write 5, whatever checks a password or a secret 10."""

    cost: int
    counted: Counted


READ, WRITE, SECRET = 1, 5, 10
_SECRETS = (f"{BASE}/auth/", "/oauth/")
# Those that are not a plain read or write.
_TERMS: Mapping[tuple[str, str], Terms] = {
    ("GET", "/health/liveness"): Terms(0, Counted.NOTHING),
    ("GET", "/health/readiness"): Terms(0, Counted.NOTHING),
    ("GET", "/health/startup"): Terms(0, Counted.NOTHING),
    ("GET", "/metrics"): Terms(2, Counted.UNITS),
    ("GET", "/docs"): Terms(5, Counted.UNITS),
    ("GET", "/openapi.json"): Terms(5, Counted.UNITS),
    ("GET", f"{BASE}/prices/current"): Terms(1, Counted.PRICES),
    ("GET", f"{BASE}/prices/history"): Terms(1, Counted.PRICES),
    # Clients' secrets are hashed at the cost of nothing, and one address speaks for many customers.
    ("POST", "/oauth/token"): Terms(2, Counted.UNITS),
    ("POST", "/oauth/introspect"): Terms(2, Counted.UNITS),
    ("POST", "/oauth/revoke"): Terms(2, Counted.UNITS),
    ("POST", f"{BASE}/quotes"): Terms(2, Counted.UNITS),
    ("POST", f"{BASE}/trades"): Terms(5, Counted.TRADES),
    ("GET", f"{BASE}/accounts/{{asset}}/statement"): Terms(5, Counted.UNITS),
    ("GET", f"{BASE}/ledger/trial-balance"): Terms(10, Counted.UNITS),
}
_FIRST: Mapping[str, Priority] = {f"{BASE}/trades": Priority.MONEY, f"{BASE}/quotes": Priority.QUOTES}
_MONEY = (f"{BASE}/withdrawals", f"{BASE}/deposits")


@lru_cache(maxsize=1024)
def terms_of(method: str, template: str, *, is_open: bool) -> Terms:
    """The terms of an endpoint; `is_open` when anybody may call it."""
    method = "GET" if method == "HEAD" else method
    found = _TERMS.get((method, template))
    if found is not None:
        return found
    write = SECRET if is_open or template.startswith(_SECRETS) else WRITE
    return Terms(READ if method == "GET" else write, Counted.UNITS)


def priority_of(method: str, path: str, *, keyed: bool) -> Priority | None:
    """How soon a request goes, judged before anything of it is believed; None: at once, always."""
    if path.startswith("/health/") or path == "/metrics":
        return None
    if method == "POST" and keyed:
        first = _FIRST.get(path)
        if first is not None:
            return first
        if path.startswith(_MONEY):
            return Priority.MONEY
    return Priority.CALLERS if keyed else Priority.ANYBODY
