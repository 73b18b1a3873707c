"""Withdrawals: held at once, four eyes, paid or given back once; on a real PostgreSQL with the real ledger."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from cambista.funding import (
    Destination,
    Funding,
    FundingSettings,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalStatus,
)
from cambista.identity import Identity, KeyRequest, KeyRevocation, NewApiKey, Status, StatusChange
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import NotFound, Unauthenticated
from cambista.ledger import Ledger
from cambista.runtime import Once, Replay, Runtime
from tests.databases import START, ManualClock, open_runtime
from tests.integration.funding.office import (
    ADMIN,
    BANK,
    OPERATOR,
    SECOND,
    TREASURER,
    Office,
    all_at_once,
    another,
    code,
    crashing,
    open_office,
)

WEEK = 7 * 86400


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    made = await open_office(runtime)
    await made.credited("100000")
    return made


async def status(office: Office, withdrawal: Withdrawal) -> str:
    return (await office.funding.find_withdrawal(ADMIN, withdrawal.id)).status.value


async def test_asking_holds_the_money_and_approving_sends_it(office: Office) -> None:
    withdrawal = await office.requested("60000")
    assert withdrawal.status is WithdrawalStatus.REQUESTED
    assert await office.balance() == ("100000.00", "60000.00")
    [sent] = await office.approve(TREASURER, withdrawal)
    assert isinstance(sent, Withdrawal)
    assert (sent.status, sent.decided_by, sent.approvals) == (WithdrawalStatus.SENT, TREASURER.id, (TREASURER.id,))
    assert await office.balance() == ("40000.00", "0.00")
    assert await office.balance(BANK) == ("-40000.00", "0.00")
    assert await office.funding.find_withdrawal(office.ana, withdrawal.id) == sent
    assert await office.sound()


async def test_events_tell_what_happened_and_name_nobody(office: Office) -> None:
    withdrawal = await office.requested()
    await office.approve(TREASURER, withdrawal)
    async with office.runtime.db.read() as reader:
        rows = await reader.all(
            "SELECT name, data::text FROM runtime.outbox WHERE data::text LIKE $1", f"%{withdrawal.id}%"
        )
        told = await reader.value("SELECT string_agg(j::text, ' ') FROM runtime.journal j")
    assert sorted(row["name"] for row in rows) == ["UserActionRequired", "WithdrawalRequested", "WithdrawalSent"]
    assert not [text for text in (told, *(row["data"] for row in rows)) if "Bancolombia" in text or "Pérez" in text]


async def test_rejecting_gives_the_money_back(office: Office) -> None:
    withdrawal = await office.requested("60000")
    [rejected] = await office.funding.reject_withdrawals([WithdrawalDecision(TREASURER, withdrawal.id, "wrong bank")])
    assert isinstance(rejected, Withdrawal)
    assert rejected.status is WithdrawalStatus.REJECTED
    assert await office.balance() == ("100000.00", "0.00")
    history = await office.funding.history(ADMIN, withdrawal.id)
    assert [(line.status, line.note) for line in history] == [("requested", ""), ("rejected", "wrong bank")]


async def test_nobody_withdraws_more_than_he_has_however_many_ask_at_once(office: Office) -> None:
    elsewhere = another(office)
    answers = await all_at_once(
        *(
            funding.request_withdrawals([office.withdrawal("30000")])
            for _ in range(8)
            for funding in (office.funding, elsewhere)
        )
    )
    assert sum(isinstance(answer, Withdrawal) for answer in answers) == 3
    assert {code(answer) for answer in answers if not isinstance(answer, Withdrawal)} == {"insufficient_funds"}
    assert await office.balance() == ("100000.00", "90000.00")
    assert await office.sound()


async def test_a_withdrawal_is_decided_once_however_many_decide_it(office: Office) -> None:
    withdrawals = [await office.requested("20000") for _ in range(4)]
    elsewhere = another(office)
    answers = await all_at_once(
        *(
            decide([WithdrawalDecision(caller, withdrawal.id)])
            for withdrawal in withdrawals
            for caller in (TREASURER, SECOND, ADMIN)
            for funding in (office.funding, elsewhere)
            for decide in (funding.approve_withdrawals, funding.reject_withdrawals)
        )
    )
    outcomes = [await status(office, withdrawal) for withdrawal in withdrawals]
    assert set(outcomes) <= {"sent", "rejected"}
    assert await office.balance() == (f"{100000 - 20000 * outcomes.count('sent')}.00", "0.00")
    assert {code(answer) for answer in answers if not isinstance(answer, Withdrawal)} == {"withdrawal_decided"}
    assert await office.sound()


async def test_many_decisions_on_one_withdrawal_in_one_batch_take_turns(office: Office) -> None:
    withdrawal = await office.requested("20000")
    answers = await office.funding.approve_withdrawals(
        [WithdrawalDecision(caller, withdrawal.id) for caller in (TREASURER, TREASURER, SECOND)]
    )
    assert answers[0] == answers[1]
    assert code(answers[2]) == "withdrawal_decided"
    assert await office.balance() == ("80000.00", "0.00")


async def test_a_large_withdrawal_needs_two_people(office: Office) -> None:
    await office.credited("100000000", "R-large")
    withdrawal = await office.requested("50000000")
    for _ in range(2):
        [once] = await office.approve(TREASURER, withdrawal)
        assert isinstance(once, Withdrawal)
        assert (once.status, once.approvals) == (WithdrawalStatus.REQUESTED, (TREASURER.id,))
    assert await office.balance() == ("100100000.00", "50000000.00")
    [sent] = await office.approve(SECOND, withdrawal)
    assert isinstance(sent, Withdrawal)
    assert sent.status is WithdrawalStatus.SENT
    assert await office.balance() == ("50100000.00", "0.00")


async def test_two_approvals_of_a_large_withdrawal_at_once_are_two_and_pay_once(office: Office) -> None:
    await office.credited("100000000", "R-large")
    withdrawal = await office.requested("50000000")
    elsewhere = another(office)
    await all_at_once(
        office.funding.approve_withdrawals([WithdrawalDecision(TREASURER, withdrawal.id)]),
        elsewhere.approve_withdrawals([WithdrawalDecision(SECOND, withdrawal.id)]),
        elsewhere.approve_withdrawals([WithdrawalDecision(TREASURER, withdrawal.id)]),
    )
    assert await status(office, withdrawal) == "sent"
    assert await office.balance() == ("50100000.00", "0.00")


async def test_who_asked_does_not_approve(office: Office) -> None:
    [withdrawal] = await office.funding.request_withdrawals([office.withdrawal(caller=OPERATOR)])
    assert isinstance(withdrawal, Withdrawal)
    [answer] = await office.approve(Caller(OPERATOR.id, Role.TREASURER), withdrawal)
    assert code(answer) == "four_eyes"
    assert await status(office, withdrawal) == "requested"


async def test_a_withdrawal_nobody_approves_in_time_gives_the_money_back(office: Office) -> None:
    withdrawal = await office.requested("60000")
    office.clock.advance(WEEK - 1)
    assert await office.funding.expire() == 0
    office.clock.advance(1)
    assert await office.funding.expire() == 1
    assert await office.funding.expire() == 0
    assert await status(office, withdrawal) == "expired"
    assert await office.balance() == ("100000.00", "0.00")
    [answer] = await office.approve(TREASURER, withdrawal)
    assert code(answer) == "withdrawal_expired"
    assert await office.sound()


@pytest.mark.parametrize("first", ("ledger", "funding"))
async def test_the_ledger_and_funding_may_notice_the_time_in_either_order(office: Office, first: str) -> None:
    withdrawal = await office.requested("60000")
    office.clock.advance(WEEK)
    steps = [office.ledger.expire_holds, office.funding.expire]
    for step in steps if first == "ledger" else steps[::-1]:
        await step()
    assert await status(office, withdrawal) == "expired"
    assert await office.balance() == ("100000.00", "0.00")
    assert await office.sound()


async def test_a_hold_the_ledger_ended_cannot_be_paid_when_the_clock_goes_back(office: Office) -> None:
    withdrawal = await office.requested("60000")
    office.clock.advance(WEEK)
    await office.ledger.expire_holds()
    office.clock.advance(-10)
    [answer] = await office.approve(TREASURER, withdrawal)
    assert code(answer) == "withdrawal_expired"
    assert await office.balance() == ("100000.00", "0.00")
    office.clock.advance(10)
    assert await office.funding.expire() == 1


async def test_approving_here_and_expiring_there_at_once_does_one_of_them(office: Office, dsn: str) -> None:
    withdrawals = [await office.requested("20000") for _ in range(4)]
    async with open_runtime(dsn, clock=ManualClock(START + timedelta(seconds=WEEK)), seed=8) as ahead:
        elsewhere = Funding(ahead, identity=Identity(ahead), ledger=Ledger(ahead))

        async def expire() -> list[object]:
            return [await elsewhere.expire()]

        answers = await all_at_once(*(office.approve(TREASURER, each) for each in withdrawals), expire())
        await elsewhere.expire()
    outcomes = [await status(office, withdrawal) for withdrawal in withdrawals]
    assert set(outcomes) <= {"sent", "expired"}
    assert outcomes.count("sent") == sum(isinstance(answer, Withdrawal) for answer in answers)
    assert await office.balance() == (f"{100000 - 20000 * outcomes.count('sent')}.00", "0.00")
    assert await office.sound()


async def test_the_same_request_again_is_answered_from_memory_and_holds_once(office: Office) -> None:
    once = Once(office.ana.id, "POST /withdrawals", "k1", b"1", lambda each: (202, str(each.id).encode()))
    answers = await all_at_once(
        *(office.funding.request_withdrawals([office.withdrawal("30000")], [once]) for _ in range(10))
    )
    assert len({answer.body for answer in answers if isinstance(answer, Replay)}) == 1
    assert await office.balance() == ("100000.00", "30000.00")


async def test_money_goes_only_to_an_account_in_the_customers_name(office: Office) -> None:
    other = Destination("pse", "Bancolombia 123456", "Luis Gómez")
    [answer] = await office.funding.request_withdrawals([office.withdrawal(destination=other)])
    assert code(answer) == "holder_mismatch"
    assert await office.balance() == ("100000.00", "0.00")
    async with office.runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM runtime.journal WHERE outcome = 'holder_mismatch'") == 1


async def test_a_day_has_a_limit_that_what_came_back_does_not_use_up(runtime: Runtime) -> None:
    office = await open_office(runtime, FundingSettings(daily_count=2))
    await office.credited("100000")
    first = await office.requested("10000")
    await office.requested("10000")
    [answer] = await office.funding.request_withdrawals([office.withdrawal("10000")])
    assert code(answer) == "limit_exceeded"
    await office.funding.reject_withdrawals([WithdrawalDecision(TREASURER, first.id)])
    await office.requested("10000")
    office.clock.advance(86400)
    await office.requested("10000")


async def test_the_daily_limit_holds_however_many_ask_at_once(runtime: Runtime) -> None:
    office = await open_office(runtime, FundingSettings(daily_count=2))
    await office.credited("100000")
    elsewhere = another(office)
    answers = await all_at_once(
        *(
            funding.request_withdrawals([office.withdrawal("10000")])
            for _ in range(5)
            for funding in (office.funding, elsewhere)
        )
    )
    assert sum(isinstance(answer, Withdrawal) for answer in answers) == 2
    assert await office.balance() == ("100000.00", "20000.00")


async def test_what_lacks_funds_uses_up_no_limit_of_those_asked_for_together_with_it(runtime: Runtime) -> None:
    office = await open_office(runtime, FundingSettings(daily_count=2))
    await office.credited("100000")
    wishes = ("900000", "60000", "900000", "50000", "30000", "10000")
    answers = await office.funding.request_withdrawals([office.withdrawal(text) for text in wishes])
    short, over = "insufficient_funds", "limit_exceeded"
    assert [getattr(answer, "code", "") for answer in answers] == [short, "", short, short, "", over]
    assert await office.balance() == ("100000.00", "90000.00")
    assert await office.sound()


async def test_a_blocked_customer_gets_nothing_out(office: Office) -> None:
    await office.identity.set_status([StatusChange(ADMIN, office.ana.id, Status.BLOCKED, "case 7")])
    [answer] = await office.funding.request_withdrawals([office.withdrawal(caller=OPERATOR)])
    assert code(answer) == "customer_blocked"


async def test_a_revoked_key_moves_nothing_even_when_the_gateway_remembers_it(office: Office) -> None:
    [new] = await office.identity.create_keys([KeyRequest(office.ana, office.ana.id, "Phone")])
    assert isinstance(new, NewApiKey)
    caller = replace(office.ana, key_id=new.record.id)
    assert isinstance((await office.funding.request_withdrawals([office.withdrawal(caller=caller)]))[0], Withdrawal)
    await office.identity.revoke_keys([KeyRevocation(office.ana, new.record.id)])
    [answer] = await office.funding.request_withdrawals([office.withdrawal(caller=caller)])
    assert isinstance(answer, Unauthenticated)


async def test_a_frozen_account_pays_nothing_and_the_approval_is_not_kept(office: Office) -> None:
    withdrawal = await office.requested("60000")
    await office.ledger.freeze([office.account], frozen=True, caller=ADMIN, reason="case 7")
    [answer] = await office.approve(TREASURER, withdrawal)
    assert code(answer) == "account_frozen"
    found = await office.funding.find_withdrawal(ADMIN, withdrawal.id)
    assert (found.status, found.approvals) == (WithdrawalStatus.REQUESTED, ())


async def test_a_customer_sees_only_its_own_withdrawals(office: Office) -> None:
    withdrawal = await office.requested()
    stranger = Caller(UUID(int=66), Role.CUSTOMER)
    with pytest.raises(NotFound):
        await office.funding.find_withdrawal(stranger, withdrawal.id)
    assert not (await office.funding.list_withdrawals(stranger, customer_id=office.ana.id)).items
    assert (await office.funding.list_withdrawals(office.ana)).items == (withdrawal,)
    [answer] = await office.approve(TREASURER, replace(withdrawal, id=withdrawal.hold_id))  # type: ignore[arg-type]
    assert code(answer) == "withdrawal_not_found"


async def test_a_crash_around_the_commit_of_an_approval_pays_once(office: Office) -> None:
    withdrawal = await office.requested("60000")
    for point, posted in (("before_commit", "100000.00"), ("after_commit", "40000.00")):
        await crashing(office, point, lambda: office.approve(TREASURER, withdrawal))
        assert (await office.balance())[0] == posted
    [sent] = await office.approve(TREASURER, withdrawal)
    assert isinstance(sent, Withdrawal)
    assert await office.balance() == ("40000.00", "0.00")
    assert await office.sound()


async def test_the_database_itself_wants_the_approvals(office: Office) -> None:
    withdrawal = await office.requested()
    send = """
        UPDATE funding.withdrawal SET status = 'sent', decided_by = gen_random_uuid(), decided_at = now(),
            transfer_id = gen_random_uuid() WHERE id = $1
    """
    with pytest.raises(asyncpg.RestrictViolationError):
        async with office.runtime.db.transaction() as tx:
            await tx.execute(send, withdrawal.id)
    with pytest.raises(asyncpg.CheckViolationError):
        async with office.runtime.db.transaction() as tx:
            await tx.execute(
                "INSERT INTO funding.approval VALUES ($1, $2, $2, now())", withdrawal.id, withdrawal.requested_by
            )
