"""Refusals of sagas."""

from cambista.kernel.errors import Conflict, NotFound


class SagaUnknown(NotFound):
    code = "saga_not_found"
    sentence = "There is no such saga."


class SagaNotStuck(Conflict):
    code = "saga_not_stuck"
    sentence = "The saga is not stuck: it goes on by itself, or has ended."


class SagaPastReturn(Conflict):
    code = "saga_past_return"
    sentence = "The saga cannot be taken back: it is past its point of no return, is on its way back, or has ended."
