"""How long the next attempt waits after wrong ones, and whose attempts are counted together. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cambista.identity.rules.factors import address_counter

_NOTHING = timedelta(0)
_DOUBLINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Guard:
    """How a counter waits: `free` attempts are free, then `first_wait`, doubled each time, up to `wait_max`.

    One failure is forgotten for each `forget` without another.
    """

    free: int
    first_wait: timedelta
    wait_max: timedelta
    forget: timedelta


ACCOUNT = Guard(5, timedelta(seconds=2), timedelta(minutes=15), timedelta(minutes=20))
# Many people may share an address.
ADDRESS = Guard(50, timedelta(seconds=2), timedelta(minutes=15), timedelta(minutes=2))
# Each wish for a letter counts, right or wrong.
LETTERS = Guard(10, timedelta(seconds=5), timedelta(minutes=15), timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class Failures:
    """What a counter has seen: so many failures that count, the last at that moment."""

    count: int
    last_at: datetime


def remembered(seen: Failures, guard: Guard, now: datetime) -> int:
    """The failures that still count."""
    return max(0, seen.count - max(_NOTHING, now - seen.last_at) // guard.forget)


def wait(seen: Failures | None, guard: Guard, now: datetime) -> timedelta:
    """How long the next attempt waits; zero = it may be made. Never more than `wait_max`."""
    if seen is None:
        return _NOTHING
    delay = _delay(remembered(seen, guard, now), guard)
    if seen.last_at > now + delay:
        # A clock was set back, and nobody waits for it to catch up. Processes whose clocks differ a little still wait.
        return _NOTHING
    return min(max(_NOTHING, seen.last_at + delay - now), delay)


def _delay(count: int, guard: Guard) -> timedelta:
    if count < guard.free:
        return _NOTHING
    doublings = min(count - guard.free, _DOUBLINGS_MAX)
    return min(guard.first_wait * (1 << doublings), guard.wait_max)


def charged(seen: Failures | None, guard: Guard, now: datetime) -> Failures:
    """The counter with one attempt more. It is charged before the password is looked at, so that attempts made at the
    same time count each other."""
    return Failures(1 if seen is None else remembered(seen, guard, now) + 1, now)


def refunded(seen: Failures) -> Failures:
    """The counter with an attempt taken back that turned out right."""
    return Failures(max(0, seen.count - 1), seen.last_at)


def counters_of(blind: bytes, address: str, device_id: UUID | None) -> Mapping[str, Guard]:
    """What an attempt is counted against.

    From a device that has logged into this account before: that device alone, so that no stranger's attempts hold its
    owner up. From anywhere else: the account and the address. An account that does not exist has a counter like any
    other. (The idea: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".)
    """
    if device_id is not None:
        return {f"device:{device_id}": ACCOUNT}
    return {f"account:{blind.hex()}": ACCOUNT, address_counter(address): ADDRESS}


def letter_counters(address: str) -> Mapping[str, Guard]:
    """What a wish for a letter is counted against: where it comes from, not the mailbox, which others could use up."""
    return {f"letters-{address_counter(address)}": LETTERS}


def change_counters(principal_id: UUID) -> Mapping[str, Guard]:
    """What the present password typed within a session is counted against."""
    return {f"change:{principal_id}": ACCOUNT}


def wait_s(waits: "list[timedelta]") -> int:
    """The longest of them in whole seconds, rounded up."""
    longest = max(waits, default=_NOTHING)
    return -int(-longest.total_seconds() // 1)
