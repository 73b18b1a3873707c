"""Answers that show staff what is people's own: who looked at what is on record before it is shown."""

from collections.abc import Iterable

from fastapi import Response

from cambista.gateway.passage import Passage
from cambista.gateway.rest.routing import reply
from cambista.identity import STAFF
from cambista.runtime import Action

NAMED_MAX = 200


async def reply_read(passage: Passage, name: str, subject: str, answer: object, ids: Iterable[str] = ()) -> Response:
    """Record the read (one entry, at most 200 ids), then answer. What somebody reads of its own is not recorded."""
    await note_read(passage, name, subject, ids)
    return reply(answer)


async def note_read(passage: Passage, name: str, subject: str, ids: Iterable[str] = ()) -> None:
    """As `reply_read`, for answers of another form."""
    if passage.caller.role not in STAFF:
        return
    named = [id for _, id in zip(range(NAMED_MAX), ids, strict=False)]
    await passage.doors.runtime.record(Action(passage.caller, name, subject, facts={"ids": named} if named else {}))
