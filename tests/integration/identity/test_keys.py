"""API keys: made, shown once, believed for a second, revoked for ever."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from cambista.identity import (
    ApiKey,
    Customer,
    CustomerRequest,
    Identity,
    IdentitySettings,
    KeyRequest,
    KeyRevocation,
    NewApiKey,
    Status,
    StatusChange,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import DatabaseAway, Once, Replay, Runtime
from tests.databases import START, ManualClock, open_runtime

ADMIN = Caller(UUID(int=1), Role.ADMIN)


@pytest.fixture
def identity(runtime: Runtime) -> Identity:
    return Identity(runtime)


@pytest.fixture
async def ana(identity: Identity) -> Caller:
    [customer] = await identity.create_customers([CustomerRequest(ADMIN, "ana@example.co", "Ana Pérez", "CO")])
    assert isinstance(customer, Customer)
    return Caller(customer.id, Role.CUSTOMER)


async def made(identity: Identity, owner: Caller, *scopes: str, seconds: float | None = None) -> NewApiKey:
    expires_at = None if seconds is None else START + timedelta(seconds=seconds)
    [key] = await identity.create_keys([KeyRequest(ADMIN, owner.id, "Desk", scopes, expires_at)])
    assert isinstance(key, NewApiKey), key
    return key


async def authenticates(identity: Identity, key: str) -> bool:
    try:
        await identity.authenticate(key, address="", trace_id="")
    except Unauthenticated:
        return False
    return True


def clock(runtime: Runtime) -> ManualClock:
    assert isinstance(runtime.clock, ManualClock)
    return runtime.clock


async def test_a_key_says_who_calls_and_what_it_may(identity: Identity, ana: Caller) -> None:
    new = await made(identity, ana, "quotes:read", "quotes:write")
    caller = await identity.authenticate(new.key, address="10.0.0.7", trace_id="t1")
    assert caller == Caller(
        ana.id, Role.CUSTOMER, new.record.id, frozenset({"quotes:read", "quotes:write"}), "10.0.0.7", "t1"
    )


async def test_a_key_is_stored_nowhere(identity: Identity, ana: Caller, runtime: Runtime) -> None:
    once = Once(ADMIN.id, "POST /api-keys", "k1", b"1", lambda record: (201, str(record).encode()))
    [new] = await identity.create_keys([KeyRequest(ADMIN, ana.id, "Desk")], [once])
    assert isinstance(new, NewApiKey)
    assert await authenticates(identity, new.key)
    [again] = await identity.create_keys([KeyRequest(ADMIN, ana.id, "Desk")], [once])
    assert isinstance(again, Replay)
    secret = new.key.rsplit(new.record.prefix + "_")[1]
    async with runtime.db.read() as reader:
        tables = await reader.all(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('identity', 'runtime', 'ledger')"
        )
        for table in tables:
            rows = await reader.all(f"SELECT t::text FROM {table['schemaname']}.{table['tablename']} t")
            assert not [row for row in rows if secret in row[0] or secret.encode().hex() in row[0]]
    assert len((await identity.list_keys(ADMIN, ana.id)).items) == 1


async def test_a_wrong_key_is_nobodys(identity: Identity, ana: Caller) -> None:
    new = await made(identity, ana)
    last = "A" if new.key[-2] != "A" else "B"
    for wrong in ("", "nonsense", new.key[:-2] + last + new.key[-1], new.key + "x", new.key.upper()):
        assert not await authenticates(identity, wrong)
        assert not await authenticates(identity, wrong)
    assert await authenticates(identity, new.key)


async def test_a_revoked_key_is_refused_at_once_here_and_within_a_second_elsewhere(
    identity: Identity, ana: Caller, runtime: Runtime
) -> None:
    elsewhere = Identity(runtime)
    new = await made(identity, ana)
    assert await authenticates(identity, new.key)
    assert await authenticates(elsewhere, new.key)
    [revoked] = await identity.revoke_keys([KeyRevocation(ana, new.record.id)])
    assert isinstance(revoked, ApiKey)
    assert not await authenticates(identity, new.key)
    async with runtime.db.transaction() as tx:
        assert await elsewhere.refused_keys(tx, [new.record.id]) == {new.record.id}
    clock(runtime).advance(1)
    assert not await authenticates(elsewhere, new.key)


async def test_revoking_again_is_the_same_revocation(identity: Identity, ana: Caller, runtime: Runtime) -> None:
    new = await made(identity, ana)
    [first] = await identity.revoke_keys([KeyRevocation(ana, new.record.id)])
    clock(runtime).advance(60)
    again = await identity.revoke_keys([KeyRevocation(ana, new.record.id), KeyRevocation(ADMIN, new.record.id)])
    assert again == [first, first]


async def test_only_its_owner_or_an_admin_sees_and_revokes_a_key(identity: Identity, ana: Caller) -> None:
    new = await made(identity, ana)
    stranger = Caller(UUID(int=66), Role.CUSTOMER)
    [answer] = await identity.revoke_keys([KeyRevocation(stranger, new.record.id)])
    assert isinstance(answer, Refusal)
    assert answer.code == "key_not_found"
    with pytest.raises(Refusal) as refused:
        await identity.list_keys(stranger, ana.id)
    assert refused.value.code == "principal_not_found"
    assert (await identity.list_keys(ana, ana.id)).items == (new.record,)


async def test_a_key_ends_with_its_time(identity: Identity, ana: Caller, runtime: Runtime) -> None:
    new = await made(identity, ana, seconds=86400)
    assert await authenticates(identity, new.key)
    clock(runtime).advance(86400)
    assert not await authenticates(identity, new.key)
    async with runtime.db.transaction() as tx:
        assert await identity.refused_keys(tx, [new.record.id]) == {new.record.id}


async def test_a_remembered_key_ends_with_its_time_to_the_instant(
    identity: Identity, ana: Caller, runtime: Runtime
) -> None:
    new = await made(identity, ana, seconds=0.5)
    assert await authenticates(identity, new.key)
    clock(runtime).advance(0.5)
    assert not await authenticates(identity, new.key)


async def test_a_blocked_owners_keys_sleep_until_he_is_unblocked(identity: Identity, ana: Caller) -> None:
    new = await made(identity, ana)
    await identity.set_status([StatusChange(ADMIN, ana.id, Status.BLOCKED, "case 7")])
    assert not await authenticates(identity, new.key)
    await identity.set_status([StatusChange(ADMIN, ana.id, Status.ACTIVE, "case 7 closed")])
    assert await authenticates(identity, new.key)


async def test_a_revoked_key_makes_no_keys_even_when_it_is_remembered(identity: Identity, ana: Caller) -> None:
    new = await made(identity, ana)
    caller = await identity.authenticate(new.key, address="", trace_id="")
    await identity.revoke_keys([KeyRevocation(ana, new.record.id)])
    [answer] = await identity.create_keys([KeyRequest(caller, ana.id, "Another")])
    assert isinstance(answer, Unauthenticated)


async def test_unknown_keys_are_among_the_refused(identity: Identity, runtime: Runtime) -> None:
    async with runtime.db.transaction() as tx:
        assert await identity.refused_keys(tx, [UUID(int=404)]) == {UUID(int=404)}
        assert await identity.refused_keys(tx, []) == set()


async def test_the_last_use_is_noted_at_most_once_a_minute(identity: Identity, ana: Caller, runtime: Runtime) -> None:
    new = await made(identity, ana)

    async def noted() -> object:
        await identity.authenticate(new.key, address="", trace_id="")
        await identity.note_uses()
        [key] = (await identity.list_keys(ana, ana.id)).items
        return key.last_used_at

    first = runtime.now()
    assert await noted() == first
    clock(runtime).advance(30)
    assert await noted() == first
    clock(runtime).advance(30)
    assert await noted() == runtime.now()


async def test_a_thousand_requests_at_once_with_good_and_bad_keys_get_each_its_answer(
    identity: Identity, ana: Caller
) -> None:
    good = [(await made(identity, ana)).key for _ in range(5)]
    bad = [key[:20] + "zzzz" + key[24:] for key in good]
    keys = [key for pair in zip(good, bad, strict=True) for key in pair] * 100
    answers = await asyncio.gather(*(authenticates(identity, key) for key in keys))
    assert answers == [True, False] * 500


async def test_without_a_database_nobody_is_known_and_nobody_is_unknown(
    identity: Identity, ana: Caller, runtime: Runtime
) -> None:
    new = await made(identity, ana)
    await runtime.db.close()
    answers = await asyncio.gather(
        *(identity.authenticate(new.key, address="", trace_id="") for _ in range(50)), return_exceptions=True
    )
    assert all(isinstance(answer, DatabaseAway) for answer in answers)
    await runtime.db.open()
    assert await authenticates(identity, new.key)


async def test_a_cancelled_reader_leaves_nobody_hanging(identity: Identity, ana: Caller) -> None:
    new = await made(identity, ana)
    waiting = [asyncio.create_task(authenticates(identity, new.key)) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[2:] == [True] * 8


async def test_memory_of_keys_is_bounded(ana: Caller, runtime: Runtime) -> None:
    small = Identity(runtime, IdentitySettings(known_keys_max=3))
    keys = [(await made(small, ana)).key for _ in range(8)]
    answers = await asyncio.gather(*(authenticates(small, key) for key in keys * 5))
    assert all(answers)
    assert len(small._keyring._known) <= 3


async def test_two_houses_with_one_seed_draw_the_same_keys(dsn: str) -> None:
    drawn = []
    for _ in range(2):
        async with open_runtime(dsn) as runtime:
            identity = Identity(runtime, token=lambda size: bytes(runtime.rng.randbytes(size)))
            drawn.append(identity.new_key())
    assert drawn[0] == drawn[1]
