"""The sealer: every entry once, in order, whoever else seals and wherever it dies; nobody forgets what vanished."""

import asyncio
from pathlib import Path

import pytest

from cambista.audit import SealerState
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Conflict
from cambista.runtime import Action
from tests.databases import open_runtime
from tests.integration.audit.records import EVA, Record, audit_of


async def numbers(record: Record) -> list[int]:
    return [row["number"] for row in await record.rows("SELECT number FROM audit.link ORDER BY number")]


async def test_entries_are_numbered_in_the_order_of_their_transactions(fresh: Record) -> None:
    await fresh.act("a", "b", "c")
    assert await fresh.audit.sealer.seal() == 3
    assert await fresh.audit.sealer.seal() == 0
    rows = await fresh.rows(
        "SELECT l.number, e.subject FROM audit.link l JOIN audit.entry e ON e.id = l.entry_id ORDER BY l.number"
    )
    assert [(row["number"], row["subject"]) for row in rows] == [(1, "a"), (2, "b"), (3, "c")]


async def test_a_row_that_commits_late_is_sealed_in_its_order(fresh: Record) -> None:
    async with fresh.runtime.db.transaction() as early:
        await early.execute("SELECT pg_current_xact_id()")
        await fresh.act("late")
        assert await fresh.audit.sealer.seal() == 0
        early.record(Action(EVA, "thing.do", "early"))
    assert await fresh.audit.sealer.seal() == 2
    assert (await fresh.audit.verify()).good
    rows = await fresh.rows(
        "SELECT e.subject FROM audit.link l JOIN audit.entry e ON e.id = l.entry_id ORDER BY number"
    )
    assert [row["subject"] for row in rows] == ["early", "late"]


async def _three_minutes(fresh: Record) -> None:
    for _ in range(3):
        await fresh.audit.sealer.run_once()
        fresh.clock.advance(61)
        async with fresh.runtime.db.transaction() as tx:
            tx.record(Action(EVA, "thing.do", "more"))


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
@pytest.mark.parametrize("at", range(3))
async def test_a_sealer_that_dies_at_any_commit_neither_skips_nor_doubles(fresh: Record, point: str, at: int) -> None:
    await fresh.act(*(f"thing:{number}" for number in range(7)))
    commits = iter(range(100))

    def crash(reached: str) -> None:
        if reached == point and next(commits) == at:
            raise Conflict

    fresh.runtime.db.fault = crash
    with pytest.raises(Conflict):
        await _three_minutes(fresh)
    fresh.runtime.db.fault = lambda reached: None
    again = audit_of(fresh.runtime, fresh.home)
    await again.sealer.seal()
    await again.sealer.checkpoint(now=True)
    verdict = await again.verify()
    assert verdict.good, verdict.finding
    assert await numbers(fresh) == list(range(1, verdict.entries + 1))
    [count] = await fresh.rows("SELECT count(*) AS n FROM runtime.journal")
    assert verdict.entries == count["n"]


async def test_two_sealers_at_once_make_one_chain(fresh: Record, dsn: str, tmp_path: Path) -> None:
    async with open_runtime(dsn, clock=fresh.clock, seed=8) as second:
        other = audit_of(second, tmp_path)

        async def work() -> None:
            for start in range(0, 40, 10):
                await fresh.act(*(f"thing:{number}" for number in range(start, start + 10)))

        async def sealing(audit: object) -> None:
            for _ in range(12):
                await audit.sealer.run_once()  # type: ignore[attr-defined]

        await asyncio.gather(work(), sealing(fresh.audit), sealing(other))
        await fresh.audit.sealer.seal()
    assert await numbers(fresh) == list(range(1, 41))
    verdict = await fresh.audit.verify()
    assert verdict.good, verdict.finding


async def test_more_than_one_batch_and_more_than_one_kept_level_are_sealed_and_proved(fresh: Record) -> None:
    async with fresh.runtime.db.transaction() as tx:
        tx.record(*(Action(EVA, "thing.do", f"thing:{number}") for number in range(1300)))
    assert await fresh.audit.sealer.seal() == 1300
    made = await fresh.audit.sealer.checkpoint()
    assert made is not None
    assert made.head.size == 1300
    [count] = await fresh.rows("SELECT count(*) AS n FROM audit.node")
    assert count["n"] == 1300 // 256
    for number in (1, 256, 257, 1024, 1300):
        [row] = await fresh.rows(f"SELECT entry_id FROM audit.link WHERE number = {number}")
        proof = await fresh.audit.proof(EVA, row["entry_id"])
        assert (proof.number, len(proof.proof)) == (number, len(proof.proof))
    assert (await fresh.audit.verify()).good


async def test_checkpoints_are_made_each_minute_while_something_happens(fresh: Record) -> None:
    assert await fresh.audit.sealer.run_once() is None
    await fresh.act("a")
    first = await fresh.audit.sealer.run_once()
    assert first is not None
    await fresh.act("b")
    assert await fresh.audit.sealer.run_once() is None
    fresh.clock.advance(60)
    second = await fresh.audit.sealer.run_once()
    assert second is not None
    assert (second.head.number, second.head.size, second.head.previous) == (2, 2, first.digest)
    fresh.clock.advance(600)
    assert await fresh.audit.sealer.run_once() is None


async def test_many_entries_do_not_wait_for_the_minute(fresh: Record, tmp_path: Path) -> None:
    audit = audit_of(fresh.runtime, tmp_path, checkpoint_entries=3)
    await fresh.act("a")
    assert await audit.sealer.run_once() is not None
    await fresh.act("b", "c")
    assert await audit.sealer.run_once() is None
    await fresh.act("d")
    assert await audit.sealer.run_once() is not None


async def test_a_clock_that_was_set_back_does_not_make_checkpoints_run_backwards(fresh: Record) -> None:
    await fresh.act("a")
    await fresh.checkpoint()
    fresh.clock.advance(-30)
    await fresh.act("b")
    await fresh.checkpoint()
    verdict = await fresh.audit.verify()
    assert verdict.good, verdict.finding


async def test_an_entry_that_vanishes_before_it_is_sealed_is_missed(fresh: Record) -> None:
    await fresh.act("a", "b", "c")
    await fresh.by_hand("DELETE FROM runtime.journal WHERE subject = 'b'")
    await fresh.audit.sealer.seal()
    await fresh.audit.sealer.seal()
    assert fresh.audit.sealing == SealerState(sealed=2, missing=1, unwitnessed=0)
    told = await fresh.rows("SELECT subject FROM runtime.journal WHERE name = 'audit.entry_vanished'")
    assert len(told) == 1
    await fresh.audit.sealer.seal()
    await fresh.audit.sealer.seal()
    assert fresh.audit.sealing == SealerState(sealed=3, missing=1, unwitnessed=0)


async def test_an_entry_held_up_by_a_long_transaction_or_sealed_by_another_is_not_missed(
    fresh: Record, dsn: str, tmp_path: Path
) -> None:
    async with fresh.runtime.db.transaction() as early:
        await early.execute("SELECT pg_current_xact_id()")
        await fresh.act("late")
        for _ in range(3):
            await fresh.audit.sealer.seal()
    async with open_runtime(dsn, clock=fresh.clock, seed=8) as second:
        await audit_of(second, tmp_path).sealer.seal()
    for _ in range(3):
        await fresh.audit.sealer.seal()
    assert fresh.audit.sealing.missing == 0


async def test_a_branch_has_a_chain_of_its_own(fresh: Record) -> None:
    await fresh.act("a")
    await fresh.by_hand("UPDATE runtime.journal SET branch = 'bogota' WHERE subject = 'a'")
    await fresh.act("b")
    assert await fresh.audit.sealer.seal() == 1
    assert (await fresh.audit.verify()).entries == 1


async def test_the_whole_caller_is_on_record(fresh: Record) -> None:
    partner = Caller(
        EVA.id, Role.PARTNER, key_id=EVA.id, address="::1", trace_id="t", credential=Credential.TOKEN,
        client_id=EVA.id, agent="App/1",
    )  # fmt: skip
    await fresh.runtime.record(Action(partner, "thing.do", "a", "denied", {}, "0" * 64, "1" * 64))
    [row] = await fresh.rows("SELECT * FROM runtime.journal")
    assert (row["credential"], row["client_id"], row["agent"]) == ("token", EVA.id, "App/1")
    assert (row["before"], row["after"], row["outcome"]) == ("0" * 64, "1" * 64, "denied")


async def test_the_house_does_not_say_where_an_entry_stands(fresh: Record) -> None:
    async with fresh.runtime.db.transaction() as tx:
        for column in ("xid", "position"):
            with pytest.raises(Exception, match="permission denied"):
                async with tx._connection.transaction():
                    await tx.execute(f"INSERT INTO runtime.journal ({column}) OVERRIDING SYSTEM VALUE VALUES (DEFAULT)")


async def test_the_record_cannot_be_rewritten_by_the_house_nor_by_its_owner(fresh: Record) -> None:
    for table in ("audit.link", "audit.node", "audit.checkpoint"):
        async with fresh.runtime.db.transaction() as tx:
            with pytest.raises(Exception, match="permission denied"):
                async with tx._connection.transaction():
                    await tx.execute(f"DELETE FROM {table}")
        with pytest.raises(Exception, match="append-only"):
            await fresh.by_hand("SET session_replication_role = origin", f"DELETE FROM {table}")
