"""Keys of access tokens over months: two processes share them, turns break no token, stolen ones end at once."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from cambista.identity import (
    Client,
    ClientRequest,
    DirectRequest,
    Flow,
    Identity,
    NewClient,
    Presented,
    Principal,
    PrincipalRequest,
    Visitor,
)
from cambista.identity.rules.access_tokens import kid_of
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Unauthenticated
from cambista.runtime import Runtime
from tests.databases import ManualClock, open_runtime

ADMIN = Caller(UUID(int=1), Role.ADMIN)
DAY = 86_400


@pytest.fixture
def identity(runtime: Runtime) -> Identity:
    return Identity(runtime)


@pytest.fixture
async def elsewhere(runtime: Runtime, dsn: str) -> AsyncIterator[Identity]:
    """Another process on the same database at the same time."""
    async with open_runtime(dsn, clock=clock(runtime), seed=8) as other:
        yield Identity(other)


@pytest.fixture
async def presented(identity: Identity) -> Presented:
    """A client of a partner, with its secret."""
    [partner] = await identity.create_principals([PrincipalRequest(ADMIN, "partner", "Remesas Ya")])
    assert isinstance(partner, Principal)
    flows = [Flow.CLIENT_CREDENTIALS]
    request = ClientRequest(ADMIN, partner.id, "Robot", True, [], flows, ["accounts:read"])
    [made] = await identity.oauth.clients.register([request])
    assert isinstance(made, NewClient)
    assert isinstance(made.record, Client)
    assert made.secret not in repr(made)
    return Presented(Visitor("198.51.100.1", "t1"), str(made.record.id), made.secret)


def clock(runtime: Runtime) -> ManualClock:
    assert isinstance(runtime.clock, ManualClock)
    return runtime.clock


async def token(identity: Identity, presented: Presented) -> str:
    return (await identity.oauth.exchange.directly(DirectRequest(presented))).access


async def opens(identity: Identity, token: str) -> bool:
    try:
        caller = await identity.authenticate(token, address="", trace_id="")
    except Unauthenticated:
        return False
    told = (caller.credential, caller.role, caller.scopes)
    assert told == (Credential.TOKEN, Role.PARTNER, frozenset({"accounts:read"}))
    assert caller.client_id is not None
    return True


async def kids(identity: Identity) -> set[object]:
    return {key["kid"] for key in await identity.oauth.keys.published()}


async def test_two_processes_sign_with_one_key_and_know_each_others_tokens(
    identity: Identity, elsewhere: Identity, presented: Presented
) -> None:
    here, there = await token(identity, presented), await token(elsewhere, presented)
    assert [await opens(identity, there), await opens(elsewhere, here)] == [True, True]
    assert await kids(identity) == await kids(elsewhere)
    assert len(await kids(identity)) == 1


async def test_a_hundred_days_of_turns_break_no_token(
    identity: Identity, elsewhere: Identity, presented: Presented, runtime: Runtime
) -> None:
    seen: set[object] = set()
    for _ in range(100 * 2):
        await identity.oauth.keys.turn_in_time()
        made = await token(identity, presented)
        # What signs was published half a day ago at the latest.
        assert not seen or kid_of(made) in seen
        seen |= await kids(elsewhere)
        clock(runtime).advance(599)
        assert await opens(elsewhere, made)
        clock(runtime).advance(DAY / 2 - 599)
        assert not await opens(identity, made)
    assert len(seen) == 4
    assert len(await kids(identity)) <= 2


async def test_a_token_signed_before_a_turn_by_hand_lives_on(
    identity: Identity, elsewhere: Identity, presented: Presented, runtime: Runtime
) -> None:
    made = await token(identity, presented)
    await identity.oauth.keys.turn(at_once=False)
    assert await opens(elsewhere, made)
    assert len(await kids(identity)) == 2
    clock(runtime).advance(DAY)
    later = await token(elsewhere, presented)
    assert await opens(identity, later)
    clock(runtime).advance(DAY)
    await identity.oauth.keys.turn_in_time()
    assert len(await kids(identity)) == 1


async def test_stolen_keys_end_with_all_their_tokens(
    identity: Identity, elsewhere: Identity, presented: Presented, runtime: Runtime
) -> None:
    made = await token(identity, presented)
    assert await opens(elsewhere, made)
    # One is to come already: it may be stolen too.
    await identity.oauth.keys.turn(at_once=False)
    assert len(await kids(elsewhere)) <= 2
    await identity.oauth.keys.turn(at_once=True)
    clock(runtime).advance(1)
    assert [await opens(identity, made), await opens(elsewhere, made)] == [False, False]
    assert await opens(elsewhere, await token(identity, presented))
    assert len(await kids(identity)) == 1


async def test_a_private_key_is_stored_only_sealed(identity: Identity, presented: Presented, runtime: Runtime) -> None:
    await token(identity, presented)
    assert identity.oauth.keys._private is not None
    secret = identity.oauth.keys._private[1].as_dict(private=True)["d"]
    assert isinstance(secret, str)
    async with runtime.db.read() as reader:
        [row] = await reader.all("SELECT private_key, k::text AS text FROM identity.oauth_key k")
    assert len(row["private_key"]) > 64
    assert secret not in row["text"]
    assert all("d" not in key for key in await identity.oauth.keys.published())


async def test_what_ended_long_ago_is_forgotten(identity: Identity, presented: Presented, runtime: Runtime) -> None:
    for _ in range(3):
        await token(identity, presented)
    clock(runtime).advance(7 * DAY)
    await identity.oauth.sweep()
    assert await grants(runtime) == 3
    clock(runtime).advance(700)
    await identity.oauth.sweep()
    assert await grants(runtime) == 0


async def grants(runtime: Runtime) -> int:
    async with runtime.db.read() as reader:
        return int(await reader.value("SELECT count(*) FROM identity.oauth_grant"))


async def test_checked_tokens_are_remembered_within_bounds(
    presented: Presented, identity: Identity, runtime: Runtime
) -> None:
    made = await token(identity, presented)
    assert await opens(identity, made)
    assert len(identity.oauth._tokens._checked) == 1
    for number in range(10):
        assert not await opens(identity, made[:-2] + f"{number}A")
    assert len(identity.oauth._tokens._checked) == 1
