"""All secrets a process holds: each read once, watched, and told anew to its users when it changes."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import structlog
from pydantic import BaseModel, SecretStr

from cambista.runtime.secrets.machine import EnvironmentSecrets, FileSecrets
from cambista.runtime.secrets.port import SECRET_BYTES_MAX, Secret, SecretSource, SecretUnreadable

M = TypeVar("M", bound=BaseModel)
DEADLINE_S = 5.0
PLAIN = "plain:"
_log = structlog.get_logger(__name__)


class Secrets:
    """Takes references (`env:NAME`, `file:/path`, `vault:mount/path#field`, `aws:id#field`) and plain values."""

    def __init__(self, sources: Sequence[SecretSource] = (), *, deadline_s: float = DEADLINE_S) -> None:
        known: list[SecretSource] = [EnvironmentSecrets(), FileSecrets(), *sources]
        self._sources = {source.scheme: source for source in known}
        self._deadline_s = deadline_s
        self._held: dict[str, Secret] = {}

    async def get(self, reference: str | SecretStr) -> Secret:
        """The secret behind a reference; what is none, or begins with `plain:`, is the secret itself.

        The same reference gives the same object. Raises SecretUnreadable.
        """
        if isinstance(reference, Secret):
            return reference
        text = reference.get_secret_value() if isinstance(reference, SecretStr) else reference
        if text.partition(":")[0] not in self._sources:
            return Secret(text.removeprefix(PLAIN))
        held = self._held.get(text)
        if held is None:
            held = self._held.setdefault(text, Secret(await self._read(text), text))
        return held

    async def fill(self, settings: M) -> M:
        """The same settings with the secrets behind every `SecretStr` that is a reference, at any depth."""
        changes: dict[str, object] = {}
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            if isinstance(value, SecretStr):
                changes[name] = await self.get(value)
            elif isinstance(value, BaseModel):
                changes[name] = await self.fill(value)
            elif isinstance(value, tuple):
                changes[name] = tuple(
                    [await self.fill(each) if isinstance(each, BaseModel) else each for each in value]
                )
        return settings.model_copy(update=changes)

    async def refresh(self) -> None:
        """Look at every source again; who asked to hear of a change does. One that fails keeps its last value."""
        held = list(self._held.items())
        values = await asyncio.gather(*(self._read(reference) for reference, _ in held), return_exceptions=True)
        for (reference, secret), value in zip(held, values, strict=True):
            if isinstance(value, str):
                self._tell(reference, secret, value)
            else:
                _log.warning("secret_not_refreshed", reference=reference, error=type(value).__name__)

    def _tell(self, reference: str, secret: Secret, value: str) -> None:
        try:
            if secret.replace(value):
                _log.info("secret_changed", reference=reference)
        except Exception as error:
            _log.error("secret_change_failed", reference=reference, error=type(error).__name__)

    async def _read(self, reference: str) -> str:
        scheme, _, rest = reference.partition(":")
        place, _, field = rest.partition("#")
        try:
            async with asyncio.timeout(self._deadline_s):
                value = await self._sources[scheme].read(place, field)
        except TimeoutError as error:
            raise SecretUnreadable(f"{scheme}:{place} did not answer in time") from error
        if not value or len(value) > SECRET_BYTES_MAX:
            raise SecretUnreadable(f"{scheme}:{place} is empty or too long")
        return value

    async def close(self) -> None:
        for source in self._sources.values():
            await source.close()
