"""Deposits: each payment once, doubts into suspense, four eyes; on a real PostgreSQL with the real ledger."""

import asyncio
from dataclasses import replace
from datetime import date

import asyncpg
import pytest

from cambista.funding import Deposit, DepositDecision, DepositStatus, FundingSettings, Payer
from cambista.identity import KeyRequest, KeyRevocation, NewApiKey, Status, StatusChange
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import NotFound, Refusal, Unauthenticated
from cambista.kernel.money import UNITS_MAX, Amount
from cambista.kernel.registry import COP, VES
from cambista.ledger import customer_account, world_account
from cambista.runtime import Once, Replay, Runtime
from tests.integration.funding.office import (
    ADMIN,
    BANK,
    COMPLIANCE,
    OPERATOR,
    SUSPENSE,
    TREASURER,
    Office,
    all_at_once,
    another,
    approvals,
    code,
    crashing,
    open_office,
)


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    return await open_office(runtime)


async def told(office: Office, name: str) -> int:
    async with office.runtime.db.read() as reader:
        return int(await reader.value("SELECT count(*) FROM runtime.outbox WHERE name = $1", name))


async def test_a_deposit_moves_from_the_world_to_the_customer(office: Office) -> None:
    deposit = await office.credited("100000")
    assert deposit.status is DepositStatus.CREDITED
    assert await office.balance() == ("100000.00", "0.00")
    assert await office.balance(BANK) == ("-100000.00", "0.00")
    assert await office.funding.find_deposit(office.ana, deposit.id) == deposit
    assert (await told(office, "DepositReceived"), await told(office, "UserActionRequired")) == (1, 0)
    assert await office.sound()


async def test_the_same_payment_again_gives_the_first_and_moves_nothing(office: Office) -> None:
    first = await office.credited("100000")
    office.clock.advance(3600)
    again = await office.funding.record_deposits([office.deposit("100000"), office.deposit("100000")])
    assert again == [first, first]
    assert await office.balance() == ("100000.00", "0.00")
    assert await told(office, "DepositReceived") == 1


async def test_the_same_reference_with_other_content_is_a_conflict(office: Office) -> None:
    first = await office.credited("100000")
    [answer] = await office.funding.record_deposits([office.deposit("100001")])
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.facts) == ("deposit_conflict", {"deposit": str(first.id), "differing": ["amount"]})
    assert await office.balance() == ("100000.00", "0.00")


async def test_a_payment_recorded_at_once_by_many_in_two_processes_is_one_deposit(office: Office) -> None:
    elsewhere = another(office)
    answers = await all_at_once(
        *(funding.record_deposits([office.deposit()]) for _ in range(20) for funding in (office.funding, elsewhere))
    )
    assert len({answer.id for answer in answers if isinstance(answer, Deposit)}) == 1
    assert all(isinstance(answer, Deposit) for answer in answers)
    assert await office.balance() == ("100000.00", "0.00")
    assert await told(office, "DepositReceived") == 1
    assert await office.sound()


async def test_a_hundred_payments_at_once_are_a_hundred_deposits(office: Office) -> None:
    await all_at_once(*(office.funding.record_deposits([office.deposit("10", f"R{n}")]) for n in range(100)))
    assert await office.balance() == ("1000.00", "0.00")
    assert await office.sound()


async def test_a_repeated_request_is_answered_from_memory(office: Office) -> None:
    once = Once(OPERATOR.id, "POST /deposits", "k1", b"1", lambda deposit: (201, str(deposit.id).encode()))
    [first] = await office.funding.record_deposits([office.deposit()], [once])
    [again] = await office.funding.record_deposits([office.deposit()], [once])
    assert isinstance(first, Replay)
    assert isinstance(again, Replay)
    assert first.body == again.body
    assert await office.balance() == ("100000.00", "0.00")


async def test_one_refused_deposit_harms_no_neighbour(office: Office) -> None:
    answers = await office.funding.record_deposits(
        [office.deposit(reference="A"), office.deposit(rail="tron", reference="B"), office.deposit(reference="C")]
    )
    assert [isinstance(answer, Deposit) for answer in answers] == [True, False, True]
    assert await office.balance() == ("200000.00", "0.00")


async def test_what_the_ledger_refuses_is_not_recorded(office: Office) -> None:
    await office.ledger.freeze([office.account], frozen=True, caller=ADMIN, reason="test")
    answers = await office.funding.record_deposits([office.deposit(), office.deposit()])
    assert [code(answer) for answer in answers] == ["account_frozen", "account_frozen"]
    await office.ledger.freeze([office.account], frozen=False, caller=ADMIN, reason="test")
    assert isinstance((await office.funding.record_deposits([office.deposit()]))[0], Deposit)


async def test_a_balance_never_leaves_64_bits(office: Office) -> None:
    most = Amount(UNITS_MAX, COP)
    answers = await office.funding.record_deposits(
        [office.deposit(reference="A", amount=most), office.deposit(reference="B", amount=most)]
    )
    assert isinstance(answers[0], Deposit)
    assert code(answers[1]) == "balance_out_of_range"


async def test_somebody_elses_money_waits_in_suspense_until_it_is_approved(office: Office) -> None:
    deposit = await office.doubtful()
    assert (deposit.status, deposit.review_reason) == (DepositStatus.REVIEW, "payer_mismatch")
    assert await office.balance() == ("0.00", "0.00")
    assert await office.balance(SUSPENSE) == ("100000.00", "0.00")
    assert await told(office, "UserActionRequired") == 1
    [approved] = await office.funding.approve_deposits(approvals(COMPLIANCE, deposit))
    assert isinstance(approved, Deposit)
    assert (approved.status, approved.decided_by) == (DepositStatus.CREDITED, COMPLIANCE.id)
    assert await office.balance() == ("100000.00", "0.00")
    assert await office.balance(SUSPENSE) == ("0.00", "0.00")
    assert await office.funding.find_deposit(office.ana, deposit.id) == approved
    assert await office.sound()


async def test_rejected_money_goes_back_where_it_came_from(office: Office) -> None:
    deposit = await office.doubtful()
    note = DepositDecision(TREASURER, deposit.id, "not hers")
    [rejected] = await office.funding.reject_deposits([note])
    assert isinstance(rejected, Deposit)
    assert rejected.status is DepositStatus.REJECTED
    assert await office.balance(BANK) == ("0.00", "0.00")
    assert await office.balance() == ("0.00", "0.00")
    history = await office.funding.history(COMPLIANCE, deposit.id)
    assert [(line.status, line.actor_id, line.note) for line in history] == [
        ("review", OPERATOR.id, ""),
        ("rejected", TREASURER.id, "not hers"),
    ]


async def test_who_recorded_a_deposit_does_not_decide_it(office: Office) -> None:
    recorder = Caller(TREASURER.id, Role.TREASURER)
    asked = office.deposit(caller=recorder, payer=Payer("Luis Gómez"))
    [deposit] = await office.funding.record_deposits([asked])
    assert isinstance(deposit, Deposit)
    [answer] = await office.funding.approve_deposits(approvals(recorder, deposit))
    assert code(answer) == "four_eyes"
    assert await office.balance(SUSPENSE) == ("100000.00", "0.00")


async def test_a_doubtful_deposit_is_decided_once_however_many_decide_it(office: Office) -> None:
    deposits = [await office.doubtful(f"R{number}") for number in range(4)]
    elsewhere = another(office)
    answers = await all_at_once(
        *(
            decide(approvals(caller, deposit))
            for deposit in deposits
            for caller in (COMPLIANCE, TREASURER, ADMIN)
            for funding in (office.funding, elsewhere)
            for decide in (funding.approve_deposits, funding.reject_deposits)
        )
    )
    outcomes = [(await office.funding.find_deposit(ADMIN, deposit.id)).status for deposit in deposits]
    credited = outcomes.count(DepositStatus.CREDITED)
    assert outcomes.count(DepositStatus.REVIEW) == 0
    assert await office.balance(SUSPENSE) == ("0.00", "0.00")
    assert await office.balance() == (f"{credited * 100000}.00", "0.00")
    assert {code(answer) for answer in answers if not isinstance(answer, Deposit)} == {"deposit_decided"}
    assert await office.sound()


async def test_many_decisions_on_one_deposit_in_one_batch_take_turns(office: Office) -> None:
    deposit = await office.doubtful()
    answers = await office.funding.approve_deposits(approvals(COMPLIANCE, deposit, deposit, deposit))
    assert len(set(map(repr, answers))) == 1
    assert await office.balance() == ("100000.00", "0.00")


async def test_money_for_a_blocked_customer_waits(office: Office) -> None:
    await office.identity.set_status([StatusChange(ADMIN, office.ana.id, Status.BLOCKED, "case 7")])
    [deposit] = await office.funding.record_deposits([office.deposit()])
    assert isinstance(deposit, Deposit)
    assert deposit.review_reason == "customer_blocked"
    assert await office.balance() == ("0.00", "0.00")


async def test_one_reference_at_two_banks_is_two_payments_unless_the_amount_is_one_too(office: Office) -> None:
    pago = office.deposit(
        rail="pago_movil", amount=Amount.of("500", VES), reference="001234", bank="0102", paid_on=date(2026, 9, 29)
    )
    answers = await office.funding.record_deposits([pago])
    answers += await office.funding.record_deposits([replace(pago, bank="0134", amount=Amount.of("700", VES))])
    answers += await office.funding.record_deposits([replace(pago, bank="0105")])
    assert [answer.review_reason for answer in answers if isinstance(answer, Deposit)] == [
        None, None, "possible_duplicate",
    ]  # fmt: skip
    assert await office.balance(customer_account(office.ana.id, VES)) == ("1200.00", "0.00")
    assert await office.balance(world_account("bank:pago_movil", VES)) == ("-1700.00", "0.00")


async def test_whether_a_missing_payer_is_a_doubt_is_a_setting(runtime: Runtime) -> None:
    office = await open_office(runtime, FundingSettings(review_missing_payer=False))
    [deposit] = await office.funding.record_deposits([office.deposit(payer=None)])
    assert isinstance(deposit, Deposit)
    assert deposit.status is DepositStatus.CREDITED


async def test_a_revoked_key_records_nothing_even_when_the_gateway_remembers_it(office: Office) -> None:
    [new] = await office.identity.create_keys([KeyRequest(ADMIN, office.ana.id, "Desk")])
    assert isinstance(new, NewApiKey)
    caller = Caller(OPERATOR.id, Role.OPERATOR, new.record.id)
    assert isinstance((await office.funding.record_deposits([office.deposit(caller=caller)]))[0], Deposit)
    await office.identity.revoke_keys([KeyRevocation(ADMIN, new.record.id)])
    [answer] = await office.funding.record_deposits([office.deposit(caller=caller, reference="R-2")])
    assert isinstance(answer, Unauthenticated)
    assert await office.balance() == ("100000.00", "0.00")


async def test_a_customer_sees_only_its_own_deposits(office: Office) -> None:
    deposit = await office.credited()
    stranger = Caller(OPERATOR.id, Role.CUSTOMER)
    with pytest.raises(NotFound):
        await office.funding.find_deposit(stranger, deposit.id)
    assert not (await office.funding.list_deposits(stranger, customer_id=office.ana.id)).items
    assert (await office.funding.list_deposits(office.ana)).items == (deposit,)
    assert (await office.funding.list_deposits(ADMIN, status=DepositStatus.CREDITED)).items == (deposit,)
    assert not (await office.funding.list_deposits(ADMIN, status=DepositStatus.REVIEW)).items


async def test_a_crash_before_the_commit_leaves_nothing_and_after_it_everything(office: Office) -> None:
    for point, balance in (("before_commit", "0.00"), ("after_commit", "100000.00")):
        await crashing(office, point, lambda: office.funding.record_deposits([office.deposit()]))
        assert await office.balance() == (balance, "0.00")
    await office.credited()
    assert await office.balance() == ("100000.00", "0.00")
    assert await office.sound()


async def test_events_and_journal_name_nobody(office: Office) -> None:
    await office.doubtful()
    await office.funding.record_deposits([office.deposit("7")])
    async with office.runtime.db.read() as reader:
        told = await reader.value(
            """
            SELECT (SELECT string_agg(o::text, ' ') FROM runtime.outbox o)
                || (SELECT string_agg(j::text, ' ') FROM runtime.journal j)
            """
        )
    assert "DepositReceived" in told
    assert "deposit_conflict" in told
    assert "Luis" not in told
    assert "CC 1" not in told


@pytest.mark.parametrize(
    "sql",
    (
        "DELETE FROM funding.deposit",
        "UPDATE funding.deposit SET units = 1",
        "UPDATE funding.deposit SET customer_id = gen_random_uuid()",
        "DELETE FROM funding.history",
        "UPDATE funding.history SET note = ''",
        "DELETE FROM funding.approval",
        "UPDATE funding.withdrawal SET units = 1",
        "UPDATE funding.withdrawal SET account = 'mine'",
    ),
)
async def test_the_application_may_not_rewrite_what_was_asked(runtime: Runtime, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with runtime.db.transaction() as tx:
            await tx.execute(sql)


async def test_the_database_itself_wants_four_eyes_on_a_deposit(office: Office) -> None:
    deposit = await office.doubtful()
    with pytest.raises(asyncpg.CheckViolationError):
        async with office.runtime.db.transaction() as tx:
            await tx.execute(
                """
                UPDATE funding.deposit SET status = 'credited', decided_by = recorded_by, decided_at = now(),
                    decision_transfer_id = gen_random_uuid() WHERE id = $1
                """,
                deposit.id,
            )


async def test_deposits_are_listed_newest_first_page_by_page(office: Office) -> None:
    made = []
    for number in range(5):
        made.append(await office.credited("10", f"R{number}"))
        office.clock.advance(1)
    first = await office.funding.list_deposits(office.ana, limit=3)
    second = await office.funding.list_deposits(office.ana, limit=3, cursor=first.next_cursor)
    assert [*first.items, *second.items] == made[::-1]
    assert second.next_cursor is None


async def test_reading_goes_on_while_many_deposits_are_recorded(office: Office) -> None:
    await asyncio.gather(
        *(office.funding.record_deposits([office.deposit("10", f"R{n}")]) for n in range(50)),
        *(office.funding.list_deposits(office.ana) for _ in range(20)),
    )
    assert await office.balance() == ("500.00", "0.00")
