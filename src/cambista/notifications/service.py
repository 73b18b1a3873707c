"""Sends what waits: takes notices from identity, renders them, hands them to channels, tells what came of it."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from cambista.identity import Channel, DueNotice, Identity, NoticeFailure
from cambista.notifications.channels import ChannelPort, Undeliverable
from cambista.notifications.rules import letters as rules
from cambista.runtime import Runtime

_log = structlog.get_logger(__name__)


class Notifications:
    """The sender. A notice may be sent twice only if the house dies between sending and telling."""

    def __init__(
        self, runtime: Runtime, identity: Identity, channels: Mapping[Channel, ChannelPort], *, batch: int = 20
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._channels = channels
        self._batch = batch

    async def send_due(self) -> int:
        """Send what is due until nothing is; how many were sent."""
        sent = 0
        while taken := await self._identity.notices.take(self._batch):
            failures = [each for each in await self._send_all(taken) if each is not None]
            failed = {each.id for each in failures}
            done = [each.id for each in taken if each.id not in failed]
            await self._identity.notices.report(done, failures)
            sent += len(done)
        return sent

    async def sweep(self) -> None:
        """Forget what expired."""
        await self._identity.notices.sweep()

    async def close(self) -> None:
        """Let the channels go."""
        for channel in self._channels.values():
            await channel.close()

    async def _send_all(self, taken: Sequence[DueNotice]) -> list[NoticeFailure | None]:
        """Side by side: one slow mail server or number does not hold up the others."""
        return list(await asyncio.gather(*(self._send(each) for each in taken)))

    async def _send(self, due: DueNotice) -> NoticeFailure | None:
        try:
            await self._channels[due.notice.channel].send(rules.letter(due, self._identity.house_name))
        except Undeliverable as error:
            return self._failure(due, error.code, again=error.again, after_s=error.after_s)
        except rules.TextUnknown:
            return self._failure(due, "text_unknown", again=False)
        except Exception as error:
            # Its message might quote the letter; the kind says enough.
            _log.error("notice_broke", notice=str(due.id), kind=type(error).__name__)
            return self._failure(due, "channel_broke", again=True)
        return None

    def _failure(self, due: DueNotice, code: str, *, again: bool, after_s: float = 0.0) -> NoticeFailure:
        told = rules.failure(due, code, again=again, after_s=after_s, now=self._runtime.now())
        level = "warning" if told.retry_at is None else "info"
        getattr(_log, level)(
            "notice_failed", notice=str(due.id), channel=due.notice.channel.value, template=due.notice.template,
            code=code, attempts=due.attempts, given_up=told.retry_at is None,
        )  # fmt: skip
        return told
