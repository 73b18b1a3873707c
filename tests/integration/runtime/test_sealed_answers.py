"""Remembered answers that show personal data lie sealed; keys that are away harm only those who need them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from cambista.kernel.errors import Refusal
from cambista.runtime import IdempotencyKeyReused, KeysUnavailable, Once, Replay, Runtime, Sealing, Tx
from cambista.runtime.group_commit import GroupCommit
from cambista.runtime.sealing.ring import KeyRing
from tests.databases import ManualClock
from tests.integration.runtime.keepers import CountingKeys

ANA = UUID(int=0xA)


async def greet(tx: Tx, names: Sequence[str]) -> list[str | Refusal]:
    return [f"Buenos días, {name}" for name in names]


def once(key: str, body: bytes = b"body", *, personal: bool = True) -> Once:
    return Once(UUID(int=1), "POST /greetings", key, body, lambda text: (201, text.encode()), personal)


async def test_a_personal_answer_is_replayed_and_lies_sealed(runtime: Runtime) -> None:
    [first] = await runtime.writer.submit(greet, ["Ana"], [once("a")])
    assert first == Replay(201, "Buenos días, Ana".encode(), first=True)
    [again] = await runtime.writer.submit(greet, ["Ana"], [once("a")])
    assert again == Replay(201, "Buenos días, Ana".encode())
    [other] = await runtime.writer.submit(greet, ["Eva"], [once("a", b"another body")])
    assert isinstance(other, IdempotencyKeyReused)
    async with runtime.db.read() as reader:
        row = await reader.one("SELECT * FROM runtime.idempotency")
    assert row["sealed"]
    assert row["fingerprint"] == b"", "a hash of few possible bodies tells which one it was"
    assert b"Ana" not in row["body"]


async def test_personal_and_other_answers_share_a_batch(runtime: Runtime) -> None:
    jobs = [("Ana", once("a")), ("Eva", once("b", personal=False)), ("Leo", once("c"))]
    for is_first in (True, False):
        answers = await runtime.writer.submit(greet, [name for name, _ in jobs], [each for _, each in jobs])
        assert answers == [Replay(201, f"Buenos días, {name}".encode(), first=is_first) for name, _ in jobs]
    async with runtime.db.read() as reader:
        rows = await reader.all("SELECT key, sealed FROM runtime.idempotency ORDER BY key")
    assert [(row["key"], row["sealed"]) for row in rows] == [("a", True), ("b", False), ("c", True)]


async def test_another_process_replays_a_personal_answer(runtime: Runtime) -> None:
    await runtime.writer.submit(greet, ["Ana"], [once("a")])
    other = Sealing.in_memory(runtime.clock)
    [again] = await GroupCommit(runtime.db, other).submit(greet, ["Ana"], [once("a")])
    assert again == Replay(201, "Buenos días, Ana".encode())


async def test_keys_that_are_away_harm_only_those_who_need_them(runtime: Runtime) -> None:
    async with runtime.db.transaction() as tx:
        [sealed] = await runtime.sealing.seal(tx, [(ANA, "place", "Ana")])
    provider = CountingKeys()
    sealing = Sealing(KeyRing(provider, [], runtime.clock), runtime.clock)
    provider.away = True

    async def unseal(tx: Tx, texts: Sequence[bytes]) -> list[str | Refusal]:
        return list(await sealing.unseal(tx, [(ANA, "place", text) for text in texts]))

    writer = GroupCommit(runtime.db, sealing)
    needy, easy = await asyncio.gather(writer.submit(unseal, [sealed]), writer.submit(greet, ["Eva"]))
    assert isinstance(needy[0], KeysUnavailable)
    assert easy == ["Buenos días, Eva"]


async def test_a_personal_request_is_refused_before_it_waits_with_others(runtime: Runtime) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    provider = CountingKeys()
    sealing = Sealing(KeyRing(provider, [], clock), clock)
    await sealing.open(runtime.db)
    writer = GroupCommit(runtime.db, sealing)
    clock.advance(901)
    provider.away = True
    with pytest.raises(KeysUnavailable):
        await writer.submit(greet, ["Ana"], [once("a")])
    assert writer.batches == 0
    assert await writer.submit(greet, ["Ana"], [replace(once("a"), personal=False)])
