"""Sagas: what takes several steps, where each stands, and the decisions of people about the stuck ones."""

from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import Query, Response

from cambista.gateway.errors import CursorInvalid
from cambista.gateway.rest import words
from cambista.gateway.rest.paging import CursorIn, Limit, cursor_to, id_from
from cambista.gateway.rest.routing import Entered, Settling, reply, rest_router, speaks
from cambista.gateway.rest.words import Cursor, IdPath, IdText, TimeText
from cambista.kernel.ids import IdInvalid, parse_id
from cambista.kernel.time import wire_time
from cambista.runtime.sagas import Saga, SagaNotStuck, SagaPastReturn, SagaStatus, SagaStep, SagaUnknown

router = rest_router("sagas")
Kind = Annotated[str | None, Query(max_length=60, description="Only this kind, as `withdrawal_payout`.")]


class SagaOut(msgspec.Struct):
    """A saga. `undoing`: on its way back. `asking_since`: a call may be out whose outcome is not known yet."""

    id: IdText
    kind: str
    payload: dict[str, Any]
    status: SagaStatus
    step: str
    undoing: bool
    giving_up: bool
    asking_since: TimeText | None
    attempts: int
    reason: str
    due_at: TimeText
    started_at: TimeText
    ended_at: TimeText | None


class SagaStepOut(msgspec.Struct):
    """What came of a step or (`undoing`) its compensation; `id` is what the outside knows it by."""

    step: str
    undoing: bool
    id: IdText
    status: str
    value: Any
    sent_at: TimeText | None
    ended_at: TimeText | None


class SagaDetail(msgspec.Struct):
    """A saga and its steps, in the order in which they began."""

    saga: SagaOut
    steps: list[SagaStepOut]


class SagaPage(msgspec.Struct):
    """Sagas, newest first."""

    items: list[SagaOut]
    next_cursor: Cursor


def show_saga(saga: Saga) -> SagaOut:
    return SagaOut(
        str(saga.id), saga.kind, dict(saga.payload), saga.status, saga.step, saga.undoing, saga.giving_up,
        None if saga.sent_at is None else wire_time(saga.sent_at), saga.attempts, saga.reason, wire_time(saga.due_at),
        wire_time(saga.started_at), None if saga.ended_at is None else wire_time(saga.ended_at),
    )  # fmt: skip


def show_step(step: SagaStep) -> SagaStepOut:
    return SagaStepOut(
        step.step, step.undoing, str(step.id), step.status, step.value,
        None if step.sent_at is None else wire_time(step.sent_at),
        None if step.ended_at is None else wire_time(step.ended_at),
    )  # fmt: skip


_SAGA: dict[str, object] = {
    "id": words.WITHDRAWAL, "kind": "withdrawal_payout", "payload": {"withdrawal_id": words.WITHDRAWAL},
    "status": "stuck", "step": "send", "undoing": False, "giving_up": False, "asking_since": words.MOMENT,
    "attempts": 8, "reason": "timed_out", "due_at": words.MOMENT, "started_at": words.MOMENT, "ended_at": None,
}  # fmt: skip
_STEP: dict[str, object] = {
    "step": "send", "undoing": False, "id": words.TRADE, "status": "sent", "value": None, "sent_at": words.MOMENT,
    "ended_at": None,
}  # fmt: skip
_GOING_ON = {**_SAGA, "status": "running", "attempts": 0, "reason": ""}
_DECIDED = Settling(show_saga, required=False)


@router.get(
    "/sagas", **speaks(SagaPage, {"items": [_SAGA], "next_cursor": None}, refuses=(CursorInvalid,))
)  # fmt: skip
async def list_sagas(
    passage: Entered,
    status: SagaStatus | None = None,
    kind: Kind = None,
    limit: Limit = 50,
    cursor: CursorIn = None,
) -> Response:
    """Sagas, newest first; `status=stuck` are those that wait for people."""
    sagas, last = await passage.doors.sagas.list_sagas(
        passage.caller, status=status, kind=kind, limit=limit, before=id_from("sagas", cursor)
    )
    return reply(SagaPage([show_saga(each) for each in sagas], cursor_to("sagas", last)))


@router.get("/sagas/{id}", **speaks(SagaDetail, {"saga": _SAGA, "steps": [_STEP]}, refuses=(SagaUnknown, IdInvalid)))
async def get_saga(id: IdPath, passage: Entered) -> Response:
    """A saga and what came of its steps."""
    saga, steps = await passage.doors.sagas.find(passage.caller, parse_id(id))
    return reply(SagaDetail(show_saga(saga), [show_step(each) for each in steps]))


@router.post(
    "/sagas/{id}/retry", **speaks(SagaOut, _GOING_ON, key=False, refuses=(SagaUnknown, SagaNotStuck, IdInvalid))
)
async def retry_saga(id: IdPath, passage: Entered) -> Response:
    """Let a stuck saga try again; what may have been sent is asked for first."""
    return await _DECIDED.settle(passage, partial(passage.doors.sagas.retry, passage.caller), parse_id(id), id)


@router.post(
    "/sagas/{id}/compensate",
    **speaks(
        SagaOut,
        {**_GOING_ON, "giving_up": True},
        key=False,
        refuses=(SagaUnknown, SagaPastReturn, IdInvalid),
    ),
)
async def compensate_saga(id: IdPath, passage: Entered) -> Response:
    """Take back what a saga has done, in reverse; where a call may be out, once its outcome is known."""
    return await _DECIDED.settle(passage, partial(passage.doors.sagas.compensate, passage.caller), parse_id(id), id)
