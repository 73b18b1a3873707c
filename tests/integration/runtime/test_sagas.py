"""Sagas through their door, on a real PostgreSQL: forward, back, stuck, and back into motion by people."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from cambista.kernel.callers import Caller, Role, RoleDenied
from cambista.kernel.errors import Refusal
from cambista.runtime import Runtime, Tx
from cambista.runtime.resilience import NotSent
from cambista.runtime.sagas import (
    Context,
    Done,
    Elsewhere,
    InHouse,
    Outcome,
    Program,
    Refused,
    Retry,
    Saga,
    SagaNotStuck,
    SagaPastReturn,
    Sagas,
    SagaStatus,
    SagaUnknown,
    Step,
    Unknown,
    Wait,
    each,
)

TREASURER = Caller(UUID(int=7), Role.TREASURER)
AUDITOR = Caller(UUID(int=8), Role.AUDITOR)


class Diary:
    """Steps that write down what they did and answer as told; without a word they are done."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.told: dict[str, list[Outcome | Exception]] = {}

    def tell(self, deed: str, *outcomes: Outcome | Exception) -> None:
        self.told[deed] = list(outcomes)

    def _come_to(self, deed: str, context: Context) -> Outcome:
        self.lines.append(deed)
        told = self.told.get(deed, [])
        outcome = told.pop(0) if told else Done()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def own(self, deed: str) -> InHouse:
        async def run(tx: Tx, context: Context) -> Outcome:
            return self._come_to(deed, context)

        return each(run)

    def outside(self, deed: str, **more: Any) -> Elsewhere:
        async def call(context: Context) -> Outcome:
            return self._come_to(deed, context)

        async def ask(context: Context) -> Outcome:
            return self._come_to(f"ask {deed}", context)

        return Elsewhere(call, ask, **more)


def journey(diary: Diary, **more: Any) -> Program:
    """Two steps of the house's own around one outside, each with a way back, and a last one without."""
    return Program(
        "journey",
        (
            Step("pack", diary.own("pack"), diary.own("unpack")),
            Step("book", diary.outside("book"), diary.outside("cancel")),
            Step("pay", diary.own("pay"), diary.own("refund")),
            Step("post", diary.own("post")),
        ),
        **more,
    )


class House:
    def __init__(self, runtime: Runtime, program: Program) -> None:
        self.runtime, self.sagas = runtime, Sagas(runtime)
        self.sagas.register(program)
        self.kind = program.kind

    async def start(self, payload: dict[str, Any] | None = None) -> UUID:
        id = self.runtime.new_id()
        async with self.runtime.db.transaction() as tx:
            assert await self.sagas.start(tx, self.kind, id, payload or {})
        return id

    async def rest(self) -> None:
        """Until nothing is due."""
        while await self.sagas.advance():
            pass

    async def later(self, seconds: float) -> None:
        self.runtime.clock.advance(seconds)  # type: ignore[attr-defined]
        await self.rest()

    async def look(self, id: UUID) -> Saga:
        saga, _ = await self.sagas.find(TREASURER, id)
        return saga

    async def events(self) -> list[tuple[str, str]]:
        async with self.runtime.db.read() as reader:
            rows = await reader.all("SELECT name, data->>'reason' AS reason FROM runtime.outbox ORDER BY position")
        return [(row["name"], row["reason"]) for row in rows]


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def house(runtime: Runtime, diary: Diary) -> House:
    return House(runtime, journey(diary, attempts_max=3))


async def test_a_saga_does_its_steps_in_order_and_ends(house: House, diary: Diary) -> None:
    id = await house.start()
    await house.rest()
    assert diary.lines == ["pack", "book", "pay", "post"]
    saga, steps = await house.sagas.find(AUDITOR, id)
    assert saga.status is SagaStatus.DONE
    assert saga.ended_at is not None
    assert [(step.step, step.status, step.undoing) for step in steps] == [
        (name, "done", False) for name in ("pack", "book", "pay", "post")
    ]
    assert await house.events() == [("SagaEnded", "")]


async def test_a_saga_starts_with_its_caller_s_transaction_or_not_at_all(house: House, diary: Diary) -> None:
    id = house.runtime.new_id()
    with pytest.raises(ZeroDivisionError):
        await _start_and_fail(house, id)
    await house.rest()
    assert diary.lines == []


async def _start_and_fail(house: House, id: UUID) -> None:
    async with house.runtime.db.transaction() as tx:
        await house.sagas.start(tx, "journey", id, {})
        raise ZeroDivisionError


async def test_the_same_id_starts_one_saga(house: House, diary: Diary) -> None:
    id = await house.start()
    async with house.runtime.db.transaction() as tx:
        assert not await house.sagas.start(tx, "journey", id, {"other": True})
    await house.rest()
    assert diary.lines.count("pack") == 1


async def test_values_of_earlier_steps_and_the_payload_reach_later_ones(runtime: Runtime) -> None:
    seen: list[Context] = []

    async def first(tx: Tx, context: Context) -> Outcome:
        return Done({"price": "4000.5", "ids": [1, 2]})

    async def second(tx: Tx, context: Context) -> Outcome:
        seen.append(context)
        return Done()

    house = House(runtime, Program("pair", (Step("first", each(first)), Step("second", each(second)))))
    await house.start({"pair": "USDT/COP"})
    await house.rest()
    assert seen[0].payload == {"pair": "USDT/COP"}
    assert seen[0].values == {"first": {"price": "4000.5", "ids": [1, 2]}}


async def test_a_no_takes_back_what_was_done_in_reverse_order(house: House, diary: Diary) -> None:
    diary.tell("post", Refused("office_closed"))
    id = await house.start()
    await house.rest()
    assert diary.lines == ["pack", "book", "pay", "post", "refund", "cancel", "unpack"]
    assert (await house.look(id)).status is SagaStatus.COMPENSATED
    assert await house.events() == [("SagaEnded", "office_closed")]


async def test_a_no_at_the_first_step_ends_at_once(house: House, diary: Diary) -> None:
    diary.tell("pack", Refused("too_heavy"))
    id = await house.start()
    await house.rest()
    assert diary.lines == ["pack"]
    assert (await house.look(id)).status is SagaStatus.COMPENSATED


async def test_a_call_of_unknown_outcome_is_asked_for_and_not_made_again(house: House, diary: Diary) -> None:
    diary.tell("book", Unknown())
    id = await house.start()
    await house.rest()
    assert (await house.look(id)).sent_at is not None
    await house.later(60)
    assert diary.lines == ["pack", "book", "ask book", "pay", "post"]


async def test_an_exception_of_a_call_says_nothing_of_its_outcome(house: House, diary: Diary) -> None:
    diary.tell("book", OSError("connection reset"))
    await house.start()
    await house.rest()
    await house.later(60)
    assert diary.lines == ["pack", "book", "ask book", "pay", "post"]


async def test_a_call_that_was_not_sent_is_made_again_without_asking(house: House, diary: Diary) -> None:
    diary.tell("book", NotSent())
    await house.start()
    await house.rest()
    await house.later(60)
    assert diary.lines == ["pack", "book", "book", "pay", "post"]


async def test_what_is_not_there_is_believed_only_when_no_call_can_still_arrive(runtime: Runtime, diary: Diary) -> None:
    book = diary.outside("book", absent_after_s=20.0)
    house = House(runtime, Program("one", (Step("book", book),), attempts_max=5))
    diary.tell("book", Unknown(ask_after_s=1.0))
    diary.tell("ask book", Retry(), Retry())
    await house.start()
    await house.rest()
    await house.later(1)
    await house.later(1)
    assert diary.lines == ["book", "ask book"]
    await house.later(18)
    await house.later(5)
    assert diary.lines == ["book", "ask book", "ask book", "book"]


async def test_a_call_accepted_and_not_over_is_asked_for_without_end(house: House, diary: Diary) -> None:
    diary.tell("book", Wait(5.0))
    diary.tell("ask book", *[Wait(5.0)] * 10)
    id = await house.start()
    await house.rest()
    for _ in range(11):
        await house.later(5)
    assert diary.lines == ["pack", "book", *["ask book"] * 11, "pay", "post"]
    assert (await house.look(id)).status is SagaStatus.DONE


async def test_patience_ends_and_people_are_asked(runtime: Runtime, diary: Diary) -> None:
    house = House(runtime, Program("slow", (Step("wait", diary.own("wait"), patience_s=60),)))
    diary.tell("wait", *[Wait(25.0)] * 9)
    id = await house.start()
    await house.rest()
    for _ in range(4):
        await house.later(25)
    saga = await house.look(id)
    assert (saga.status, saga.reason) == (SagaStatus.STUCK, "took_too_long")
    assert await house.events() == [("SagaStuck", "took_too_long")]


async def test_pauses_grow_until_it_is_stuck_and_a_person_sets_it_going(house: House, diary: Diary) -> None:
    diary.tell("pay", Retry(reason="till_empty"), Retry(reason="till_empty"), Retry(reason="till_empty"))
    id = await house.start()
    await house.rest()
    first = (await house.look(id)).due_at - house.runtime.now()
    await house.later(first.total_seconds())
    assert (await house.look(id)).due_at - house.runtime.now() >= first
    await house.later(60)
    saga = await house.look(id)
    assert (saga.status, saga.reason, saga.step) == (SagaStatus.STUCK, "till_empty", "pay")
    stuck, _ = await house.sagas.list_sagas(AUDITOR, status=SagaStatus.STUCK)
    assert [each.id for each in stuck] == [id]
    await house.sagas.retry(TREASURER, [id])
    await house.rest()
    assert (await house.look(id)).status is SagaStatus.DONE


async def test_a_stuck_saga_taken_back_by_a_person_is_compensated(house: House, diary: Diary) -> None:
    diary.tell("pay", *[Retry()] * 3)
    id = await house.start()
    for _ in range(4):
        await house.later(60)
    [saga] = await house.sagas.compensate(TREASURER, [id])
    assert isinstance(saga, Saga)
    await house.rest()
    assert diary.lines[-2:] == ["cancel", "unpack"]
    assert (await house.look(id)).status is SagaStatus.COMPENSATED


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (Done(), ["ask book", "cancel", "unpack"]),
        (Retry(), ["ask book", "unpack"]),
        (Refused("no"), ["ask book", "unpack"]),
    ],
)
async def test_what_may_be_out_is_asked_for_before_it_is_taken_back(
    house: House, diary: Diary, answer: Outcome, after: Sequence[str]
) -> None:
    diary.tell("book", Unknown())
    diary.tell("ask book", Unknown(), Unknown(), answer)
    id = await house.start()
    for _ in range(4):
        await house.later(60)
    assert (await house.look(id)).status is SagaStatus.STUCK
    diary.lines.clear()
    await house.sagas.compensate(TREASURER, [id])
    await house.rest()
    assert diary.lines == after
    assert (await house.look(id)).status is SagaStatus.COMPENSATED


async def test_a_refused_compensation_is_stuck_and_tried_again_by_a_person(house: House, diary: Diary) -> None:
    diary.tell("post", Refused("office_closed"))
    diary.tell("cancel", Refused("too_late"))
    id = await house.start()
    await house.rest()
    saga = await house.look(id)
    assert (saga.status, saga.step, saga.undoing) == (SagaStatus.STUCK, "book", True)
    assert [type(each) for each in await house.sagas.compensate(TREASURER, [id])] == [SagaPastReturn]
    await house.sagas.retry(TREASURER, [id])
    await house.rest()
    assert diary.lines[-3:] == ["cancel", "cancel", "unpack"]
    assert (await house.look(id)).status is SagaStatus.COMPENSATED


async def test_past_the_point_of_no_return_a_no_is_stuck_and_is_not_taken_back(runtime: Runtime, diary: Diary) -> None:
    steps = (
        Step("hold", diary.own("hold"), diary.own("release")),
        Step("send", diary.outside("send"), no_return=True),
        Step("settle", diary.own("settle")),
    )
    house = House(runtime, Program("payout", steps))
    diary.tell("settle", Refused("account_frozen"))
    id = await house.start()
    await house.rest()
    assert (await house.look(id)).status is SagaStatus.STUCK
    [verdict] = await house.sagas.compensate(TREASURER, [id])
    assert isinstance(verdict, SagaPastReturn)
    await house.sagas.retry(TREASURER, [id])
    await house.rest()
    assert diary.lines == ["hold", "send", "settle", "settle"]


async def test_a_step_that_raises_harms_no_neighbour(runtime: Runtime) -> None:
    async def step(tx: Tx, context: Context) -> Outcome:
        if context.payload["bad"]:
            raise ZeroDivisionError
        return Done()

    house = House(runtime, Program("mixed", (Step("only", each(step)),), attempts_max=2))
    good, bad = await house.start({"bad": False}), await house.start({"bad": True})
    await house.rest()
    assert (await house.look(good)).status is SagaStatus.DONE
    await house.later(60)
    saga = await house.look(bad)
    assert (saga.status, saga.reason) == (SagaStatus.STUCK, "ZeroDivisionError")


async def test_a_step_s_rows_and_the_saga_s_move_commit_together(runtime: Runtime) -> None:
    async def step(tx: Tx, context: Context) -> Outcome:
        await tx.execute("INSERT INTO runtime.listener (name) VALUES ($1)", f"saga-{context.saga_id}")
        raise ZeroDivisionError

    house = House(runtime, Program("rows", (Step("only", each(step)),)))
    await house.start()
    await house.rest()
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM runtime.listener WHERE name LIKE 'saga-%'") == 0


async def test_a_value_that_cannot_be_stored_is_as_good_as_no_answer(runtime: Runtime, diary: Diary) -> None:
    house = House(runtime, Program("long", (Step("book", diary.outside("book")),), attempts_max=3))
    diary.tell("book", Done("x" * 20_000))
    diary.tell("ask book", Done("x" * 20_000), Done("short"))
    id = await house.start()
    for _ in range(3):
        await house.later(60)
    assert (await house.look(id)).status is SagaStatus.DONE
    assert diary.lines == ["book", "ask book", "ask book"]


async def test_a_step_that_this_version_lacks_makes_it_stuck_and_not_lost(house: House, runtime: Runtime) -> None:
    id = await house.start()
    newer = Sagas(runtime)
    newer.register(Program("journey", (Step("fly", Diary().own("fly")),)))
    await newer.advance()
    saga = await house.look(id)
    assert (saga.status, saga.reason) == (SagaStatus.STUCK, "step_unknown")


async def test_kinds_that_a_program_does_not_know_are_left_to_others(house: House, runtime: Runtime) -> None:
    await house.start()
    assert await Sagas(runtime).advance() == 0
    assert await house.sagas.advance() > 0


async def test_people_decide_only_where_they_may_and_it_is_journaled(house: House, diary: Diary) -> None:
    id = await house.start()
    with pytest.raises(RoleDenied):
        await house.sagas.retry(AUDITOR, [id])
    with pytest.raises(RoleDenied):
        await house.sagas.find(Caller(UUID(int=9), Role.CUSTOMER), id)
    verdicts = await house.sagas.retry(TREASURER, [id, UUID(int=1)])
    assert [type(each) for each in verdicts] == [SagaNotStuck, SagaUnknown]
    assert all(isinstance(each, Refusal) for each in verdicts)
    await house.sagas.compensate(TREASURER, [id])
    async with house.runtime.db.read() as reader:
        rows = await reader.all("SELECT name, outcome FROM runtime.journal ORDER BY position")
    assert [tuple(row) for row in rows] == [
        ("saga.retry", "saga_not_stuck"), ("saga.retry", "saga_not_found"), ("saga.compensate", "done"),
    ]  # fmt: skip


async def test_lists_page_through_all_sagas(house: House) -> None:
    ids = [await house.start() for _ in range(5)]
    seen: list[UUID] = []
    before: UUID | None = None
    while True:
        rows, before = await house.sagas.list_sagas(AUDITOR, kind="journey", limit=2, before=before)
        seen += [row.id for row in rows]
        if before is None:
            break
    assert sorted(seen) == sorted(ids)
    assert await house.sagas.count_open() == {"running": 5, "stuck": 0}


async def test_ended_sagas_are_forgotten_after_their_time(house: House, diary: Diary) -> None:
    id = await house.start()
    await house.rest()
    assert await house.sagas.sweep() == 0
    house.runtime.clock.advance(91 * 86_400)  # type: ignore[attr-defined]
    assert await house.sagas.sweep() == 1
    with pytest.raises(SagaUnknown):
        await house.look(id)
