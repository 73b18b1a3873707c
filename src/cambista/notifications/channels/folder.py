"""Letters as files in the house's home: where nothing is set up, a developer reads the codes there."""

import asyncio
import os
from pathlib import Path

from cambista.notifications.channels.mail import message_of
from cambista.notifications.channels.port import Undeliverable
from cambista.notifications.types import Letter

_SENDER = "cambista@localhost"


class FolderChannel:
    """One file a letter, for its owner only (0600); the oldest make room. `suffix` .eml holds a mail, .txt the text."""

    def __init__(self, folder: Path, suffix: str, files_max: int) -> None:
        self._folder = folder
        self._suffix = suffix
        self._files_max = files_max

    async def send(self, letter: Letter) -> None:
        try:
            content = self._content(letter)
        except ValueError:
            raise Undeliverable("address_invalid", again=False) from None
        try:
            await asyncio.to_thread(self._write, str(letter.id), content)
        except OSError:
            raise Undeliverable("folder_unwritable", again=True) from None

    async def close(self) -> None:
        """Nothing is kept open."""

    def _content(self, letter: Letter) -> bytes:
        if self._suffix == ".eml":
            return message_of(letter, _SENDER).as_bytes()
        return f"To: {letter.to}\n\n{letter.text}\n".encode()

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{name}.new"
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
        draft.replace(self._folder / f"{name}{self._suffix}")
        self._make_room()

    def _make_room(self) -> None:
        # Names are UUIDv7: their order is the order of time.
        files = sorted(self._folder.glob(f"*{self._suffix}"))
        for old in files[: -self._files_max]:
            old.unlink(missing_ok=True)
