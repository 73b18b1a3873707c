"""Slows down who guesses keys: so many failed authentications a minute from one address, then none is tried."""

from collections.abc import Callable

from cambista.gateway.addresses import network
from cambista.gateway.errors import TooManyRequests
from cambista.gateway.limiting.policies import WINDOW_S, Charge
from cambista.gateway.limiting.windows import Windows

KNOWN_FOR_S = 1800


class Guesses:
    """Counted by each process, in memory, before anything is read.

    A key that opened something within the last half hour (or hour) is tried all the same, so that a guesser behind the
    same address does not lock its neighbours out. Of keys only a hash is kept, seeded anew by each process.
    """

    def __init__(self, monotonic: Callable[[], float], *, per_minute: int, keys_max: int) -> None:
        self._monotonic = monotonic
        self._per_minute = per_minute
        self._keys_max = keys_max
        self._failures = Windows(window_s=WINDOW_S, keys_max=keys_max)
        self._known: set[int] = set()
        self._known_before: set[int] = set()
        self._turned = monotonic()

    def admit(self, address: str, key: bytes) -> None:
        """Refuse `too_many_requests` when the address has guessed enough for now."""
        if not len(self._failures):
            return
        wait_s = self._failures.used_up(self._charge(address), self._monotonic())
        if wait_s and hash(key) not in self._known and hash(key) not in self._known_before:
            raise TooManyRequests(retry_after_s=wait_s, limit=self._per_minute, policy="failures")

    def note_success(self, key: bytes) -> None:
        """The key opened something."""
        known = hash(key)
        if known in self._known:
            return
        now = self._monotonic()
        if now - self._turned > KNOWN_FOR_S or len(self._known) >= self._keys_max:
            self._known_before, self._known, self._turned = self._known, set(), now
        self._known.add(known)

    def note_failure(self, address: str, key: bytes) -> None:
        """The key opened nothing."""
        self._known.discard(hash(key))
        self._known_before.discard(hash(key))
        self._failures.count(self._charge(address), self._monotonic())

    def _charge(self, address: str) -> Charge:
        return Charge("failures", network(address), 1, self._per_minute)
