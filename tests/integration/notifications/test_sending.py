"""The queue of notices on a real database: each sent once, failures tried ever later, nothing kept of what left."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest

from cambista.identity import Channel, Identity, Notice
from cambista.notifications import Letter, Notifications, Undeliverable
from cambista.runtime import Runtime
from tests.databases import ManualClock

ANA = UUID(int=77)
CODE = {"code": "123456", "minutes": "5"}


@dataclass(slots=True)
class Scripted:
    """A channel that does what the test says: `script` holds failures (None: it goes well)."""

    script: list[Exception | None] = field(default_factory=list)
    taken: list[Letter] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    async def send(self, letter: Letter) -> None:
        self.before()
        failure = self.script.pop(0) if self.script else None
        if failure is not None:
            raise failure
        self.taken.append(letter)

    async def close(self) -> None:
        """Nothing to let go."""


@dataclass(slots=True)
class Post:
    runtime: Runtime
    identity: Identity
    channel: Scripted
    sender: Notifications

    def notice(self, **changes: object) -> Notice:
        expires_at = self.runtime.now() + timedelta(hours=1)
        notice = Notice(ANA, Channel.SMS, "+573001234567", "sms_code", "es", CODE, expires_at)
        return replace(notice, **changes)  # type: ignore[arg-type]

    async def write(self, *notices: Notice) -> None:
        async with self.runtime.db.transaction() as tx:
            await self.identity.notices.post(tx, notices or [self.notice()])

    async def rows(self) -> list[dict[str, object]]:
        async with self.runtime.db.read() as reader:
            return [dict(row) for row in await reader.all("SELECT * FROM identity.notice ORDER BY id")]

    def advance(self, seconds: float) -> None:
        assert isinstance(self.runtime.clock, ManualClock)
        self.runtime.clock.advance(seconds)


@pytest.fixture
def post(runtime: Runtime) -> Post:
    identity, channel = Identity(runtime), Scripted()
    return Post(runtime, identity, channel, Notifications(runtime, identity, {each: channel for each in Channel}))


async def test_a_notice_is_sent_once_in_the_persons_language_and_emptied(post: Post) -> None:
    await post.write(post.notice(), post.notice(language="en"))
    assert await post.sender.send_due() == 2
    assert await post.sender.send_due() == 0
    assert sorted(each.text for each in post.channel.taken) == [
        "Cambista: su código es 123456. Vale 5 minutos. No lo comparta con nadie.",
        "Cambista: your code is 123456. It is good for 5 minutes. Share it with nobody.",
    ]
    assert [(row["contents"], row["sent_at"]) for row in await post.rows()] == [(None, post.runtime.now())] * 2


async def test_address_and_facts_lie_sealed_while_they_wait(post: Post) -> None:
    await post.write()
    [row] = await post.rows()
    whole = repr(row).encode() + bytes(row["contents"])  # type: ignore[call-overload]
    assert b"123456" not in whole
    assert b"3001234567" not in whole


async def test_what_is_rolled_back_is_not_sent(post: Post) -> None:
    async def fails() -> None:
        async with post.runtime.db.transaction() as tx:
            await post.identity.notices.post(tx, [post.notice()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await post.sender.send_due() == 0


async def test_a_failure_is_tried_again_ever_later_and_given_up_after_eight(post: Post) -> None:
    post.channel.script = [Undeliverable("unreachable", again=True)] * 8
    await post.write(post.notice(expires_at=post.runtime.now() + timedelta(days=2)))
    waits = []
    for _ in range(8):
        await post.sender.send_due()
        waited = 0
        while post.channel.script and not await _is_due(post):
            post.advance(1)
            waited += 1
        waits.append(waited)
    assert waits[:7] == [5, 10, 20, 40, 80, 160, 320]
    post.advance(3600)
    assert await post.sender.send_due() == 0
    await post.sender.sweep()
    [row] = await post.rows()
    assert (row["attempts"], row["failure"], row["contents"]) == (8, "unreachable", None)
    assert post.channel.taken == []


async def _is_due(post: Post) -> bool:
    [row] = await post.rows()
    return row["due_at"] <= post.runtime.now()  # type: ignore[operator]


async def test_a_channel_may_ask_for_a_longer_wait(post: Post) -> None:
    post.channel.script = [Undeliverable("sms_429", again=True, after_s=300)]
    await post.write()
    await post.sender.send_due()
    post.advance(299)
    assert await post.sender.send_due() == 0
    post.advance(1)
    assert await post.sender.send_due() == 1


async def test_what_need_not_be_tried_again_is_given_up_at_once(post: Post) -> None:
    post.channel.script = [Undeliverable("recipient_refused", again=False)]
    await post.write()
    await post.sender.send_due()
    [row] = await post.rows()
    assert (row["failure"], row["contents"], row["failed_at"]) == ("recipient_refused", None, post.runtime.now())


async def test_what_expired_is_neither_sent_nor_kept(post: Post) -> None:
    await post.write(post.notice(expires_at=post.runtime.now() + timedelta(minutes=5)))
    post.advance(300)
    assert await post.sender.send_due() == 0
    await post.sender.sweep()
    [row] = await post.rows()
    assert (row["failure"], row["contents"]) == ("expired", None)
    post.advance(timedelta(days=31).total_seconds())
    await post.sender.sweep()
    assert await post.rows() == []


async def test_a_try_that_would_come_after_the_end_is_none(post: Post) -> None:
    post.channel.script = [Undeliverable("unreachable", again=True)]
    await post.write(post.notice(expires_at=post.runtime.now() + timedelta(seconds=4)))
    await post.sender.send_due()
    [row] = await post.rows()
    assert (row["failed_at"], row["contents"]) == (post.runtime.now(), None)


async def test_a_lost_senders_notice_comes_back_after_the_lease(post: Post) -> None:
    await post.write()
    assert len(await post.identity.notices.take(10)) == 1
    assert await post.sender.send_due() == 0
    post.advance(121)
    assert await post.sender.send_due() == 1


async def test_two_senders_send_each_notice_once(post: Post) -> None:
    twin = Notifications(post.runtime, Identity(post.runtime), {each: post.channel for each in Channel}, batch=3)
    await post.write(*(post.notice(facts={**CODE, "code": f"{n:06d}"}) for n in range(40)))
    sent = await asyncio.gather(post.sender.send_due(), twin.send_due(), post.sender.send_due())
    assert sum(sent) == 40
    assert len({each.text for each in post.channel.taken}) == len(post.channel.taken) == 40


async def test_one_broken_letter_does_not_hold_up_the_others(post: Post) -> None:
    post.channel.script = [RuntimeError("a bug that quotes 123456")]
    await post.write(post.notice(), post.notice(), post.notice(template="no_such_text"), post.notice(facts={}))
    assert await post.sender.send_due() == 1
    failures = sorted(str(row["failure"]) for row in await post.rows() if row["failure"])
    assert failures == ["channel_broke", "text_unknown", "text_unknown"]


async def test_a_forgotten_persons_notice_is_not_sent(post: Post) -> None:
    await post.write()
    async with post.runtime.db.transaction() as tx:
        await post.runtime.sealing.shred(tx, [ANA])
    assert await post.sender.send_due() == 0
    [row] = await post.rows()
    assert (row["failure"], row["contents"]) == ("forgotten", None)
