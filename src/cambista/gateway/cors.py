"""Which pages of other origins may read the house's answers: those on a list, and by default none."""

from collections.abc import Mapping, Sequence

from cambista.gateway.access import methods_at

Headers = list[tuple[bytes, bytes]]
_ASKED = b"authorization, content-type, idempotency-key, traceparent, x-api-key, x-request-id"
_SHOWN = b"idempotent-replayed, ratelimit, ratelimit-policy, retry-after, x-request-id"
_KEPT_S = b"600"


class Cors:
    """The CORS protocol of the Fetch standard, for named origins only.

    Never `*`, and never `Access-Control-Allow-Credentials`: callers of the API bring a key, not a cookie.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, asked: Mapping[bytes, bytes]) -> Headers:
        """What an answer says about its reading from another origin."""
        if not self._origins:
            return []
        origin = asked.get(b"origin")
        vary = [(b"vary", b"Origin")]
        if origin not in self._origins:
            return vary
        return [*vary, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _SHOWN)]

    def preflight(self, method: str, path: str, asked: Mapping[bytes, bytes]) -> Headers | None:
        """What is said beside `headers`, if this is a listed origin's question before a request to the house."""
        if method != "OPTIONS" or b"access-control-request-method" not in asked:
            return None
        methods = methods_at(path)
        if asked.get(b"origin") not in self._origins or not methods:
            return None
        return [
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
            (b"access-control-allow-methods", ", ".join(methods).encode()),
            (b"access-control-allow-headers", _ASKED),
            (b"access-control-max-age", _KEPT_S),
        ]
