"""Group commit: one transaction for all who wait, one verdict each, once for each idempotency key."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import pytest

from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Conflict, Refusal
from cambista.kernel.events import Event
from cambista.runtime import Action, HouseBusy, IdempotencyKeyReused, Once, Replay, Runtime, Tx
from cambista.runtime.group_commit import GroupCommit

CALLER = Caller(UUID(int=1), Role.OPERATOR)


@dataclass(frozen=True, slots=True)
class NumberNoted(Event):
    NAME: ClassVar[str] = "NumberNoted"
    number: int

    @property
    def subject(self) -> str:
        return "numbers"


class Poison(Exception):
    """A bug in a use case."""


async def note(tx: Tx, numbers: Sequence[int]) -> list[int | Refusal]:
    """Announces even numbers, refuses odd ones, fails on zero."""
    verdicts: list[int | Refusal] = []
    for number in numbers:
        if number == 0:
            raise Poison
        if number % 2:
            verdicts.append(Conflict(number=number))
        else:
            tx.emit(NumberNoted(number))
            tx.record(Action(CALLER, "number.note", f"number:{number}"))
            verdicts.append(number)
    return verdicts


def once(key: str, body: bytes = b"body", caller: int = 1, endpoint: str = "POST /notes") -> Once:
    return Once(UUID(int=caller), endpoint, key, body, lambda number: (201, f"{number}".encode()))


async def noted(runtime: Runtime) -> list[int]:
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT (data ->> 'number')::int AS number FROM runtime.outbox ORDER BY position")
    return [row["number"] for row in rows]


async def test_requests_that_wait_share_a_transaction_and_each_gets_its_own_verdict(runtime: Runtime) -> None:
    answers = await asyncio.gather(*(runtime.writer.submit(note, [number]) for number in range(2, 40)))
    flat = [answer for [answer] in answers]
    assert [a for a in flat if isinstance(a, int)] == list(range(2, 40, 2))
    assert sum(isinstance(answer, Conflict) for answer in flat) == 19
    assert runtime.writer.batches == 1
    assert await noted(runtime) == list(range(2, 40, 2))


async def test_a_poisonous_request_harms_only_itself(runtime: Runtime) -> None:
    jobs = [runtime.writer.submit(note, [number]) for number in (2, 0, 4)]
    two, zero, four = await asyncio.gather(*jobs, return_exceptions=True)
    assert (two, four) == ([2], [4])
    assert isinstance(zero, Poison)
    assert await noted(runtime) == [2, 4]


async def test_an_answer_is_given_only_after_the_commit(runtime: Runtime) -> None:
    seen: list[int] = []
    runtime.db.fault = lambda point: seen.append(len(answered)) if point == "before_commit" else None
    answered: list[object] = []
    answered.append(await runtime.writer.submit(note, [2]))
    assert seen == [0]


async def test_events_and_journal_rows_commit_with_the_work_or_not_at_all(runtime: Runtime) -> None:
    def break_down(point: str) -> None:
        if point == "before_commit":
            raise Poison

    runtime.db.fault = break_down
    with pytest.raises(Poison):
        await runtime.writer.submit(note, [2])
    runtime.db.fault = lambda point: None
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM runtime.outbox") == 0
        assert await reader.value("SELECT count(*) FROM runtime.journal") == 0
    assert await runtime.writer.submit(note, [2]) == [2]
    async with runtime.db.read() as reader:
        row = await reader.one("SELECT * FROM runtime.journal")
    assert (row["actor_id"], row["name"], row["subject"]) == (CALLER.id, "number.note", "number:2")


async def test_the_same_key_and_body_are_one_request_wherever_and_whenever_it_comes_again(runtime: Runtime) -> None:
    first, twin = await asyncio.gather(*(runtime.writer.submit(note, [2], [once("a")]) for _ in range(2)))
    later = await GroupCommit(runtime.db).submit(note, [2], [once("a")])
    assert first == [Replay(201, b"2", first=True)]
    assert twin == later == [Replay(201, b"2")]
    assert await noted(runtime) == [2]


async def test_the_same_key_with_another_body_is_refused(runtime: Runtime) -> None:
    await runtime.writer.submit(note, [2], [once("a")])
    [later] = await runtime.writer.submit(note, [4], [once("a", b"other")])
    first, twin = await asyncio.gather(
        runtime.writer.submit(note, [6], [once("b")]), runtime.writer.submit(note, [8], [once("b", b"other")])
    )
    assert isinstance(later, IdempotencyKeyReused)
    assert isinstance(first[0], Replay)
    assert isinstance(twin[0], IdempotencyKeyReused)
    assert await noted(runtime) == [2, 6]


async def test_another_caller_or_endpoint_has_keys_of_its_own(runtime: Runtime) -> None:
    keys = [once("a"), once("a", caller=2), once("a", endpoint="POST /others")]
    answers = await runtime.writer.submit(note, [2, 4, 6], keys)
    assert all(isinstance(answer, Replay) and answer.first for answer in answers)
    assert await noted(runtime) == [2, 4, 6]


async def test_a_refusal_is_not_remembered(runtime: Runtime) -> None:
    [refused] = await runtime.writer.submit(note, [3], [once("a")])
    [done] = await runtime.writer.submit(note, [2], [once("a")])
    assert isinstance(refused, Conflict)
    assert done == Replay(201, b"2", first=True)


async def test_two_processes_with_one_key_do_the_work_once(runtime: Runtime) -> None:
    writers = [GroupCommit(runtime.db) for _ in range(4)]
    answers = await asyncio.gather(*(writer.submit(note, [2], [once("a")]) for writer in writers for _ in range(5)))
    assert {(each.status, each.body) for [each] in answers if isinstance(each, Replay)} == {(201, b"2")}
    assert len(answers) == 20
    assert await noted(runtime) == [2]


async def test_a_full_queue_refuses_at_once(runtime: Runtime) -> None:
    writer = GroupCommit(runtime.db, waiting_max=2)
    with pytest.raises(HouseBusy):
        await writer.submit(note, [2, 4, 6])


async def test_a_caller_who_gives_up_does_not_stop_the_others(runtime: Runtime) -> None:
    leaving = asyncio.ensure_future(runtime.writer.submit(note, [2]))
    staying = asyncio.ensure_future(runtime.writer.submit(note, [4]))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == [4]
    assert await noted(runtime) == [2, 4]
