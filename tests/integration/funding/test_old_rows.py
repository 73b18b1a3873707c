"""Databases of the time before sealing: their clear rows are sealed, and stay what they were."""

from uuid import UUID

import asyncpg
import pytest

from cambista.funding import Deposit, Withdrawal
from cambista.kernel.ids import DepositId, WithdrawalId
from cambista.runtime import Runtime
from tests.integration.funding.office import ADMIN, Office, code, open_office

OLD = UUID(int=7)
CLEAR = {
    "identity.customer": ("email", "full_name"),
    "funding.deposit": ("reference", "natural_key", "reference_folded", "bank", "payer_name", "payer_document"),
    "funding.withdrawal": ("account", "holder"),
}


@pytest.fixture
async def office(runtime: Runtime, dsn: str) -> Office:
    """An office with a customer, a deposit and a withdrawal as an older house wrote them."""
    office = await open_office(runtime)
    owner = await asyncpg.connect(dsn)
    await owner.execute(
        f"""
        INSERT INTO identity.principal (id, role, name, created_at) VALUES ('{OLD}', 'customer', '', now());
        INSERT INTO identity.customer (id, email, full_name, country, created_at)
        VALUES ('{OLD}', 'luis@example.co', 'Luis Gómez Paz', 'CO', now());
        INSERT INTO funding.deposit (id, customer_id, asset, units, rail, reference, natural_key, reference_folded,
            bank, payer_name, payer_document, status, transfer_id, recorded_by, recorded_at)
        VALUES ('{UUID(int=8)}', '{OLD}', 'COP', 10000000, 'pse', 'PSE-0042', '["pse-0042"]', 'pse0042', 'Banco Uno',
            'Luis Gómez', 'CC 77', 'credited', gen_random_uuid(), gen_random_uuid(), now());
        INSERT INTO funding.withdrawal (id, customer_id, asset, units, rail, account, holder, status, hold_id,
            approvals_needed, requested_by, requested_at, expires_at)
        VALUES ('{UUID(int=9)}', '{OLD}', 'COP', 1000000, 'pse', '123456789', 'Luis Gómez Paz', 'requested',
            gen_random_uuid(), 1, '{OLD}', now(), now() + interval '7 days');
        """
    )
    await owner.close()
    return office


async def test_clear_rows_are_sealed_and_read_as_before(office: Office) -> None:
    assert await office.identity.seal_clear_rows() == 1
    assert await office.funding.seal_clear_rows() == 2
    customer = await office.identity.find_customer(ADMIN, OLD)
    deposit = await office.funding.find_deposit(ADMIN, DepositId(UUID(int=8)))
    withdrawal = await office.funding.find_withdrawal(ADMIN, WithdrawalId(UUID(int=9)))
    assert (customer.email, customer.full_name) == ("luis@example.co", "Luis Gómez Paz")
    assert isinstance(deposit, Deposit)
    assert deposit.payer is not None
    assert (deposit.reference, deposit.bank, deposit.payer.name, deposit.payer.document) == (
        "PSE-0042",
        "Banco Uno",
        "Luis Gómez",
        "CC 77",
    )
    assert isinstance(withdrawal, Withdrawal)
    assert (withdrawal.destination.account, withdrawal.destination.holder) == ("123456789", "Luis Gómez Paz")


async def test_nothing_clear_is_left_and_a_second_turn_finds_nothing(office: Office) -> None:
    await office.identity.seal_clear_rows()
    await office.funding.seal_clear_rows()
    assert await office.identity.seal_clear_rows() == await office.funding.seal_clear_rows() == 0
    async with office.runtime.db.read() as reader:
        for table, columns in CLEAR.items():
            for column in columns:
                assert await reader.value(f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL") == 0


async def test_an_old_payment_and_an_old_address_are_known_again(office: Office) -> None:
    await office.identity.seal_clear_rows()
    await office.funding.seal_clear_rows()
    [again] = await office.funding.record_deposits([office.deposit(reference="PSE-0042")])
    assert code(again) == "deposit_conflict"
    [alike] = await office.funding.record_deposits([office.deposit(reference="pse 0042")])
    assert isinstance(alike, Deposit)
    assert alike.review_reason == "possible_duplicate"


async def test_the_application_can_seal_clear_rows_only(office: Office) -> None:
    await office.identity.seal_clear_rows()
    async with office.runtime.db.transaction() as tx:
        await tx.execute("SELECT identity.seal_clear($1, $2, $3)", [OLD], [bytes(40)], [bytes(32)])
    assert (await office.identity.find_customer(ADMIN, OLD)).full_name == "Luis Gómez Paz"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with office.runtime.db.transaction() as tx:
            await tx.execute("UPDATE identity.customer SET email_blind = NULL")
