"""Who is signed in to the console: in memory only, bounded, and never with the key itself.

Who came by password has a session of the house besides; what is here is how their desk is to look."""

import hmac
import ipaddress
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from cambista.console.texts import Language
from cambista.kernel.callers import Caller
from cambista.runtime import Clock

SESSIONS_MAX = 256
LIFE_S = 12 * 3600
ADDRESSES_MAX = 4096
FAILURES_MAX = 8
WINDOW_S = 600
LOCK_S = 300


@dataclass(slots=True, eq=False)
class Session:
    """An operator at the console: who, since when (monotonic seconds), and how the desk is to look."""

    caller: Caller
    opened_at: float
    language: Language
    theme: str = "dark"
    ended: bool = False


class Sessions:
    """Sessions by token. What is kept is a keyed digest of the token, so that memory alone opens no door."""

    def __init__(
        self, clock: Clock, secret: str, *, token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    ) -> None:
        self._clock = clock
        self._secret = secret.encode()
        self._token = token
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, caller: Caller, language: Language) -> str:
        """A new session's token. When there are 256 already, the oldest ends."""
        token = self._token()
        self.adopt(token, caller, language)
        return token

    def adopt(self, token: str, caller: Caller, language: Language) -> Session:
        """Know the holder of a token that the house itself gave out."""
        while len(self._open) >= SESSIONS_MAX:
            self._open.popitem(last=False)[1].ended = True
        session = self._open[self._digest(token)] = Session(caller, self._clock.monotonic(), language)
        return session

    def find(self, token: str | None) -> Session | None:
        """The open session of that token; none after twelve hours."""
        session = self._open.get(self._digest(token)) if token else None
        if session is not None and self._clock.monotonic() - session.opened_at > LIFE_S:
            self.end([session])
        return session if session is not None and not session.ended else None

    def end(self, sessions: Iterable[Session]) -> None:
        """End these sessions; ending an ended one changes nothing."""
        ended = {id(session) for session in sessions}
        for digest in [digest for digest, session in self._open.items() if id(session) in ended]:
            self._open.pop(digest).ended = True

    def end_old(self) -> None:
        """End the sessions that are older than twelve hours."""
        oldest = self._clock.monotonic() - LIFE_S
        self.end([session for session in self._open.values() if session.opened_at < oldest])

    def key_ids(self) -> list[UUID]:
        """The keys that sessions were opened with, each once."""
        return list({session.caller.key_id for session in self._open.values() if session.caller.key_id is not None})

    def of_keys(self, key_ids: Iterable[UUID]) -> list[Session]:
        wanted = set(key_ids)
        return [session for session in self._open.values() if session.caller.key_id in wanted]

    def __len__(self) -> int:
        return len(self._open)

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._secret, token.encode(), sha256)


@dataclass(slots=True)
class _Failures:
    count: int
    since: float
    locked_until: float = float("-inf")


class Attempts:
    """Failed sign-ins by address (IPv6: by /64): after eight within ten minutes the address waits five."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """How many seconds the address has to wait; 0 = it may try."""
        found = self._failures.get(_network(address))
        left = found.locked_until - self._clock.monotonic() if found is not None else 0
        return math.ceil(max(left, 0))

    def failed(self, address: str) -> None:
        now, network = self._clock.monotonic(), _network(address)
        found = self._failures.pop(network, None)
        if found is None or now - found.since > WINDOW_S:
            found = _Failures(0, now)
        found.count += 1
        if found.count >= FAILURES_MAX:
            found = _Failures(0, now, locked_until=now + LOCK_S)
        self._failures[network] = found
        while len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        self._failures.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
