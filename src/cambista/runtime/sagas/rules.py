"""Where a saga goes next: pure functions of where it stands and what came of its step."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cambista.kernel.errors import Conflict
from cambista.runtime.sagas.errors import SagaNotStuck, SagaPastReturn
from cambista.runtime.sagas.types import (
    OPEN,
    Done,
    Elsewhere,
    InHouse,
    Outcome,
    Program,
    Refused,
    Retry,
    Saga,
    SagaStatus,
    Unknown,
    Wait,
)

REASON_MAX = 300


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and how the dice fell: `chance` in [0, 1) spreads the pauses."""

    now: datetime
    chance: float = 0.5


def action(saga: Saga, program: Program) -> InHouse | Elsewhere:
    """What the saga does next."""
    place = program.find(saga.step)
    assert place is not None
    step = program.steps[place]
    deed = step.undo if saga.undoing else step.act
    assert deed is not None, "a saga never stands at a compensation there is not"
    return deed


def advance(saga: Saga, program: Program, outcome: Outcome, *, asked: bool, at: Moment) -> Saga:
    """Where the saga stands after its deed came to `outcome`; `asked`: it was learnt by asking."""
    match outcome:
        case Done():
            return _onward(saga, program, at.now)
        case Refused(reason):
            return _refused(saga, program, reason, at.now)
        case Retry(after_s, reason):
            return _again(saga, program, (after_s, reason), asked=asked, at=at)
        case Unknown(ask_after_s, reason):
            return _tried(saga, program, (ask_after_s, reason), at=at)
        case Wait(after_s):
            return _patient(replace(saga, due_at=at.now + timedelta(seconds=after_s)), program, at.now)


def _onward(saga: Saga, program: Program, now: datetime) -> Saga:
    place = program.find(saga.step)
    assert place is not None
    if saga.undoing:
        return _backward(saga, program, place - 1, now)
    if saga.giving_up and not program.steps[place].no_return:
        return _backward(saga, program, place, now)
    if place + 1 == len(program.steps):
        return _ended(saga, SagaStatus.DONE, now)
    return _standing(replace(saga, giving_up=False), program, place + 1, now)


def _refused(saga: Saga, program: Program, reason: str, now: datetime) -> Saga:
    place = program.find(saga.step)
    assert place is not None
    told = replace(saga, reason=reason[:REASON_MAX], sent_at=None)
    if saga.undoing or _past_return(program, place):
        return _stuck(told)
    return _backward(told, program, place - 1, now)


def _again(saga: Saga, program: Program, pause: tuple[float | None, str], *, asked: bool, at: Moment) -> Saga:
    """Nothing has happened, or, where that was `asked` too early, nothing that could be seen yet."""
    place, deed = program.find(saga.step), action(saga, program)
    assert place is not None
    if asked and isinstance(deed, Elsewhere) and saga.sent_at is not None:
        sure_at = saga.sent_at + timedelta(seconds=deed.absent_after_s)
        if at.now < sure_at:
            return _patient(replace(saga, due_at=sure_at), program, at.now)
    absent = replace(saga, sent_at=None)
    if saga.giving_up and not saga.undoing:
        return _backward(absent, program, place - 1, at.now)
    return _tried(absent, program, pause, at=at)


def _tried(saga: Saga, program: Program, pause: tuple[float | None, str], *, at: Moment) -> Saga:
    """One attempt more is spent; the next after a pause, or none is left."""
    after_s, reason = pause
    tried = replace(saga, attempts=saga.attempts + 1, reason=reason[:REASON_MAX])
    if tried.attempts >= program.attempts_max:
        return _stuck(tried)
    seconds = pause_s(program, saga.attempts, at.chance) if after_s is None else after_s
    return _patient(replace(tried, due_at=at.now + timedelta(seconds=seconds)), program, at.now)


def pause_s(program: Program, attempts: int, chance: float) -> float:
    """Equal jitter: half of the growing pause for certain, half by chance."""
    whole = min(program.pause_max_s, program.pause_s * 2.0 ** min(attempts, 40))
    return whole * (0.5 + chance / 2)


def _patient(saga: Saga, program: Program, now: datetime) -> Saga:
    place = program.find(saga.step)
    assert place is not None
    patience_s = program.steps[place].patience_s
    if patience_s is not None and (now - saga.step_since).total_seconds() >= patience_s:
        return _stuck(replace(saga, reason=saga.reason or "took_too_long"))
    return saga


def _standing(saga: Saga, program: Program, place: int, now: datetime) -> Saga:
    """At the beginning of a step; due at once. A time to come is taken back, one that has passed is left as it is."""
    step = program.steps[place]
    deed = step.undo if saga.undoing else step.act
    return replace(
        saga, step=step.name, outside=isinstance(deed, Elsewhere), sent_at=None, attempts=0, step_since=now,
        due_at=min(saga.due_at, now),
    )  # fmt: skip


def _backward(saga: Saga, program: Program, place: int, now: datetime) -> Saga:
    """Back to the last step at or before `place` that can be taken back, or to the end."""
    while place >= 0 and program.steps[place].undo is None:
        place -= 1
    back = replace(saga, status=SagaStatus.COMPENSATING, undoing=True, giving_up=False)
    return _ended(back, SagaStatus.COMPENSATED, now) if place < 0 else _standing(back, program, place, now)


def _past_return(program: Program, place: int) -> bool:
    return any(step.no_return for step in program.steps[:place])


def _stuck(saga: Saga) -> Saga:
    return replace(saga, status=SagaStatus.STUCK)


def _ended(saga: Saga, status: SagaStatus, now: datetime) -> Saga:
    return replace(saga, status=status, ended_at=now, outside=False, sent_at=None, giving_up=False)


def lost(saga: Saga) -> Saga:
    """A saga at a step that this version's program does not have."""
    return _stuck(replace(saga, reason="step_unknown"))


def retried(saga: Saga, now: datetime) -> Saga | Conflict:
    """A person lets a stuck saga try again. What may have been sent is asked for first."""
    if saga.status is not SagaStatus.STUCK:
        return SagaNotStuck(status=saga.status.value)
    status = SagaStatus.COMPENSATING if saga.undoing else SagaStatus.RUNNING
    return replace(saga, status=status, attempts=0, step_since=now, due_at=now, reason="")


def given_up(saga: Saga, program: Program, now: datetime) -> Saga | Conflict:
    """A person wants a saga taken back: at once, or as soon as the outcome of what may have been sent is known."""
    place = program.find(saga.step)
    if saga.undoing or saga.ended_at is not None or place is None or _past_return(program, place):
        return SagaPastReturn(status=saga.status.value)
    told = replace(saga, reason="given_up")
    if saga.sent_at is None:
        return _backward(told, program, place - 1, now)
    if saga.status is SagaStatus.STUCK:
        told = replace(told, status=SagaStatus.RUNNING, attempts=0, step_since=now, due_at=now)
    return replace(told, giving_up=True)


def is_open(saga: Saga) -> bool:
    return saga.status in OPEN
