"""Sagas: work of several transactions and outside calls, each step durable, each with its way back."""

from cambista.runtime.sagas.door import HANDS, READERS, Sagas, SagaSettings
from cambista.runtime.sagas.errors import SagaNotStuck, SagaPastReturn, SagaUnknown
from cambista.runtime.sagas.events import SagaEnded, SagaStuck
from cambista.runtime.sagas.types import (
    Context,
    Done,
    Elsewhere,
    InHouse,
    Outcome,
    Program,
    Refused,
    Retry,
    Saga,
    SagaStatus,
    SagaStep,
    Step,
    Unknown,
    Wait,
    each,
    step_id,
)

__all__ = [
    "HANDS",
    "READERS",
    "Context",
    "Done",
    "Elsewhere",
    "InHouse",
    "Outcome",
    "Program",
    "Refused",
    "Retry",
    "Saga",
    "SagaEnded",
    "SagaNotStuck",
    "SagaPastReturn",
    "SagaSettings",
    "SagaStatus",
    "SagaStep",
    "SagaStuck",
    "SagaUnknown",
    "Sagas",
    "Step",
    "Unknown",
    "Wait",
    "each",
    "step_id",
]
