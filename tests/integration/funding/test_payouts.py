"""Payouts on a rail that can be told and asked: paid once, asked for when in doubt, given back when refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest

from cambista.funding import RAILS, Funding, Payment, Payouts, Rail, RailPort, Withdrawal, WithdrawalDecision
from cambista.kernel.callers import Caller, Role
from cambista.runtime import Runtime
from cambista.runtime.sagas import Done, Outcome, Refused, Retry, Sagas, SagaStatus, Unknown, Wait
from tests.integration.funding.office import BANK, TREASURER, Office, open_office

AUDITOR = Caller(UUID(int=8), Role.AUDITOR)


@dataclass
class Bank:
    """A rail of the bank's own API: it remembers what it has paid, by the payment's id."""

    facts: Rail
    answers: list[Outcome] = field(default_factory=list)
    paid: list[Payment] = field(default_factory=list)
    asked: int = 0

    def read_account(self, text: str) -> str:
        return RAILS[self.facts.name].read_account(text)

    async def pay(self, payment: Payment) -> Outcome:
        answer = self.answers.pop(0) if self.answers else Done()
        if not isinstance(answer, Refused | Retry):
            self.paid.append(payment)
        return answer

    async def find(self, payment: Payment) -> Outcome:
        self.asked += 1
        if self.answers:
            return self.answers.pop(0)
        return Done() if payment.id in {each.id for each in self.paid} else Retry()


@dataclass
class PayingOffice:
    office: Office
    sagas: Sagas
    bank: Bank

    async def let_go(self) -> Withdrawal:
        await self.office.credited()
        withdrawal = await self.office.requested()
        [sent] = await self.office.approve(TREASURER, withdrawal)
        assert isinstance(sent, Withdrawal)
        assert sent.status.value == "sent"
        return sent

    async def days(self, count: int = 1) -> None:
        for _ in range(count * 24):
            while await self.sagas.advance():
                pass
            self.office.clock.advance(3600)

    async def story(self, withdrawal: Withdrawal) -> tuple[str, list[str]]:
        found = await self.office.funding.find_withdrawal(self.office.ana, withdrawal.id)
        lines = await self.office.funding.history(TREASURER, withdrawal.id)
        return found.status.value, [line.status for line in lines]


@pytest.fixture
async def paying(runtime: Runtime) -> PayingOffice:
    office, bank = await open_office(runtime), Bank(RAILS["pse"].facts)
    rails: Mapping[str, RailPort] = {**RAILS, "pse": bank}
    funding = Funding(runtime, identity=office.identity, ledger=office.ledger, rails=rails)
    sagas = Sagas(runtime)
    funding.pay_by(Payouts(runtime, rails, ledger=office.ledger, sagas=sagas).start)
    return PayingOffice(replace(office, funding=funding), sagas, bank)


async def test_what_is_approved_is_paid_once_and_said_to_be(paying: PayingOffice) -> None:
    withdrawal = await paying.let_go()
    await paying.days()
    [payment] = paying.bank.paid
    assert (payment.amount, payment.destination) == (withdrawal.amount, withdrawal.destination)
    assert await paying.story(withdrawal) == ("sent", ["requested", "approved", "sent", "paid"])
    assert await paying.office.balance() == ("50000.00", "0.00")


async def test_an_answer_that_got_lost_is_asked_for_and_not_paid_again(paying: PayingOffice) -> None:
    paying.bank.answers = [Unknown(), Unknown(), Wait(60)]
    withdrawal = await paying.let_go()
    await paying.days()
    assert (len(paying.bank.paid), paying.bank.asked) == (1, 3)
    assert (await paying.story(withdrawal))[1][-1] == "paid"


async def test_a_refused_payment_is_the_customer_s_again(paying: PayingOffice) -> None:
    paying.bank.answers = [Refused("account_closed")]
    withdrawal = await paying.let_go()
    assert await paying.office.balance() == ("50000.00", "0.00")
    await paying.days()
    status, lines = await paying.story(withdrawal)
    assert (status, lines[-1]) == ("returned", "returned")
    assert await paying.office.balance() == ("100000.00", "0.00")
    assert (await paying.office.balance(BANK))[0] == "-100000.00"
    assert await paying.office.sound()
    async with paying.office.runtime.db.read() as reader:
        events = await reader.all("SELECT name FROM runtime.outbox WHERE name LIKE 'Withdrawal%' ORDER BY position")
    assert [row["name"] for row in events] == ["WithdrawalRequested", "WithdrawalSent", "WithdrawalReturned"]


async def test_what_stays_in_doubt_waits_for_people_with_the_money_out(paying: PayingOffice) -> None:
    paying.bank.answers = [Unknown()] * 40
    withdrawal = await paying.let_go()
    await paying.days(2)
    stuck, _ = await paying.sagas.list_sagas(AUDITOR, status=SagaStatus.STUCK)
    assert [each.id for each in stuck] == [withdrawal.id]
    assert await paying.office.balance() == ("50000.00", "0.00")
    paying.bank.answers = []
    await paying.sagas.retry(TREASURER, [withdrawal.id])
    await paying.days()
    assert (await paying.story(withdrawal))[1][-1] == "paid"
    assert len(paying.bank.paid) == 1


async def test_a_returned_one_counts_against_no_limit_and_is_decided_no_more(paying: PayingOffice) -> None:
    paying.bank.answers = [Refused("account_closed")]
    withdrawal = await paying.let_go()
    await paying.days()
    decision = WithdrawalDecision(TREASURER, withdrawal.id)
    [verdict] = await paying.office.funding.reject_withdrawals([decision])
    assert getattr(verdict, "code", "") == "withdrawal_decided"


async def test_rails_worked_by_hand_start_no_saga(paying: PayingOffice) -> None:
    by_hand = Funding(paying.office.runtime, identity=paying.office.identity, ledger=paying.office.ledger)
    sagas = Sagas(paying.office.runtime)
    by_hand.pay_by(Payouts(paying.office.runtime, RAILS, ledger=paying.office.ledger, sagas=sagas).start)
    office = replace(paying.office, funding=by_hand)
    await office.credited()
    await office.approve(TREASURER, await office.requested())
    assert await paying.sagas.list_sagas(AUDITOR) == ([], None)
