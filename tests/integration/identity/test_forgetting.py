"""The right to be forgotten: who may, when not yet, and what is left."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from cambista.funding import (
    DepositDecision,
    Destination,
    ForgetRequest,
    Forgotten,
    FundingSettings,
    Payer,
    WithdrawalDecision,
    WithdrawalRequest,
)
from cambista.identity import Customer, CustomerRequest, KeyRequest, NewApiKey, Status, StatusChange
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import SHREDDED, Runtime
from tests.databases import START
from tests.integration.funding.office import ADMIN, COMPLIANCE, OPERATOR, TREASURER, Office, code, cop, open_office

YEARS_10 = timedelta(days=3653)
NAME, EMAIL = "Zoraida Quintero", "zoraida@example.co"
DOCUMENT = "CC 5551234"


@pytest.fixture
async def office(runtime: Runtime) -> Office:
    return await open_office(runtime)


async def register(office: Office, email: str = EMAIL) -> Customer:
    [customer] = await office.identity.create_customers([CustomerRequest(ADMIN, email, NAME, "CO")])
    assert isinstance(customer, Customer), customer
    return customer


async def forget(office: Office, id: UUID, caller: Caller = COMPLIANCE) -> Forgotten | Refusal:
    [answer] = await office.funding.forget_customers([ForgetRequest(caller, id)])
    assert isinstance(answer, (Forgotten, Refusal))
    return answer


async def come_and_go(office: Office, customer: Customer) -> None:
    """Money in and all of it out again."""
    deposit = replace(office.deposit("100000", "Z-1"), customer_id=customer.id, payer=Payer(NAME, DOCUMENT))
    await office.funding.record_deposits([deposit])
    asker = Caller(customer.id, Role.CUSTOMER, proved_at=office.runtime.now())
    destination = Destination("pse", "77-99-11", NAME)
    [asked] = await office.funding.request_withdrawals(
        [WithdrawalRequest(asker, customer.id, cop("100000"), destination)]
    )
    assert not isinstance(asked, Refusal), asked
    [sent] = await office.approve(replace(TREASURER, proved_at=office.runtime.now()), asked)  # type: ignore[arg-type]
    assert not isinstance(sent, Refusal), sent


async def test_a_customer_who_never_had_money_is_forgotten_at_once(office: Office) -> None:
    customer = await register(office)
    [key] = await office.identity.create_keys([KeyRequest(ADMIN, customer.id, "Zoraida's phone")])
    assert isinstance(key, NewApiKey)
    assert await forget(office, customer.id) == Forgotten(customer.id, office.runtime.now())
    found = await office.identity.find_customer(ADMIN, customer.id)
    assert (found.full_name, found.email, found.status) == (SHREDDED, SHREDDED, Status.BLOCKED)
    with pytest.raises(Unauthenticated):
        await office.identity.authenticate(key.key, address="", trace_id="")
    [shown] = (await office.identity.list_keys(ADMIN, customer.id)).items
    assert shown.name == SHREDDED
    assert shown.revoked_at is not None


async def test_forgetting_twice_is_forgetting_once(office: Office) -> None:
    customer = await register(office)
    first = await forget(office, customer.id)
    office.clock.advance(100)
    assert await forget(office, customer.id) == first
    [one, two] = await office.funding.forget_customers([ForgetRequest(COMPLIANCE, customer.id)] * 2)
    assert one == two == first


async def test_the_address_of_a_forgotten_customer_is_free_again(office: Office) -> None:
    await forget(office, (await register(office)).id)
    again = await register(office)
    assert (await office.identity.find_customer(ADMIN, again.id)).full_name == NAME


async def test_a_forgotten_customer_is_not_let_in_again(office: Office) -> None:
    customer = await register(office)
    await forget(office, customer.id)
    [answer] = await office.identity.set_status([StatusChange(ADMIN, customer.id, Status.ACTIVE, "Case 7")])
    assert code(answer) == "principal_not_found"
    assert (await office.identity.find_customer(ADMIN, customer.id)).status is Status.BLOCKED


@pytest.mark.parametrize("caller", [OPERATOR, TREASURER, Caller(UUID(int=9), Role.AUDITOR)])
async def test_only_compliance_and_admins_forget(office: Office, caller: Caller) -> None:
    customer = await register(office)
    assert code(await forget(office, customer.id, caller)) == "role_denied"
    assert code(await forget(office, customer.id, Caller(customer.id, Role.CUSTOMER))) == "role_denied"
    assert (await office.identity.find_customer(ADMIN, customer.id)).full_name == NAME


async def test_who_is_no_customer_cannot_be_forgotten(office: Office) -> None:
    assert code(await forget(office, UUID(int=404))) == "customer_not_found"
    assert code(await forget(office, ADMIN.id)) == "customer_not_found"


async def test_a_customer_with_money_is_not_forgotten(office: Office) -> None:
    await office.credited()
    office.clock.advance(YEARS_10.total_seconds() + 1)
    assert code(await forget(office, office.ana.id)) == "customer_has_money"


async def test_a_customer_with_a_payment_under_review_is_not_forgotten(office: Office) -> None:
    deposit = await office.doubtful()
    office.clock.advance(YEARS_10.total_seconds() + 1)
    assert code(await forget(office, office.ana.id)) == "customer_has_money"
    await office.funding.reject_deposits([DepositDecision(COMPLIANCE, deposit.id)])
    assert code(await forget(office, office.ana.id)) == "customer_kept"


async def test_a_customer_whose_withdrawal_waits_is_not_forgotten(office: Office) -> None:
    await office.credited("50000")
    withdrawal = await office.requested("50000")
    assert code(await forget(office, office.ana.id)) == "customer_has_money"
    await office.funding.approve_withdrawals([WithdrawalDecision(TREASURER, withdrawal.id)])
    assert code(await forget(office, office.ana.id)) == "customer_kept"


async def test_who_has_traded_is_kept_for_ten_years_after_the_last_movement(office: Office) -> None:
    customer = await register(office)
    await come_and_go(office, customer)
    early = await forget(office, customer.id)
    assert code(early) == "customer_kept"
    assert isinstance(early, Refusal)
    assert early.facts["until"] == START.replace(year=START.year + 10).isoformat().replace("+00:00", ".000000Z")
    office.clock.advance((START.replace(year=START.year + 10) - START).total_seconds() - 1)
    assert code(await forget(office, customer.id)) == "customer_kept"
    office.clock.advance(1)
    assert isinstance(await forget(office, customer.id), Forgotten)


async def test_the_duty_to_keep_is_the_one_in_force_today(runtime: Runtime) -> None:
    years = {START.date() - timedelta(days=1): 5, START.date() + timedelta(days=30): 0}
    office = await open_office(runtime, FundingSettings(kept_years=years))
    customer = await register(office)
    await come_and_go(office, customer)
    assert code(await forget(office, customer.id)) == "customer_kept"
    office.clock.advance(31 * 86400)
    assert isinstance(await forget(office, customer.id), Forgotten)


async def test_the_books_stay_whole_and_payments_show_a_placeholder(office: Office, dsn: str) -> None:
    customer = await register(office)
    await come_and_go(office, customer)
    await office.credited()
    office.clock.advance(YEARS_10.total_seconds() + 1)
    assert isinstance(await forget(office, customer.id), Forgotten)
    [deposit] = (await office.funding.list_deposits(ADMIN, customer_id=customer.id)).items
    [withdrawal] = (await office.funding.list_withdrawals(ADMIN, customer_id=customer.id)).items
    assert (deposit.reference, deposit.amount.text) == (SHREDDED, "100000.00")
    assert deposit.payer is not None
    assert deposit.payer.name == SHREDDED
    assert (withdrawal.destination.account, withdrawal.destination.holder) == (SHREDDED, SHREDDED)
    everybody = await office.funding.list_deposits(ADMIN)
    assert {each.payer.name for each in everybody.items if each.payer} == {SHREDDED, "ANA PEREZ"}
    assert await office.sound()
    assert (await office.funding.history(ADMIN, withdrawal.id))[-1].status == "sent"


async def test_a_payment_once_known_is_known_for_ever(office: Office) -> None:
    customer = await register(office)
    await come_and_go(office, customer)
    office.clock.advance(YEARS_10.total_seconds() + 1)
    await forget(office, customer.id)
    [again] = await office.funding.record_deposits([office.deposit("100000", "Z-1")])
    assert code(again) == "deposit_conflict"


async def test_money_that_comes_for_a_forgotten_customer_waits_for_a_decision(office: Office) -> None:
    customer = await register(office)
    await forget(office, customer.id)
    late = replace(office.deposit("70000", "late"), customer_id=customer.id, payer=Payer(NAME))
    [deposit] = await office.funding.record_deposits([late])
    assert not isinstance(deposit, Refusal)
    assert (deposit.status, deposit.payer) == ("review", Payer(NAME, ""))  # type: ignore[union-attr]
    assert (await office.funding.find_deposit(ADMIN, deposit.id)).payer == Payer(NAME, "")  # type: ignore[union-attr]


async def test_forgetting_stands_in_the_journal_and_tells_nobody_who_it_was(office: Office) -> None:
    customer = await register(office)
    await forget(office, customer.id, OPERATOR)
    await forget(office, customer.id)
    async with office.runtime.db.read() as reader:
        rows = await reader.all("SELECT actor_id, outcome FROM runtime.journal WHERE name = 'customer.forget'")
        events = await reader.all("SELECT data FROM runtime.outbox WHERE name = 'CustomerForgotten'")
    assert [(row["actor_id"], row["outcome"]) for row in rows] == [
        (OPERATOR.id, "role_denied"),
        (COMPLIANCE.id, "done"),
    ]
    assert len(events) == 1
    assert NAME not in str(events[0]["data"])


async def test_not_even_with_the_owners_rights_is_anything_readable_again(office: Office, dsn: str) -> None:
    customer = await register(office)
    owner = await asyncpg.connect(dsn)
    await forget(office, customer.id)
    row = await owner.fetchrow("SELECT * FROM runtime.data_key WHERE subject = $1", customer.id)
    assert row is not None
    assert row["wrapped"] is None
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(
            "UPDATE runtime.data_key SET wrapped = $2, shredded_at = NULL WHERE subject = $1", customer.id, bytes(60)
        )
    await owner.close()


async def test_a_failed_forgetting_leaves_everything(office: Office) -> None:
    customer = await register(office)
    office.runtime.db.fault = _stumble
    with pytest.raises(ZeroDivisionError):
        await forget(office, customer.id)
    office.runtime.db.fault = lambda point: None
    assert (await office.identity.find_customer(ADMIN, customer.id)).full_name == NAME
    assert isinstance(await forget(office, customer.id), Forgotten)


def _stumble(point: str) -> None:
    if point == "before_commit":
        raise ZeroDivisionError
