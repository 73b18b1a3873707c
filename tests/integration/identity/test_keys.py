"""API keys: made, shown once, believed for a second, revoked for ever."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from cambista.identity import (
    AddressNotAllowed,
    ApiKey,
    Customer,
    CustomerRequest,
    Identity,
    IdentitySettings,
    KeyEnded,
    KeyRequest,
    KeyRevocation,
    KeyRotation,
    KeysLimit,
    KeyUnknown,
    NetworkInvalid,
    NewApiKey,
    OverlapInvalid,
    ScopeBeyondCaller,
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
            " AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')"
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


# ------------------------------------------------------------------------------------------------------- address lists
async def bound(identity: Identity, owner: Caller, *networks: str, scopes: tuple[str, ...] = ()) -> NewApiKey:
    [key] = await identity.create_keys([KeyRequest(ADMIN, owner.id, "Desk", scopes, networks=networks)])
    assert isinstance(key, NewApiKey), key
    return key


@pytest.mark.parametrize(
    ("networks", "inside", "outside"),
    [
        (["203.0.113.0/24"], ["203.0.113.0", "203.0.113.255", "::ffff:203.0.113.7"], ["203.0.114.1", "2001:db8::1"]),
        (["10.0.0.7", "2001:db8::/32"], ["10.0.0.7", "2001:db8:1::2"], ["10.0.0.8", "2001:db9::1", "", "unix", "10"]),
    ],
)
async def test_a_key_bound_to_addresses_opens_from_there_only(
    identity: Identity, ana: Caller, networks: list[str], inside: list[str], outside: list[str]
) -> None:
    new = await bound(identity, ana, *networks)
    for address in inside:
        assert (await identity.authenticate(new.key, address=address, trace_id="")).id == ana.id
    for address in outside:
        with pytest.raises(AddressNotAllowed):
            await identity.authenticate(new.key, address=address, trace_id="")


async def test_a_key_used_from_elsewhere_is_journaled_once_a_minute(
    identity: Identity, ana: Caller, runtime: Runtime
) -> None:
    new = await bound(identity, ana, "203.0.113.0/24")

    async def journaled() -> list[tuple[str, str, str]]:
        with pytest.raises(AddressNotAllowed):
            await identity.authenticate(new.key, address="198.51.100.9", trace_id="t")
        async with runtime.db.read() as reader:
            rows = await reader.all(
                "SELECT subject, outcome, address FROM runtime.journal WHERE name = 'key.use' ORDER BY id"
            )
        return [tuple(row) for row in rows]

    once = (f"key:{new.record.id}", "address_not_allowed", "198.51.100.9")
    assert await journaled() == [once]
    assert await journaled() == [once]
    clock(runtime).advance(60)
    assert await journaled() == [once, once]


@pytest.mark.parametrize(
    "wrong", ["10.0.0.1/8", "10.0.0.0/33", "ana.example", "", "10", "::1%eth0", "::ffff:10.0.0.1", "2001:db8::/200"]
)
async def test_what_is_no_network_is_refused(identity: Identity, ana: Caller, wrong: str) -> None:
    [answer] = await identity.create_keys([KeyRequest(ADMIN, ana.id, "Desk", networks=[wrong])])
    assert isinstance(answer, NetworkInvalid)
    [answer] = await identity.create_keys([KeyRequest(ADMIN, ana.id, "Desk", networks=["10.0.0.1"] * 33)])
    assert isinstance(answer, NetworkInvalid)


async def test_a_bound_key_makes_only_keys_that_are_bound_at_least_as_narrowly(identity: Identity, ana: Caller) -> None:
    new = await bound(identity, ana, "10.0.0.0/8", "2001:db8::/32")
    caller = await identity.authenticate(new.key, address="10.1.1.1", trace_id="")
    for networks in ([], ["0.0.0.0/0"], ["10.1.0.0/16", "192.0.2.1"], ["::/0"]):
        [answer] = await identity.create_keys([KeyRequest(caller, ana.id, "Wider", networks=networks)])
        assert isinstance(answer, ScopeBeyondCaller), networks
    [answer] = await identity.create_keys([KeyRequest(caller, ana.id, "Narrow", networks=["10.1.0.0/16"])])
    assert isinstance(answer, NewApiKey)


# ------------------------------------------------------------------------------------------------------------ rotation
async def rotated(identity: Identity, caller: Caller, key: ApiKey, overlap_s: int | None = None) -> NewApiKey:
    [answer] = await identity.rotate_keys([KeyRotation(caller, key.id, overlap_s)])
    assert isinstance(answer, NewApiKey), answer
    return answer


async def test_a_rotated_key_works_beside_the_new_one_until_the_overlap_ends(
    identity: Identity, ana: Caller, runtime: Runtime
) -> None:
    old = await bound(identity, ana, "203.0.113.0/24", scopes=("quotes:read", "trades:read"))
    new = await rotated(identity, ana, old.record, 3600)
    like = replace(old.record, id=new.record.id, prefix=new.record.prefix)
    assert new.record == like
    [_, listed] = (await identity.list_keys(ana, ana.id)).items
    assert (listed.replaced_by, listed.expires_at) == (new.record.id, runtime.now() + timedelta(hours=1))

    async def opens(key: NewApiKey) -> bool:
        try:
            return bool(await identity.authenticate(key.key, address="203.0.113.9", trace_id=""))
        except Unauthenticated:
            return False

    assert [await opens(old), await opens(new)] == [True, True]
    clock(runtime).advance(3600)
    assert [await opens(old), await opens(new)] == [False, True]


async def test_a_rotation_without_overlap_ends_the_old_key_at_once(identity: Identity, ana: Caller) -> None:
    old = await made(identity, ana)
    new = await rotated(identity, ana, old.record, 0)
    assert [await authenticates(identity, each.key) for each in (old, new)] == [False, True]


async def test_a_rotation_never_lengthens_a_keys_life(identity: Identity, ana: Caller, runtime: Runtime) -> None:
    old = await made(identity, ana, seconds=600)
    new = await rotated(identity, ana, old.record)
    assert new.record.expires_at == old.record.expires_at
    clock(runtime).advance(600)
    assert [await authenticates(identity, each.key) for each in (old, new)] == [False, False]


async def test_a_key_is_rotated_once_and_not_after_its_end(identity: Identity, ana: Caller, runtime: Runtime) -> None:
    old, revoked, expired = await made(identity, ana), await made(identity, ana), await made(identity, ana, seconds=5)
    await identity.revoke_keys([KeyRevocation(ana, revoked.record.id)])
    clock(runtime).advance(5)
    requests = [KeyRotation(ana, key.record.id, 60) for key in (old, old, revoked, expired)]
    answers = await identity.rotate_keys(requests)
    assert [type(answer) for answer in answers] == [NewApiKey, KeyEnded, KeyEnded, KeyEnded]
    [again] = await identity.rotate_keys(requests[:1])
    assert isinstance(again, KeyEnded)


async def test_the_overlap_is_bounded(identity: Identity, ana: Caller) -> None:
    old = await made(identity, ana)
    for overlap_s in (-1, 604_801):
        [answer] = await identity.rotate_keys([KeyRotation(ana, old.record.id, overlap_s)])
        assert isinstance(answer, OverlapInvalid)


async def test_only_its_owner_or_an_admin_rotates_a_key(identity: Identity, ana: Caller) -> None:
    old = await made(identity, ana)
    [answer] = await identity.rotate_keys([KeyRotation(Caller(UUID(int=66), Role.CUSTOMER), old.record.id)])
    assert isinstance(answer, KeyUnknown)
    await rotated(identity, ADMIN, old.record)


async def test_a_narrowed_key_rotates_itself_and_no_wider_one(identity: Identity, ana: Caller) -> None:
    wide, narrow = await made(identity, ana), await made(identity, ana, "keys:write")
    caller = await identity.authenticate(narrow.key, address="", trace_id="")
    [answer] = await identity.rotate_keys([KeyRotation(caller, wide.record.id)])
    assert isinstance(answer, ScopeBeyondCaller)
    await rotated(identity, caller, narrow.record)


async def test_who_has_as_many_keys_as_may_be_can_still_rotate_them(ana: Caller, runtime: Runtime) -> None:
    small = Identity(runtime, IdentitySettings(keys_max=1))
    first = await made(small, ana)
    second = await rotated(small, ana, first.record)
    [third] = await small.rotate_keys([KeyRotation(ana, second.record.id)])
    [more] = await small.create_keys([KeyRequest(ADMIN, ana.id, "More")])
    assert [type(third), type(more)] == [KeysLimit, KeysLimit]


async def test_a_rotation_answered_again_shows_no_key(identity: Identity, ana: Caller) -> None:
    old = await made(identity, ana)
    once = Once(ana.id, "POST /api-keys/{id}/rotate", "k1", b"1", lambda record: (201, str(record).encode()))
    [first] = await identity.rotate_keys([KeyRotation(ana, old.record.id)], [once])
    assert isinstance(first, NewApiKey)
    [again] = await identity.rotate_keys([KeyRotation(ana, old.record.id)], [once])
    assert isinstance(again, Replay)
    assert first.key.encode() not in again.body
