"""Two processes on one thing at once: the first stops just before its commit, the second goes on as far as it can."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from unittest import mock

import pytest

from cambista.funding import Deposit, DepositDecision, FundingSettings, Payer, Withdrawal, WithdrawalDecision
from cambista.runtime import Runtime, Tx
from tests.integration.funding.office import (
    ADMIN,
    COMPLIANCE,
    SECOND,
    SUSPENSE,
    TREASURER,
    Office,
    another,
    code,
    open_office,
)

Call = Callable[[], Awaitable[Sequence[object]]]


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    return await open_office(runtime, FundingSettings(daily_count=2))


async def race(office: Office, first: Call, second: Call) -> tuple[object, object]:
    """The answers of both; `second` starts when `first` has done everything but commit."""
    ready, go = asyncio.Event(), asyncio.Event()

    async def pause(tx: Tx, requests: Sequence[None]) -> list[None]:
        ready.set()
        await go.wait()
        return [None]

    submit = office.runtime.writer.submit

    async def submit_with_pause(*asked: Any) -> Any:
        """What `first` asks for, and the pause behind it in the same batch."""
        answers, _ = await asyncio.gather(submit(*asked), submit(pause, [None]))
        return answers

    async with asyncio.TaskGroup() as tasks:
        with mock.patch.object(office.runtime.writer, "submit", submit_with_pause):
            leading = tasks.create_task(_listed(first))
            await ready.wait()
        following = tasks.create_task(_listed(second))
        async with office.runtime.db.read() as reader:
            while not following.done():
                if await reader.value("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    break
        go.set()
    [one], [other] = leading.result(), following.result()
    return one, other


async def _listed(call: Call) -> Sequence[object]:
    return await call()


async def test_one_payment_recorded_twice_is_one_deposit(office: Office) -> None:
    one, other = await race(
        office,
        lambda: office.funding.record_deposits([office.deposit()]),
        lambda: another(office).record_deposits([office.deposit()]),
    )
    assert one == other
    assert await office.balance() == ("100000.00", "0.00")


async def test_two_ways_to_write_one_reference_are_seen_together(office: Office) -> None:
    one, other = await race(
        office,
        lambda: office.funding.record_deposits([office.deposit(reference="0077")]),
        lambda: another(office).record_deposits([office.deposit(reference="77")]),
    )
    assert isinstance(one, Deposit)
    assert isinstance(other, Deposit)
    assert (one.review_reason, other.review_reason) == (None, "possible_duplicate")


async def test_a_deposit_approved_twice_is_credited_once(office: Office) -> None:
    [deposit] = await office.funding.record_deposits([office.deposit(payer=Payer("Luis Gómez"))])
    assert isinstance(deposit, Deposit)
    one, other = await race(
        office,
        lambda: office.funding.approve_deposits([DepositDecision(COMPLIANCE, deposit.id)]),
        lambda: another(office).approve_deposits([DepositDecision(TREASURER, deposit.id)]),
    )
    assert one == other
    assert await office.balance() == ("100000.00", "0.00")
    assert await office.balance(SUSPENSE) == ("0.00", "0.00")


async def test_a_deposit_approved_here_is_not_rejected_there(office: Office) -> None:
    [deposit] = await office.funding.record_deposits([office.deposit(payer=Payer("Luis Gómez"))])
    assert isinstance(deposit, Deposit)
    _, other = await race(
        office,
        lambda: office.funding.approve_deposits([DepositDecision(COMPLIANCE, deposit.id)]),
        lambda: another(office).reject_deposits([DepositDecision(TREASURER, deposit.id)]),
    )
    assert code(other) == "deposit_decided"
    assert await office.balance() == ("100000.00", "0.00")


async def test_the_limit_of_a_day_holds(office: Office) -> None:
    await office.credited()
    await office.requested("10000")
    one, other = await race(
        office,
        lambda: office.funding.request_withdrawals([office.withdrawal("10000")]),
        lambda: another(office).request_withdrawals([office.withdrawal("10000")]),
    )
    assert isinstance(one, Withdrawal)
    assert code(other) == "limit_exceeded"
    assert await office.balance() == ("100000.00", "20000.00")


async def test_the_second_of_two_approvals_knows_of_the_first(office: Office) -> None:
    await office.credited("60000000")
    withdrawal = await office.requested("50000000")
    one, other = await race(
        office,
        lambda: office.funding.approve_withdrawals([WithdrawalDecision(TREASURER, withdrawal.id)]),
        lambda: another(office).approve_withdrawals([WithdrawalDecision(SECOND, withdrawal.id)]),
    )
    assert isinstance(one, Withdrawal)
    assert isinstance(other, Withdrawal)
    assert (one.status.value, other.status.value) == ("requested", "sent")
    assert await office.balance() == ("10000000.00", "0.00")


@pytest.mark.parametrize("verb", ("approve_withdrawals", "reject_withdrawals"))
async def test_a_withdrawal_sent_here_is_neither_sent_nor_rejected_there(office: Office, verb: str) -> None:
    await office.credited()
    withdrawal = await office.requested("10000")
    decide = getattr(another(office), verb)
    one, other = await race(
        office,
        lambda: office.funding.approve_withdrawals([WithdrawalDecision(TREASURER, withdrawal.id)]),
        lambda: decide([WithdrawalDecision(ADMIN, withdrawal.id)]),
    )
    assert isinstance(one, Withdrawal)
    assert code(other) == "withdrawal_decided"
    assert await office.balance() == ("90000.00", "0.00")
    assert await office.sound()
