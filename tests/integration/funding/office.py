"""A house with an owner of money, and the people who take it in and let it out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from cambista.funding import (
    Deposit,
    DepositDecision,
    DepositRequest,
    Destination,
    Funding,
    FundingSettings,
    Payer,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalRequest,
)
from cambista.identity import Customer, CustomerRequest, Identity
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP
from cambista.ledger import AccountKind, AccountRef, Ledger, customer_account, house_account, world_account
from cambista.runtime import GroupCommit, Runtime
from tests.databases import START, ManualClock

ADMIN = Caller(UUID(int=1), Role.ADMIN)
OPERATOR = Caller(UUID(int=2), Role.OPERATOR)
COMPLIANCE = Caller(UUID(int=3), Role.COMPLIANCE)
TREASURER, SECOND = (Caller(UUID(int=each), Role.TREASURER, proved_at=START) for each in (4, 5))
BANK, SUSPENSE = world_account("bank:pse", COP), house_account(AccountKind.SUSPENSE, COP)


def cop(text: str) -> Amount:
    return Amount.of(text, COP)


@dataclass(frozen=True, slots=True)
class Office:
    runtime: Runtime
    ledger: Ledger
    identity: Identity
    funding: Funding
    ana: Caller
    settings: FundingSettings | None = None

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.runtime.clock, ManualClock)
        return self.runtime.clock

    @property
    def account(self) -> AccountRef:
        return customer_account(self.ana.id, COP)

    def deposit(self, text: str = "100000", reference: str = "R-1", **changes: Any) -> DepositRequest:
        request = DepositRequest(OPERATOR, self.ana.id, cop(text), "pse", reference, Payer("ANA PEREZ", "CC 1"))
        return replace(request, **changes)

    def withdrawal(self, text: str = "50000", **changes: Any) -> WithdrawalRequest:
        destination = Destination("pse", "Bancolombia 123456", "Ana Pérez")
        return replace(WithdrawalRequest(self.ana, self.ana.id, cop(text), destination), **changes)

    async def credited(self, text: str = "100000", reference: str = "R-1") -> Deposit:
        [deposit] = await self.funding.record_deposits([self.deposit(text, reference)])
        assert isinstance(deposit, Deposit), deposit
        return deposit

    async def doubtful(self, reference: str = "R-1") -> Deposit:
        asked = self.deposit(reference=reference, payer=Payer("Luis Gómez"))
        [deposit] = await self.funding.record_deposits([asked])
        assert isinstance(deposit, Deposit), deposit
        return deposit

    async def requested(self, text: str = "50000") -> Withdrawal:
        [withdrawal] = await self.funding.request_withdrawals([self.withdrawal(text)])
        assert isinstance(withdrawal, Withdrawal), withdrawal
        return withdrawal

    async def approve(self, caller: Caller, *withdrawals: Withdrawal) -> Sequence[object]:
        return await self.funding.approve_withdrawals([WithdrawalDecision(caller, each.id) for each in withdrawals])

    async def balance(self, ref: AccountRef | None = None) -> tuple[str, str]:
        """Posted and held."""
        found = await self.ledger.balances([ref or self.account])
        return (found[0].posted.text, found[0].held.text) if found else ("0.00", "0.00")

    async def sound(self) -> bool:
        """The books balance and say what their postings say."""
        return (await self.ledger.trial_balance()).balanced and not await self.ledger.check()


async def open_office(runtime: Runtime, settings: FundingSettings | None = None) -> Office:
    identity, ledger = Identity(runtime), Ledger(runtime)
    [ana] = await identity.create_customers([CustomerRequest(ADMIN, "ana@example.co", "Ana Pérez", "CO")])
    assert isinstance(ana, Customer)
    funding = Funding(runtime, settings, identity=identity, ledger=ledger)
    proved = Caller(ana.id, Role.CUSTOMER, proved_at=runtime.now())
    return Office(runtime, ledger, identity, funding, proved, settings)


def another(office: Office) -> Funding:
    """The same house as a second process sees it: nothing shared but the database."""
    runtime = replace(office.runtime, writer=GroupCommit(office.runtime.db, office.runtime.sealing))
    return Funding(runtime, office.settings, identity=Identity(runtime), ledger=Ledger(runtime))


def code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def approvals(caller: Caller, *deposits: Deposit) -> list[DepositDecision]:
    return [DepositDecision(caller, deposit.id) for deposit in deposits]


async def all_at_once(*calls: Awaitable[Sequence[object]]) -> list[object]:
    """The single answers of calls of one request each."""
    return [answer for [answer] in await asyncio.gather(*calls)]


async def crashing(office: Office, point: str, call: Callable[[], Awaitable[object]]) -> None:
    """Make the call, and have the process die at that point of its transaction."""

    def crash(at: str) -> None:
        if at == point:
            raise SystemError("crash")

    office.runtime.db.fault = crash
    with pytest.raises(SystemError):
        await call()
    office.runtime.db.fault = lambda at: None
