"""Where secrets come from, and the secret as its users hold it."""

from collections.abc import Callable
from typing import Protocol

from pydantic import SecretStr

SECRET_BYTES_MAX = 64 * 1024


class SecretUnreadable(Exception):
    """A secret that its source does not give; the text names the reference and the reason, never a value."""


class SecretSource(Protocol):
    """Reads what stands behind the scheme of a reference, as `file` in `file:/run/secrets/smtp`."""

    @property
    def scheme(self) -> str: ...

    async def read(self, place: str, field: str) -> str:
        """The value now, at most 64 KiB; raises SecretUnreadable."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Secret(SecretStr):
    """A secret that may change while the house runs: `reveal()` gives its value now, so ask at each use.

    Being a `SecretStr` it is hidden wherever it is shown, and stands in for one in a room's settings.
    """

    def __init__(self, value: str, reference: str = "") -> None:
        super().__init__(value)
        self.reference = reference
        self._listeners: list[Callable[[], None]] = []

    def reveal(self) -> str:
        return self.get_secret_value()

    def on_change(self, call: Callable[[], None]) -> None:
        """Call after each change, once `reveal()` gives the new value."""
        self._listeners.append(call)

    def replace(self, value: str) -> bool:
        """Take the value its source gives now; whether it is another one."""
        if value == self._secret_value:
            return False
        self._secret_value = value
        for call in self._listeners:
            call()
        return True
