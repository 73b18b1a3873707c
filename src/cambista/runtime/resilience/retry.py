"""Trying again: growing pauses with jitter, all attempts under one deadline. Only for what is safe to repeat."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from cambista.kernel.errors import Refusal
from cambista.runtime.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryTerms:
    """At most `attempts` within `total_s`, each cut after `each_s`; pauses up to `pause_s` · 2^n or `pause_max_s`."""

    attempts: int = 3
    total_s: float = 10.0
    each_s: float = 5.0
    pause_s: float = 0.1
    pause_max_s: float = 2.0


def pause_s(terms: RetryTerms, attempt: int, chance: float) -> float:
    """Full jitter: anything up to the growing bound, so that many callers do not come back together.

    `attempt` counts from 0, `chance` lies in [0, 1). Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    return chance * min(terms.pause_max_s, terms.pause_s * 2.0 ** min(attempt, 40))


@dataclass(frozen=True, slots=True)
class Chances:
    """The clock and the dice of retries."""

    clock: Clock
    rng: Random


async def retrying(
    chances: Chances, terms: RetryTerms, attempt: Callable[[float], Awaitable[T]], worth: Callable[[Exception], bool]
) -> T:
    """What the first good attempt gives; the last failure when none is left or the deadline leaves no room.

    `attempt` is given the seconds it has and keeps to them (`within`), so that all of it ends within `total_s`.
    `worth` says which failures another attempt may mend.
    """
    clock = chances.clock
    ends_at = clock.monotonic() + terms.total_s
    tried = 0
    while True:
        try:
            return await attempt(min(terms.each_s, ends_at - clock.monotonic()))
        except Exception as error:
            pause = max(pause_s(terms, tried, chances.rng.random()), asked_pause_s(error))
            tried += 1
            if tried >= terms.attempts or not worth(error) or clock.monotonic() + pause >= ends_at:
                raise
        await clock.sleep(pause)


def asked_pause_s(error: Exception) -> float:
    """How long the other side asked to be left alone: `retry_after_s` among a refusal's facts."""
    asked = error.facts.get("retry_after_s") if isinstance(error, Refusal) else None
    return float(asked) if isinstance(asked, int | float) else 0.0
