"""The database's owner, triggers out of the way, does each thing to the record by hand; each is found and named."""

from pathlib import Path

import pytest

from cambista.audit import AuditKey, ChainRolledBack, Wrong
from cambista.audit.rules import checkpoints as rules
from cambista.runtime import Runtime
from tests.integration.audit.records import Record, audit_of

# By number the entry's place in the journal.
ROW = "(xid, position) = (SELECT xid, position FROM audit.link WHERE number = {number})"


def row(number: int) -> str:
    return ROW.format(number=number)


async def test_an_untouched_record_is_good(record: Record) -> None:
    verdict = await record.audit.verify()
    assert (verdict.good, verdict.entries, verdict.checkpoints, verdict.unsealed) == (True, 14, 3, 0)
    await record.act("thing:15")
    verdict = await record.audit.verify()
    assert (verdict.good, verdict.entries, verdict.unsealed) == (True, 14, 1)


@pytest.mark.parametrize("number", [1, 6, 12, 14])
async def test_a_deleted_row_is_missing(record: Record, number: int) -> None:
    await record.by_hand(f"DELETE FROM runtime.journal WHERE {row(number)}")
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.MISSING, number)


CHANGES = (
    "outcome = 'nothing'", "actor_id = gen_random_uuid()", "actor_role = 'admin'", "key_id = NULL",
    "address = '10.0.0.10'", "trace_id = '0b'", "name = 'thing.undo'", "subject = 'thing:0'",
    "facts = facts || '{\"n\": \"1\"}'", "credential = 'session'", "client_id = gen_random_uuid()", "agent = 'curl/9'",
    "before = repeat('0', 64)", "after = repeat('0', 64)", "id = gen_random_uuid()",
    "occurred_at = occurred_at + interval '1 microsecond'",
)  # fmt: skip


async def test_a_changed_field_is_found_whichever_it_is(record: Record) -> None:
    await record.by_hand(f"CREATE TABLE kept AS SELECT * FROM runtime.journal WHERE {row(6)}")
    for change in CHANGES:
        await record.by_hand(f"UPDATE runtime.journal SET {change} WHERE {row(6)}")
        found = await record.found()
        wrong = Wrong.REORDERED if change.startswith("id") else Wrong.CHANGED
        assert (found.wrong, found.number) == (wrong, 6), change
        await record.by_hand(
            f"DELETE FROM runtime.journal WHERE {row(6)}",
            "INSERT INTO runtime.journal OVERRIDING SYSTEM VALUE SELECT * FROM kept",
        )
        assert (await record.audit.verify()).good


async def test_swapped_rows_are_reordered(record: Record) -> None:
    await record.by_hand(
        f"""
        CREATE TEMP TABLE two AS SELECT * FROM runtime.journal WHERE {row(6)} OR {row(7)};
        DELETE FROM runtime.journal WHERE {row(6)} OR {row(7)};
        INSERT INTO runtime.journal OVERRIDING SYSTEM VALUE
        SELECT id, occurred_at, branch, actor_id, actor_role, key_id, address, trace_id, name, subject, outcome, facts,
            (SELECT xid FROM two o WHERE o.id <> t.id), (SELECT position FROM two o WHERE o.id <> t.id),
            credential, client_id, agent, before, after FROM two t
        """
    )
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.REORDERED, 6)


async def test_a_row_that_was_moved_elsewhere_is_reordered(record: Record) -> None:
    moved = f"DELETE FROM runtime.journal WHERE {row(6)} RETURNING *"
    await record.by_hand(
        f"""
        WITH moved AS ({moved}) INSERT INTO runtime.journal OVERRIDING SYSTEM VALUE
        SELECT id, occurred_at, branch, actor_id, actor_role, key_id, address, trace_id, name, subject, outcome, facts,
            xid, position + 1000, credential, client_id, agent, before, after FROM moved
        """
    )
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.REORDERED, 6)


async def test_numbers_that_changed_places_are_reordered(record: Record) -> None:
    await record.by_hand(
        "ALTER TABLE audit.link DROP CONSTRAINT link_number_check",
        "UPDATE audit.link SET number = -6 WHERE number = 6",
        "UPDATE audit.link SET number = 6 WHERE number = 7",
        "UPDATE audit.link SET number = 7 WHERE number = -6",
    )  # fmt: skip
    found = await record.found()
    assert found.number in (6, 7)
    assert found.wrong in (Wrong.REORDERED, Wrong.MISSING, Wrong.INSERTED)


async def test_a_back_dated_row_is_found(record: Record) -> None:
    await record.by_hand(f"UPDATE runtime.journal SET occurred_at = occurred_at - interval '1 day' WHERE {row(6)}")
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.BACK_DATED, 6)


async def test_a_row_that_was_written_with_an_old_time_is_back_dated_though_it_was_sealed(record: Record) -> None:
    record.clock.advance(-3600)
    await record.act("thing:15")
    await record.audit.sealer.seal()
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.BACK_DATED, 15)


async def test_a_row_from_the_future_is_found_by_the_checkpoint_that_holds_it(record: Record) -> None:
    record.clock.advance(3600)
    await record.act("thing:15")
    record.clock.advance(-3600)
    await record.checkpoint()
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.AHEAD, 15)


async def test_a_row_put_in_between_was_never_numbered(record: Record) -> None:
    await record.by_hand(
        f"""
        INSERT INTO runtime.journal OVERRIDING SYSTEM VALUE
        SELECT gen_random_uuid(), occurred_at, branch, actor_id, actor_role, key_id, address, trace_id, name, subject,
            outcome, facts, xid, position + 1000, credential, client_id, agent, before, after
        FROM runtime.journal WHERE {row(6)}
        """
    )
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.INSERTED, 7)


async def test_a_tail_cut_off_after_its_checkpoint_is_truncated(record: Record) -> None:
    await record.by_hand(
        "DELETE FROM runtime.journal WHERE (xid, position) >= (SELECT xid, position FROM audit.link WHERE number = 11)",
        "DELETE FROM audit.link WHERE number >= 11",
    )
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.TRUNCATED, 11)


async def test_dropped_links_are_found(record: Record) -> None:
    await record.by_hand("DELETE FROM audit.link WHERE number = 7")
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.INSERTED, 7)
    await record.by_hand("DELETE FROM audit.link")
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.INSERTED, 1)


async def test_a_row_dropped_with_its_link_is_missing(record: Record) -> None:
    await record.by_hand(f"DELETE FROM runtime.journal WHERE {row(7)}", "DELETE FROM audit.link WHERE number = 7")
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.LINK_MISSING, 7)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("chain_hash = sha256('other')", Wrong.LINK_CHANGED),
        ("entry_hash = sha256('other')", Wrong.CHANGED),
        ("entry_id = gen_random_uuid()", Wrong.REORDERED),
    ],
)
async def test_a_changed_link_is_found(record: Record, change: str, wrong: Wrong) -> None:
    await record.by_hand(f"UPDATE audit.link SET {change} WHERE number = 7")
    found = await record.found()
    assert (found.wrong, found.number) == (wrong, 7)


async def test_a_record_rewritten_and_chained_anew_is_not_what_was_signed(record: Record) -> None:
    """The cunning way: change a row, then number and chain everything again, tree and all."""
    await record.by_hand(
        f"UPDATE runtime.journal SET outcome = 'nothing' WHERE {row(6)}",
        "DELETE FROM audit.link", "DELETE FROM audit.node", "DELETE FROM audit.head",
    )  # fmt: skip
    await audit_of(record.runtime, record.home).sealer.seal()
    found = await record.found()
    assert (found.wrong, found.number, found.subject) == (Wrong.REWRITTEN, 5, "checkpoint:2")


async def test_a_moved_end_of_the_chain_is_found(record: Record) -> None:
    await record.by_hand("UPDATE audit.head SET chain = sha256('other')")
    assert (await record.found()).wrong is Wrong.LINK_CHANGED
    await record.by_hand("UPDATE audit.head SET size = 20, frontier = sha256('a') || sha256('b')")
    found = await record.found()
    assert (found.wrong, found.number) == (Wrong.LINK_MISSING, 15)
    await record.by_hand("DELETE FROM audit.head")
    assert not (await record.audit.verify()).good


async def test_a_replaced_checkpoint_is_forged(record: Record) -> None:
    await record.by_hand("UPDATE audit.checkpoint SET text = replace(text, 'number 2', 'number 3') WHERE number = 2")
    found = await record.found()
    assert (found.wrong, found.subject) == (Wrong.CHECKPOINT_FORGED, "checkpoint:2")


async def test_a_checkpoint_signed_by_another_key_is_forged(record: Record) -> None:
    text = await record.rows("SELECT text FROM audit.checkpoint WHERE number = 2")
    head = rules.read_checkpoint(text[0]["text"]).head
    other = AuditKey.generate()
    forged = rules.write_checkpoint(head, other.public_key, other.sign).text
    await record.by_hand(f"UPDATE audit.checkpoint SET text = $sign${forged}$sign$ WHERE number = 2")
    found = await record.found()
    assert (found.wrong, found.subject) == (Wrong.CHECKPOINT_FORGED, "checkpoint:2")


async def test_a_deleted_checkpoint_is_missing(record: Record) -> None:
    await record.by_hand("DELETE FROM audit.checkpoint WHERE number = 2")
    found = await record.found()
    assert (found.wrong, found.subject) == (Wrong.CHECKPOINT_MISSING, "checkpoint:2")


async def test_a_history_signed_anew_with_the_stolen_key_is_not_what_was_exported(record: Record) -> None:
    """Even who has the database and the house's key cannot change what lies outside."""
    await record.by_hand(
        f"UPDATE runtime.journal SET outcome = 'nothing' WHERE {row(6)}",
        "DELETE FROM audit.link", "DELETE FROM audit.node", "DELETE FROM audit.head", "DELETE FROM audit.checkpoint",
    )  # fmt: skip
    forger = audit_of(record.runtime, record.home).sealer
    await forger.seal()
    await forger.checkpoint(now=True)
    found = await record.found()
    assert (found.wrong, found.subject) == (Wrong.ROLLED_BACK, "checkpoint:1")


async def test_a_database_put_back_to_an_older_copy_is_found_at_once_and_at_the_next_start(
    record: Record, runtime: Runtime, tmp_path: Path
) -> None:
    tables = ("runtime.journal", "audit.link", "audit.node", "audit.head", "audit.checkpoint", "audit.delivery")
    copies = [(table, f"copy_{number}") for number, table in enumerate(tables)]
    await record.by_hand(*(f"CREATE TABLE {copy} AS SELECT * FROM {table}" for table, copy in copies))
    await record.act("thing:15")
    await record.checkpoint()
    put_back = [
        f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {copy}"
        for table, copy in copies
    ]
    await record.by_hand("BEGIN", *put_back, "COMMIT")
    found = await record.found()
    assert (found.wrong, found.number, found.subject) == (Wrong.ROLLED_BACK, 15, "checkpoint:4")
    with pytest.raises(ChainRolledBack):
        await record.audit.sealer.seal()
    with pytest.raises(ChainRolledBack):
        await audit_of(runtime, tmp_path).open()


async def test_a_house_told_to_opens_on_the_older_copy_and_keeps_the_evidence(record: Record) -> None:
    await record.by_hand("DELETE FROM audit.checkpoint WHERE number = 3")
    again = audit_of(record.runtime, record.home, rollback="alarm")
    await again.open()
    kept = list((record.home / "checkpoints").glob("main.jsonl.*"))
    assert len(kept) == 1
    await again.delivery.deliver("file")
    assert again.file is not None
    assert [number for number, _ in again.file.lines()] == [1, 2]
    told = await record.rows(
        "SELECT facts->>'exported' AS exported FROM runtime.journal WHERE name = 'audit.rolled_back'"
    )
    assert [row["exported"] for row in told] == ["3"]
    await audit_of(record.runtime, record.home).open()
