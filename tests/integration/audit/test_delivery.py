"""Checkpoints go outside: each sink from its own cursor, and none waits for another."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cambista.audit.service.delivery import Delivery
from cambista.audit.service.sinks import open_sinks
from cambista.audit.settings import AuditSettings
from cambista.audit.sinks.file import FileSink
from cambista.audit.sinks.port import Parcel, SinkFailed
from cambista.kernel.errors import Conflict
from tests.databases import START
from tests.integration.audit.records import KEY, Record, audit_of


class Kept:
    """A sink that keeps what it is sent, or fails."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.numbers: list[int] = []
        self.fails = False

    async def send(self, parcels: Sequence[Parcel]) -> None:
        if self.fails:
            raise SinkFailed("out of order")
        self.numbers += [each.number for each in parcels]


async def checkpoints(fresh: Record, count: int) -> None:
    for number in range(count):
        await fresh.act(f"thing:{number}")
        await fresh.audit.sealer.seal()
        await fresh.audit.sealer.checkpoint(now=True)


async def test_each_sink_gets_each_checkpoint_once_in_order(fresh: Record) -> None:
    one, other = Kept("one"), Kept("other")
    delivery = Delivery(fresh.runtime, KEY, [one, other])
    await checkpoints(fresh, 2)
    assert await delivery.deliver("one") == 2
    await checkpoints(fresh, 1)
    assert [await delivery.deliver("one"), await delivery.deliver("one")] == [1, 0]
    assert await Delivery(fresh.runtime, KEY, [other]).deliver("other") == 3
    assert one.numbers == other.numbers == [1, 2, 3]


async def test_a_failing_sink_holds_up_nobody_is_tried_again_and_seen_to_lag(fresh: Record) -> None:
    good, bad = Kept("good"), Kept("bad")
    bad.fails = True
    delivery = Delivery(fresh.runtime, KEY, [good, bad])
    await checkpoints(fresh, 3)
    fresh.runtime.tasks.keep("bad", lambda: delivery.run("bad"))
    fresh.runtime.tasks.keep("good", lambda: delivery.run("good"))
    for _ in range(200):
        states = {each.sink: each for each in await delivery.states()}
        if states["good"].number == 3 and states["bad"].failures:
            break
    assert (states["good"].behind, states["bad"].behind) == (0, 3)
    assert states["bad"].error == "out of order"
    bad.fails = False
    for _ in range(200):
        fresh.clock.advance(1)
        states = {each.sink: each for each in await delivery.states()}
        if states["bad"].number == 3:
            break
    assert (bad.numbers, states["bad"].failures, states["bad"].behind) == ([1, 2, 3], 0, 0)


async def test_a_crash_between_sending_and_remembering_sends_again(fresh: Record) -> None:
    sink = Kept("one")
    delivery = Delivery(fresh.runtime, KEY, [sink])
    await checkpoints(fresh, 1)

    def crash(point: str) -> None:
        if point == "before_commit":
            raise Conflict

    fresh.runtime.db.fault = crash
    with pytest.raises(Conflict):
        await delivery.deliver("one")
    fresh.runtime.db.fault = lambda point: None
    assert await delivery.deliver("one") == 1
    assert sink.numbers == [1, 1]


async def test_a_file_that_was_taken_away_is_written_again_at_the_next_start(fresh: Record) -> None:
    await checkpoints(fresh, 2)
    await fresh.audit.delivery.deliver("file")
    file = fresh.audit.file
    assert file is not None
    file.path.unlink()
    again = audit_of(fresh.runtime, fresh.home)
    await again.open()
    await again.delivery.deliver("file")
    assert [number for number, _ in file.lines()] == [1, 2]


def test_the_settings_name_the_sinks(tmp_path: Path) -> None:
    [sink] = open_sinks(AuditSettings(), tmp_path, "main", lambda: START)
    assert isinstance(sink, FileSink)
    assert sink.path == tmp_path / "checkpoints" / "main.jsonl"
    settings = AuditSettings(
        webhook_url="https://example.com/x", syslog="tls://logs.example.com", checkpoints=tmp_path / "else"
    )
    sinks = open_sinks(settings, tmp_path, "cali", lambda: START)
    assert [sink.name for sink in sinks] == ["file", "webhook", "syslog"]
    assert isinstance(sinks[0], FileSink)
    assert sinks[0].path == tmp_path / "else" / "cali.jsonl"
