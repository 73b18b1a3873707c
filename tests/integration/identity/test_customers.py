"""Customers and principals through identity's door, on a real PostgreSQL."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from cambista.identity import (
    Customer,
    CustomerRequest,
    EmailTaken,
    Identity,
    Principal,
    PrincipalRequest,
    Status,
    StatusChange,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import NotFound, Refusal
from cambista.runtime import Once, Replay, Runtime
from tests.databases import ManualClock

OPERATOR = Caller(UUID(int=2), Role.OPERATOR)
ADMIN = Caller(UUID(int=1), Role.ADMIN)


@pytest.fixture
def identity(runtime: Runtime) -> Identity:
    return Identity(runtime)


def asked(email: str, name: str = "Ana Pérez") -> CustomerRequest:
    return CustomerRequest(OPERATOR, email, name, "CO")


async def registered(identity: Identity, email: str) -> Customer:
    [customer] = await identity.create_customers([asked(email)])
    assert isinstance(customer, Customer), customer
    return customer


async def test_a_registered_customer_is_found_by_staff_and_by_itself(identity: Identity) -> None:
    customer = await registered(identity, "Ana@Example.co")
    assert customer.email == "ana@example.co"
    assert await identity.find_customer(OPERATOR, customer.id) == customer
    assert await identity.find_customer(Caller(customer.id, Role.CUSTOMER), customer.id) == customer


async def test_somebody_elses_customer_is_not_found(identity: Identity) -> None:
    customer = await registered(identity, "ana@example.co")
    other = await registered(identity, "luis@example.co")
    with pytest.raises(NotFound):
        await identity.find_customer(Caller(other.id, Role.CUSTOMER), customer.id)


async def test_an_address_registered_at_the_same_moment_from_everywhere_makes_one_customer(runtime: Runtime) -> None:
    houses = [Identity(runtime) for _ in range(3)]
    answers = await asyncio.gather(
        *(house.create_customers([asked(email)]) for house in houses for email in ("ana@example.co", "ANA@example.co"))
    )
    flat = [answer for [answer] in answers]
    assert sum(isinstance(answer, Customer) for answer in flat) == 1
    assert sum(isinstance(answer, EmailTaken) for answer in flat) == 5


async def test_a_refused_request_harms_no_neighbour(identity: Identity) -> None:
    answers = await identity.create_customers([asked("ana@example.co"), asked("no address"), asked("luis@example.co")])
    assert [isinstance(answer, Customer) for answer in answers] == [True, False, True]


async def test_the_same_request_again_is_answered_from_memory(identity: Identity) -> None:
    once = Once(OPERATOR.id, "POST /customers", "k1", b"1", lambda customer: (201, str(customer.id).encode()))
    [first] = await identity.create_customers([asked("ana@example.co")], [once])
    [again] = await identity.create_customers([asked("ana@example.co")], [once])
    assert isinstance(first, Replay)
    assert isinstance(again, Replay)
    assert (first.first, again.first, first.body) == (True, False, again.body)


async def test_customers_are_listed_newest_first_page_by_page(identity: Identity, runtime: Runtime) -> None:
    assert isinstance(runtime.clock, ManualClock)
    made = []
    for number in range(5):
        made.append(await registered(identity, f"c{number}@example.co"))
        runtime.clock.advance(1)
    first = await identity.list_customers(OPERATOR, limit=2)
    second = await identity.list_customers(OPERATOR, limit=2, cursor=first.next_cursor)
    third = await identity.list_customers(OPERATOR, limit=2, cursor=second.next_cursor)
    assert [*first.items, *second.items, *third.items] == made[::-1]
    assert third.next_cursor is None
    with pytest.raises(Refusal) as refused:
        await identity.list_customers(Caller(made[0].id, Role.CUSTOMER))
    assert refused.value.code == "role_denied"
    with pytest.raises(Refusal) as refused:
        await identity.list_customers(OPERATOR, cursor="' OR 1=1")
    assert refused.value.code == "id_invalid"


async def test_an_admin_adds_staff_but_no_customer(identity: Identity) -> None:
    answers = await identity.create_principals(
        [
            PrincipalRequest(ADMIN, "treasurer", "Teresa"),
            PrincipalRequest(ADMIN, "customer", "Ana"),
            PrincipalRequest(ADMIN, "king", "Ana"),
            PrincipalRequest(OPERATOR, "treasurer", "Óscar"),
        ]
    )
    teresa = answers[0]
    assert isinstance(teresa, Principal)
    assert [answer.code for answer in answers[1:] if isinstance(answer, Refusal)] == [
        "role_invalid", "role_invalid", "role_denied",
    ]  # fmt: skip
    assert list((await identity.list_principals(ADMIN)).items) == [teresa]


async def test_a_blocked_customer_stays_and_says_so(identity: Identity) -> None:
    customer = await registered(identity, "ana@example.co")
    [blocked] = await identity.set_status([StatusChange(ADMIN, customer.id, Status.BLOCKED, "case 7")])
    assert isinstance(blocked, Principal)
    assert (await identity.find_customer(OPERATOR, customer.id)).status is Status.BLOCKED


async def test_money_can_belong_to_customers_and_partners_only(identity: Identity, runtime: Runtime) -> None:
    customer = await registered(identity, "ana@example.co")
    staff = await identity.create_principals(
        [PrincipalRequest(ADMIN, "partner", "Remesas SAS"), PrincipalRequest(ADMIN, "operator", "Óscar")]
    )
    ids = [customer.id, *(each.id for each in staff if isinstance(each, Principal)), UUID(int=404)]
    async with runtime.db.read() as reader:
        holders = await identity.find_holders(reader, ids)
    assert {holder.name for holder in holders.values()} == {"Ana Pérez", "Remesas SAS"}


async def test_events_and_journal_name_nobody(identity: Identity, runtime: Runtime) -> None:
    await registered(identity, "ana@example.co")
    async with runtime.db.read() as reader:
        told = await reader.value(
            """
            SELECT (SELECT string_agg(o::text, ' ') FROM runtime.outbox o)
                || (SELECT string_agg(j::text, ' ') FROM runtime.journal j)
            """
        )
    assert "CustomerRegistered" in told
    assert "customer.register" in told
    assert "example.co" not in told
    assert "Pérez" not in told


@pytest.mark.parametrize(
    "sql",
    (
        "DELETE FROM identity.customer",
        "UPDATE identity.customer SET email = 'x@example.co'",
        "UPDATE identity.principal SET role = 'admin'",
        "UPDATE identity.api_key SET scopes = '{}'",
        "DELETE FROM identity.api_key",
    ),
)
async def test_the_application_may_not_rewrite_who_somebody_is(runtime: Runtime, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with runtime.db.transaction() as tx:
            await tx.execute(sql)
