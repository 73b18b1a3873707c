"""Secrets of this machine: the environment, and files such as those Kubernetes and systemd lay down."""

import asyncio
import os
from pathlib import Path

from cambista.runtime.secrets.port import SECRET_BYTES_MAX, SecretUnreadable


class EnvironmentSecrets:
    """`env:NAME`. A process's environment does not change, so neither do these."""

    scheme = "env"

    async def read(self, place: str, field: str) -> str:
        value = os.environ.get(place)
        if value is None:
            raise SecretUnreadable(f"env:{place} is not set")
        return value

    async def close(self) -> None:
        pass


class FileSecrets:
    """`file:/path`: the file's text without the line end at its end."""

    scheme = "file"

    async def read(self, place: str, field: str) -> str:
        path = Path(place)
        if not path.is_absolute():
            raise SecretUnreadable(f"file:{place} is not an absolute path")
        try:
            content = await asyncio.to_thread(_start_of, path)
            text = content.decode()
        except OSError as error:
            raise SecretUnreadable(f"file:{place} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SecretUnreadable(f"file:{place} is not UTF-8 text") from error
        if len(content) > SECRET_BYTES_MAX:
            raise SecretUnreadable(f"file:{place} is longer than {SECRET_BYTES_MAX} bytes")
        return text.rstrip("\r\n")

    async def close(self) -> None:
        pass


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SECRET_BYTES_MAX + 1)
