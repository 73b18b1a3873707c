"""Envelope encryption on a real database: sealing, binding, shredding, blind indexes, rotation, an absent provider."""

import asyncio
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from cambista.runtime import SHREDDED, KeysUnavailable, Reader, Runtime, Sealing
from cambista.runtime.sealing import KeyUnreadable, LocalKeys, SealBroken
from cambista.runtime.sealing.ring import KeyRing
from tests.databases import ManualClock, open_runtime
from tests.integration.runtime.keepers import CountingKeys

ANA, EVA = UUID(int=0xA), UUID(int=0xE)
PLACE = "identity.customer.full_name:1"


async def _sealed(runtime: Runtime, *texts: str, subject: UUID = ANA, sealing: Sealing | None = None) -> list[bytes]:
    async with runtime.db.transaction() as tx:
        return await (sealing or runtime.sealing).seal(tx, [(subject, PLACE, text) for text in texts])


async def _opened(runtime: Runtime, *sealed: bytes, subject: UUID = ANA, sealing: Sealing | None = None) -> list[str]:
    async with runtime.db.read() as reader:
        return await (sealing or runtime.sealing).unseal(reader, [(subject, PLACE, each) for each in sealed])


def _process(runtime: Runtime) -> Sealing:
    """Sealing of another process on the same database."""
    return Sealing.in_memory(runtime.clock)


async def test_sealed_texts_open_again_and_show_nothing(runtime: Runtime) -> None:
    texts = ["Ana Gómez Ruiz", "", "ñandú 🦤" * 50]
    sealed = await _sealed(runtime, *texts)
    assert await _opened(runtime, *sealed) == texts
    assert b"Ana" not in sealed[0]
    [again] = await _sealed(runtime, texts[0])
    assert again != sealed[0]
    assert await _opened(runtime, again, sealing=_process(runtime)) == [texts[0]]


async def test_a_text_moved_to_another_place_or_subject_does_not_open(runtime: Runtime) -> None:
    [sealed] = await _sealed(runtime, "Ana")
    await _sealed(runtime, "Eva", subject=EVA)
    async with runtime.db.read() as reader:
        for subject, place in ((ANA, PLACE + "1"), (EVA, PLACE)):
            with pytest.raises(SealBroken):
                await runtime.sealing.unseal(reader, [(subject, place, sealed)])


@pytest.mark.parametrize("position", [0, 1, 2, 5, -1])
async def test_one_altered_bit_keeps_a_text_shut(runtime: Runtime, position: int) -> None:
    [sealed] = await _sealed(runtime, "Ana")
    altered = bytearray(sealed)
    altered[position] ^= 1
    with pytest.raises(SealBroken):
        await _opened(runtime, bytes(altered))
    with pytest.raises(SealBroken):
        await _opened(runtime, sealed[:20])


async def test_a_key_copied_to_another_subject_opens_nothing_there(runtime: Runtime, dsn: str) -> None:
    [sealed] = await _sealed(runtime, "Ana")
    await _sealed(runtime, "Eva", subject=EVA)
    owner = await asyncpg.connect(dsn)
    await owner.execute(
        "UPDATE runtime.data_key SET wrapped = (SELECT wrapped FROM runtime.data_key WHERE subject = $1) "
        "WHERE subject = $2",
        ANA,
        EVA,
    )
    await owner.close()
    with pytest.raises(SealBroken):
        await _opened(runtime, sealed, subject=EVA, sealing=_process(runtime))


async def test_a_key_made_in_a_transaction_that_failed_is_not_used_again(runtime: Runtime) -> None:
    with suppress(ZeroDivisionError):
        async with runtime.db.transaction() as tx:
            sealed = await runtime.sealing.seal(tx, [(ANA, PLACE, "lost")])
            assert await runtime.sealing.unseal(tx, [(ANA, PLACE, sealed[0])]) == ["lost"]
            raise ZeroDivisionError
    kept = await _sealed(runtime, "kept")
    assert await _opened(runtime, *kept, sealing=_process(runtime)) == ["kept"]


async def test_a_key_somebody_else_has_not_committed_yet_is_not_relied_on(runtime: Runtime) -> None:
    async with runtime.db.transaction() as tx:
        await runtime.sealing.seal(tx, [(ANA, PLACE, "mine")])
        async with runtime.db.read() as reader:
            known = await runtime.sealing._keys.look(reader, [(ANA, None)])
        assert known[ANA].live is None


async def test_two_processes_that_seal_a_new_subject_at_once_share_one_key(runtime: Runtime) -> None:
    others = [_process(runtime) for _ in range(4)]
    sealed = await asyncio.gather(*(_sealed(runtime, f"text {n}", sealing=each) for n, each in enumerate(others)))
    opened = await _opened(runtime, *(text for [text] in sealed))
    assert opened == [f"text {n}" for n in range(4)]
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM runtime.data_key WHERE subject = $1", ANA) == 1


async def test_a_shredded_subject_is_gone_and_the_others_are_not(runtime: Runtime) -> None:
    [ana], [eva] = await _sealed(runtime, "Ana"), await _sealed(runtime, "Eva", subject=EVA)
    async with runtime.db.transaction() as tx:
        await runtime.sealing.shred(tx, [ANA])
        # A reader beside the open transaction still sees the key, and must not believe it afterwards.
        assert await _opened(runtime, ana) == ["Ana"]
    assert await _opened(runtime, ana) == [SHREDDED]
    assert await _opened(runtime, eva, subject=EVA) == ["Eva"]
    async with runtime.db.read() as reader:
        row = await reader.one("SELECT wrapped, shredded_at FROM runtime.data_key WHERE subject = $1", ANA)
    assert row["wrapped"] is None
    assert row["shredded_at"] == runtime.now()


async def test_a_shredding_that_is_rolled_back_leaves_everything_readable(runtime: Runtime) -> None:
    [sealed] = await _sealed(runtime, "Ana")
    with suppress(ZeroDivisionError):
        async with runtime.db.transaction() as tx:
            await runtime.sealing.shred(tx, [ANA])
            raise ZeroDivisionError
    assert await _opened(runtime, sealed) == ["Ana"]


async def test_another_process_stops_reading_a_shredded_subject_within_a_minute(runtime: Runtime) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    other = _process(runtime)
    [sealed] = await _sealed(runtime, "Ana")
    assert await _opened(runtime, sealed, sealing=other) == ["Ana"]
    async with runtime.db.transaction() as tx:
        await runtime.sealing.shred(tx, [ANA])
    clock.advance(60.1)
    assert await _opened(runtime, sealed, sealing=other) == [SHREDDED]


async def test_what_is_sealed_after_a_shredding_has_a_key_of_its_own(runtime: Runtime) -> None:
    [old] = await _sealed(runtime, "before")
    async with runtime.db.transaction() as tx:
        await runtime.sealing.shred(tx, [ANA])
    [new] = await _sealed(runtime, "after")
    assert await _opened(runtime, old, new) == [SHREDDED, "after"]
    assert await _opened(runtime, old, new, sealing=_process(runtime)) == [SHREDDED, "after"]


async def test_not_even_the_owner_brings_a_shredded_key_back(runtime: Runtime, dsn: str) -> None:
    await _sealed(runtime, "Ana")
    async with runtime.db.transaction() as tx:
        await runtime.sealing.shred(tx, [ANA])
    owner = await asyncpg.connect(dsn)
    with pytest.raises(asyncpg.RestrictViolationError, match="stays shredded"):
        await owner.execute("UPDATE runtime.data_key SET wrapped = $1, shredded_at = NULL", bytes(60))
    await owner.close()


async def test_the_application_may_not_delete_keys_or_give_them_to_others(runtime: Runtime) -> None:
    for sql in ("DELETE FROM runtime.data_key", "UPDATE runtime.data_key SET subject = gen_random_uuid()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with runtime.db.transaction() as tx:
                await tx.execute(sql)


async def test_equal_texts_are_found_by_their_blind_index_in_every_process(runtime: Runtime, dsn: str) -> None:
    blind = runtime.sealing.blind("customer.email", "ana@example.com")
    assert len(blind) == 32
    assert blind != runtime.sealing.blind("customer.email", "eva@example.com")
    assert blind != runtime.sealing.blind("customer.phone", "ana@example.com")
    async with open_runtime(dsn, seed=8) as other:
        assert other.sealing.blind("customer.email", "ana@example.com") == blind


async def test_missing_keys_are_fetched_together_and_once_for_all_who_ask(runtime: Runtime) -> None:
    subjects = [UUID(int=100 + number) for number in range(30)]
    async with runtime.db.transaction() as tx:
        sealed = await runtime.sealing.seal(tx, [(subject, PLACE, str(subject)) for subject in subjects])
    provider = CountingKeys()
    sealing = Sealing(provider, runtime.clock)
    provider.gate.clear()
    looked = 0

    class Watched(Reader):
        async def all(self, sql: str, *args: object) -> list[object]:
            nonlocal looked
            rows = await super().all(sql, *args)
            looked += 1
            return rows

    async def page() -> list[str]:
        async with runtime.db.read() as found:
            reader = Watched(found._connection)
            items = [(subject, PLACE, text) for subject, text in zip(subjects, sealed, strict=True)]
            return await sealing.unseal(reader, items)

    askers = [asyncio.ensure_future(page()) for _ in range(4)]
    while looked < 4:
        await asyncio.sleep(0.001)
    askers[0].cancel()
    provider.gate.set()
    answers = await asyncio.gather(*askers, return_exceptions=True)
    assert answers[1:] == [[str(subject) for subject in subjects]] * 3
    assert sum(provider.unwrapped) == 30
    assert await page() == answers[1]
    assert sum(provider.unwrapped) == 30


async def test_memory_is_bounded_and_a_key_is_asked_for_again_after_a_while(runtime: Runtime) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    provider = CountingKeys()
    sealing = Sealing(provider, clock, kept_max=10)
    for number in range(30):
        await _sealed(runtime, "text", subject=UUID(int=100 + number), sealing=sealing)
    assert len(sealing._keys._known) == 10
    [sealed] = await _sealed(runtime, "text", sealing=sealing)
    asked = len(provider.unwrapped)
    for _ in range(14):
        clock.advance(61)
        assert await _opened(runtime, sealed, sealing=sealing) == ["text"]
    assert len(provider.unwrapped) == asked, "a look at the database is enough while the wrapped key is the same"
    clock.advance(61)
    assert await _opened(runtime, sealed, sealing=sealing) == ["text"]
    assert len(provider.unwrapped) == asked + 1


async def test_while_the_provider_is_away_known_keys_work_and_others_are_refused(runtime: Runtime) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    provider = CountingKeys()
    sealing = Sealing(KeyRing(provider, [], clock), clock)
    await sealing.ready(runtime.db, new=1)
    [known] = await _sealed(runtime, "Ana", sealing=sealing)
    [unknown] = await _sealed(runtime, "Eva", subject=EVA)
    provider.away = True
    assert await _opened(runtime, known, sealing=sealing) == ["Ana"]
    await _sealed(runtime, "a key for somebody new is at hand", subject=UUID(int=7), sealing=sealing)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await _opened(runtime, unknown, subject=EVA, sealing=sealing)
    assert provider.unwrapped == [1], "a provider that failed is left alone"
    provider.away = False
    clock.advance(1.1)
    assert await _opened(runtime, unknown, subject=EVA, sealing=sealing) == ["Eva"]


async def test_a_provider_that_hangs_is_given_up_after_the_deadline(runtime: Runtime) -> None:
    provider = CountingKeys()
    provider.gate.clear()
    sealing = Sealing(KeyRing(provider, [], runtime.clock, deadline_s=0.01), runtime.clock)
    with pytest.raises(KeysUnavailable):
        await sealing.ready(runtime.db, new=1)


async def test_a_house_does_not_open_on_keys_of_another(runtime: Runtime) -> None:
    stranger = Sealing(LocalKeys.in_memory(bytes(32)), runtime.clock)
    with pytest.raises(KeyUnreadable):
        await stranger.open(runtime.db)


async def test_rotation_moves_every_key_while_readers_and_writers_go_on(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "sealing.keys"
    sealing = Sealing(LocalKeys.open(path), runtime.clock)
    subjects = [UUID(int=1000 + number) for number in range(450)]
    async with runtime.db.transaction() as tx:
        texts = await sealing.seal(tx, [(subject, PLACE, str(subject)) for subject in subjects])
        await sealing.shred(tx, subjects[:2])
    stopped = False

    async def read_and_write(number: int) -> int:
        rounds = 0
        mine = Sealing(LocalKeys.open(path), runtime.clock)
        while not stopped or rounds < 3:
            subject = UUID(int=5000 + number * 1000 + rounds)
            assert await _opened(runtime, texts[5], subject=subjects[5], sealing=mine) == [str(subjects[5])]
            [new] = await _sealed(runtime, "new", subject=subject, sealing=mine)
            fresh = Sealing(LocalKeys.open(path), runtime.clock)
            assert await _opened(runtime, new, subject=subject, sealing=fresh) == ["new"]
            rounds += 1
        return rounds

    beside = [asyncio.ensure_future(read_and_write(number)) for number in range(3)]
    newest = await LocalKeys.open(path).rotate()
    async with runtime.db.transaction() as tx:
        # The keys the fixture's house made for itself were wrapped by another file.
        assert await tx.value("SELECT count(*) FROM runtime.data_key WHERE kek = 'local:file:1'") >= 448
    moved = await sealing.rotate(runtime.db)
    stopped = True
    assert all(rounds >= 3 for rounds in await asyncio.gather(*beside))
    assert moved >= 448
    await sealing.rotate(runtime.db)
    async with runtime.db.read() as reader:
        left = await reader.value(
            "SELECT count(*) FROM runtime.data_key WHERE kek <> $1 AND wrapped IS NOT NULL AND subject = ANY($2)",
            newest,
            subjects,
        )
        opened = await Sealing(LocalKeys.open(path), runtime.clock).unseal(
            reader, [(subject, PLACE, text) for subject, text in zip(subjects, texts, strict=True)]
        )
    assert left == 0
    assert opened == [SHREDDED, SHREDDED, *(str(subject) for subject in subjects[2:])]


async def test_turning_the_key_over_wraps_everything_again_even_where_the_provider_names_no_versions(
    runtime: Runtime,
) -> None:
    class Unversioned(CountingKeys):
        async def rotate(self) -> str:
            return await self.newest()

    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    sealing = Sealing(Unversioned(), clock)
    [sealed] = await _sealed(runtime, "Ana", sealing=sealing)
    assert await sealing.rotate(runtime.db) == 0
    async with runtime.db.read() as reader:
        before = await reader.value("SELECT wrapped FROM runtime.data_key WHERE subject = $1", ANA)
    clock.advance(1)
    kek, moved = await sealing.turn_over(runtime.db)
    async with runtime.db.read() as reader:
        after = await reader.value("SELECT wrapped FROM runtime.data_key WHERE subject = $1", ANA)
    assert (kek, moved) == ("local:file:1", 3), "Ana's and the house's own two"
    assert before != after
    assert await _opened(runtime, sealed, sealing=Sealing(Unversioned(), clock)) == ["Ana"]
