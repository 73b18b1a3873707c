"""Signed requests: only whole, only in time, only once, in every process and across a crash."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest

from cambista.identity import (
    Customer,
    CustomerRequest,
    Identity,
    KeyRequest,
    KeyRotation,
    NewApiKey,
    RequestReplayed,
    ScopeBeyondCaller,
    SignatureExpired,
    SignatureInvalid,
    SignatureRequired,
    SignedRequest,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Runtime
from tests.databases import ManualClock, open_runtime

ADMIN = Caller(UUID(int=1), Role.ADMIN)
_nonces = count(10**15)


@pytest.fixture
def identity(runtime: Runtime) -> Identity:
    return Identity(runtime)


@pytest.fixture
async def key(identity: Identity) -> NewApiKey:
    """A customer's key whose requests are signed."""
    [customer] = await identity.create_customers([CustomerRequest(ADMIN, "ana@example.co", "Ana Pérez", "CO")])
    assert isinstance(customer, Customer)
    return await made(identity, customer.id)


async def made(identity: Identity, owner_id: UUID) -> NewApiKey:
    [key] = await identity.create_keys([KeyRequest(ADMIN, owner_id, "Bot", signed=True)])
    assert isinstance(key, NewApiKey), key
    return key


def clock(runtime: Runtime) -> ManualClock:
    assert isinstance(runtime.clock, ManualClock)
    return runtime.clock


def signed(key: NewApiKey, runtime: Runtime, *, late_s: int = 0, body: bytes = b"{}") -> SignedRequest:
    """A request signed by hand, as a client would do it from the documents alone."""
    timestamp, nonce = str(int(runtime.now().timestamp()) - late_s), str(next(_nonces))
    body_hash = hashlib.sha256(body).hexdigest()
    text = f"POST\n/api/v1/trades\n{body_hash}\n{timestamp}\n{nonce}\nonce-1"
    signature = hmac.new(key.signing_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return SignedRequest("POST", "/api/v1/trades", body_hash, timestamp, nonce, "once-1", signature)


def giving(request: SignedRequest) -> Callable[[], Awaitable[SignedRequest]]:
    async def give() -> SignedRequest:
        return request

    return give


async def enter(identity: Identity, key: NewApiKey, request: SignedRequest) -> Caller | Refusal:
    try:
        return await identity.authenticate(key.key, address="", trace_id="", signed=giving(request))
    except Refusal as refusal:
        return refusal


async def test_a_signed_request_is_let_in_and_proves_its_caller_now(
    identity: Identity, key: NewApiKey, runtime: Runtime
) -> None:
    caller = await enter(identity, key, signed(key, runtime))
    assert isinstance(caller, Caller)
    assert (caller.id, caller.proved_at) == (key.record.owner_id, runtime.now())


async def test_a_signed_key_opens_nothing_unsigned(identity: Identity, key: NewApiKey, runtime: Runtime) -> None:
    with pytest.raises(SignatureRequired):
        await identity.authenticate(key.key, address="", trace_id="")
    for broken in ({"nonce": "short"}, {"nonce": "x" * 65}, {"timestamp": "now"}, {"signature": "f" * 63}):
        assert isinstance(await enter(identity, key, replace(signed(key, runtime), **broken)), SignatureRequired)


async def test_an_unsigned_key_is_asked_for_no_signature(identity: Identity, key: NewApiKey) -> None:
    async def never() -> SignedRequest:
        raise AssertionError("asked")

    [plain] = await identity.create_keys([KeyRequest(ADMIN, key.record.owner_id, "Plain")])
    assert isinstance(plain, NewApiKey)
    assert plain.signing_secret == ""
    caller = await identity.authenticate(plain.key, address="", trace_id="", signed=never)
    assert caller.proved_at is None


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"target": "/api/v1/trades?x=1"},
        {"target": "/api/v1/quotes"},
        {"body_hash": hashlib.sha256(b"[]").hexdigest()},
        {"timestamp": "1790694001"},
        {"nonce": "another-nonce-of-16"},
        {"once": "once-2"},
        {"once": ""},
        {"signature": "0" * 64},
    ],
    ids="-".join,
)
async def test_nothing_of_a_signed_request_can_be_changed(
    identity: Identity, key: NewApiKey, runtime: Runtime, changed: dict[str, str]
) -> None:
    request = signed(key, runtime)
    assert isinstance(await enter(identity, key, replace(request, **changed)), SignatureInvalid)
    # A forged request used up nothing.
    assert isinstance(await enter(identity, key, request), Caller)


async def test_another_keys_secret_signs_nothing(identity: Identity, key: NewApiKey, runtime: Runtime) -> None:
    other = await made(identity, key.record.owner_id)
    assert isinstance(await enter(identity, key, signed(other, runtime)), SignatureInvalid)


@pytest.mark.parametrize(
    ("late_s", "expected"), [(30, Caller), (-30, Caller), (31, SignatureExpired), (-31, SignatureExpired)]
)
async def test_a_signature_counts_for_thirty_seconds_either_way(
    identity: Identity, key: NewApiKey, runtime: Runtime, late_s: int, expected: type
) -> None:
    assert isinstance(await enter(identity, key, signed(key, runtime, late_s=late_s)), expected)


async def test_a_request_is_let_in_once_by_all_processes_together(
    identity: Identity, key: NewApiKey, runtime: Runtime, dsn: str
) -> None:
    async with open_runtime(dsn, clock=clock(runtime), seed=8) as other:
        elsewhere = Identity(other)
        request = signed(key, runtime)
        answers = await asyncio.gather(*(enter(each, key, request) for each in (identity, elsewhere) * 20))
    assert sorted(type(answer).__name__ for answer in answers) == ["Caller", *["RequestReplayed"] * 39]


async def test_a_replay_at_the_last_moment_is_refused_and_nonces_are_forgotten_only_later(
    identity: Identity, key: NewApiKey, runtime: Runtime
) -> None:
    request = signed(key, runtime, late_s=-30)
    assert isinstance(await enter(identity, key, request), Caller)
    clock(runtime).advance(60)
    await identity.forget_nonces()
    assert isinstance(await enter(identity, key, request), RequestReplayed)
    clock(runtime).advance(1)
    assert isinstance(await enter(identity, key, request), SignatureExpired)
    clock(runtime).advance(601)
    await identity.forget_nonces()
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM identity.request_nonce") == 0


async def test_the_same_nonce_is_free_for_another_key(identity: Identity, key: NewApiKey, runtime: Runtime) -> None:
    other = await made(identity, key.record.owner_id)
    first, second = signed(key, runtime), signed(other, runtime)
    text = f"POST\n/api/v1/trades\n{second.body_hash}\n{second.timestamp}\n{first.nonce}\nonce-1"
    signature = hmac.new(other.signing_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    second = replace(second, nonce=first.nonce, signature=signature)
    assert isinstance(await enter(identity, key, first), Caller)
    assert isinstance(await enter(identity, other, second), Caller)


async def test_the_table_of_nonces_survives_a_crash(runtime: Runtime) -> None:
    async with runtime.db.read() as reader:
        kept = await reader.value("SELECT relpersistence FROM pg_class WHERE oid = 'identity.request_nonce'::regclass")
    assert kept == b"p"


async def test_a_signing_secret_is_stored_only_sealed(identity: Identity, key: NewApiKey, runtime: Runtime) -> None:
    secret = key.signing_secret.encode()
    assert len(secret) == 47
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT signing_secret FROM identity.api_key WHERE signing_secret IS NOT NULL")
        text = await reader.value("SELECT string_agg(k::text, '') FROM identity.api_key k")
    assert len(rows) == 1
    assert secret not in rows[0]["signing_secret"]
    assert secret.hex() not in text
    assert key.signing_secret not in repr(key)


async def test_a_secret_moved_to_another_key_opens_nothing(
    identity: Identity, key: NewApiKey, runtime: Runtime
) -> None:
    other = await made(identity, key.record.owner_id)
    elsewhere = Identity(runtime)
    async with runtime.db.read() as reader:
        found = await elsewhere._keyring.find(other.key)
        stolen = await elsewhere._keyring.find(key.key)
        with pytest.raises(Exception, match="signing_secret"):
            await elsewhere._signing._open(found, stolen.signing_secret or b"", 0.0)
        assert reader is not None


async def test_a_shredded_owners_signed_keys_open_nothing(identity: Identity, key: NewApiKey, runtime: Runtime) -> None:
    async with runtime.db.transaction() as tx:
        await runtime.sealing.shred(tx, [key.record.owner_id])
    answer = await enter(identity, key, signed(key, runtime))
    assert type(answer) is Unauthenticated


async def test_a_rotated_signed_key_has_a_secret_of_its_own(
    identity: Identity, key: NewApiKey, runtime: Runtime
) -> None:
    [new] = await identity.rotate_keys([KeyRotation(ADMIN, key.record.id, 60)])
    assert isinstance(new, NewApiKey)
    assert new.record.signed
    assert new.signing_secret not in {"", key.signing_secret}
    for each in (key, new):
        assert isinstance(await enter(identity, each, signed(each, runtime)), Caller)


async def test_a_signed_key_makes_only_signed_keys(identity: Identity, key: NewApiKey, runtime: Runtime) -> None:
    caller = await enter(identity, key, signed(key, runtime))
    assert isinstance(caller, Caller)
    [free] = await identity.create_keys([KeyRequest(caller, caller.id, "Free")])
    [bound] = await identity.create_keys([KeyRequest(caller, caller.id, "Bound", signed=True)])
    assert isinstance(free, ScopeBeyondCaller)
    assert isinstance(bound, NewApiKey)


async def test_bad_signatures_are_journaled(identity: Identity, key: NewApiKey, runtime: Runtime) -> None:
    await enter(identity, key, replace(signed(key, runtime), signature="0" * 64))
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT subject, outcome FROM runtime.journal WHERE name = 'key.use'")
    assert [tuple(row) for row in rows] == [(f"key:{key.record.id}", "signature_invalid")]
