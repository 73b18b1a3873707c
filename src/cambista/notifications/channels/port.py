"""What a channel does: bring one letter on its way within its deadline, or say why not."""

from typing import Protocol

from cambista.notifications.types import Letter


class Undeliverable(Exception):
    """A letter was not taken. `code` says why in a word, with nothing of the letter in it.

    `again`: another try may succeed, after `after_s` if the other side said so. A letter whose fate is unknown
    (`code` "unknown_fate": sent, but no answer came) may have arrived.
    """

    def __init__(self, code: str, *, again: bool, after_s: float = 0.0) -> None:
        super().__init__(code)
        self.code, self.again, self.after_s = code, again, after_s


class ChannelPort(Protocol):
    """A way to people: a mail server, a sender of short messages, a folder."""

    async def send(self, letter: Letter) -> None:
        """Return once the other side has taken the letter; raises `Undeliverable`, and nothing else."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
