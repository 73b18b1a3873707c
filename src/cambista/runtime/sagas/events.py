"""Facts sagas announce."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from cambista.kernel.events import Event


@dataclass(frozen=True, slots=True)
class SagaStuck(Event):
    """A saga does not get on by itself; people have to look. `reason` is a code or an exception's name."""

    NAME: ClassVar[str] = "SagaStuck"
    saga_id: UUID
    kind: str
    step: str
    undoing: bool
    reason: str
    stuck_at: datetime

    @property
    def subject(self) -> str:
        return f"saga:{self.saga_id}"


@dataclass(frozen=True, slots=True)
class SagaEnded(Event):
    """A saga is `done`, or everything it had done is taken back (`compensated`), `reason` saying why."""

    NAME: ClassVar[str] = "SagaEnded"
    saga_id: UUID
    kind: str
    status: str
    reason: str
    ended_at: datetime

    @property
    def subject(self) -> str:
        return f"saga:{self.saga_id}"
