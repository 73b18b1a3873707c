"""Nouns of sagas: what a step is, what can come of one, and where a saga stands."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from cambista.runtime.database import Tx

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None


@dataclass(frozen=True, slots=True)
class Done:
    """It is done; later steps read `value` (JSON, at most 16 KiB, nothing personal) in `Context.values`."""

    value: Json = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing has happened, certainly; try again. `after_s` None: after the program's growing pause.

    From `ask` it says that the outside has never heard of the step.
    """

    after_s: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened or not; `ask` before anything else. For calls outside only."""

    ask_after_s: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """It goes on as it should and is not over; look again. Costs no attempt; `Step.patience_s` bounds it.

    A call that answers so is not made again: the next look is an `ask`.
    """

    after_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A final no, nothing has happened; `reason` is a code. The saga turns back; on its way back it is stuck."""

    reason: str


Outcome = Done | Retry | Unknown | Wait | Refused


@dataclass(frozen=True, slots=True)
class Context:
    """What a step is given. `step_id` is the same at every attempt: send it outside as the request's own id.

    `reason` is why it is tried again, or taken back.
    """

    saga_id: UUID
    kind: str
    step_id: UUID
    payload: Mapping[str, Json]
    values: Mapping[str, Json]
    attempt: int
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class InHouse:
    """A deed in the database alone: it commits together with the saga's move, so it happens once.

    `run` takes a batch and gives one outcome each; `each` makes one from a deed of one saga. A `run` that raises is
    rolled back and its sagas are tried one by one.
    """

    run: Callable[[Tx, Sequence[Context]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A deed outside: the intent is committed, then `call` is made without a transaction, then its result is committed.

    Where no result is known (`Unknown`, an exception, a time-out, a dead process), `ask` is next, and `call` only after
    the outside has said that it never heard of `step_id`, later than `absent_after_s` after the call: one on its way
    may still arrive. `call` and `ask` are cut after `timeout_s`.
    """

    call: Callable[[Context], Awaitable[Outcome]]
    ask: Callable[[Context], Awaitable[Outcome]]
    timeout_s: float = 10.0
    absent_after_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `act`, and what takes it back (None: there is nothing to take back).

    `no_return`: once it is done the saga only goes forward, and a later no makes it stuck. `patience_s`: the longest
    it may take before people are asked.
    """

    name: str
    act: InHouse | Elsewhere
    undo: InHouse | Elsewhere | None = None
    no_return: bool = False
    patience_s: float | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A kind of saga: its steps in order. Steps may be added or moved in a later version; a name keeps its meaning.

    The pause after attempt n is `pause_s` · 2^n with jitter, at most `pause_max_s`; after `attempts_max` it is stuck.
    """

    kind: str
    steps: tuple[Step, ...]
    attempts_max: int = 8
    pause_s: float = 1.0
    pause_max_s: float = 300.0

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        assert names, "a saga has steps"
        assert len(set(names)) == len(names), "a step's name stands for one step"

    def find(self, name: str) -> int | None:
        """Where the step of that name stands; None when this version has none."""
        return next((place for place, step in enumerate(self.steps) if step.name == name), None)


class SagaStatus(StrEnum):
    """`stuck` waits for people; `done` and `compensated` are ends."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    STUCK = "stuck"
    DONE = "done"
    COMPENSATED = "compensated"


OPEN = frozenset({SagaStatus.RUNNING, SagaStatus.COMPENSATING})


@dataclass(frozen=True, slots=True)
class Saga:
    """Where a saga stands. `sent_at`: since then a call outside may have been made whose outcome is not known.

    `due_at` is when it is looked at next; while somebody works on it, the end of that lease, and `fence` its number.
    """

    id: UUID
    kind: str
    payload: Mapping[str, Json]
    status: SagaStatus
    step: str
    undoing: bool
    outside: bool
    sent_at: datetime | None
    giving_up: bool
    attempts: int
    reason: str
    due_at: datetime
    fence: int
    step_since: datetime
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SagaStep:
    """What came of one step, or of its compensation (`undoing`)."""

    step: str
    undoing: bool
    id: UUID
    status: str
    value: Json
    sent_at: datetime | None
    ended_at: datetime | None


def step_id(saga_id: UUID, step: str, *, undoing: bool = False) -> UUID:
    """The id of a step's deed: of saga, step and direction alone, so that every attempt bears the same."""
    return uuid5(saga_id, f"{step}/undo" if undoing else step)


def each(deed: Callable[[Tx, Context], Awaitable[Outcome]]) -> InHouse:
    """A deed of one saga at a time, one after the other in the batch's transaction."""

    async def run(tx: Tx, contexts: Sequence[Context]) -> list[Outcome]:
        return [await deed(tx, context) for context in contexts]

    return InHouse(run)
