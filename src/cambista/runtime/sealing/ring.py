"""One provider that wraps, and those that may still unwrap what they wrapped before; a deadline on each call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from cambista.runtime.clock import Clock
from cambista.runtime.sealing.port import KeyProvider, KeysUnavailable, KeyUnreadable, WrappedKey

T = TypeVar("T")
DEADLINE_S = 2.0
PAUSE_S = 1.0
_log = structlog.get_logger(__name__)


class KeyRing:
    """A provider itself. After a call that failed or took over `deadline_s` its provider is left alone for a second:
    askers are refused at once and do not queue up behind it."""

    def __init__(
        self, wrapping: KeyProvider, former: Sequence[KeyProvider], clock: Clock, *, deadline_s: float = DEADLINE_S
    ) -> None:
        self._wrapping = wrapping
        self._providers = {provider.scheme: provider for provider in (*former, wrapping)}
        self._clock = clock
        self._deadline_s = deadline_s
        self._resting: dict[str, float] = {}

    @property
    def scheme(self) -> str:
        return self._wrapping.scheme

    async def newest(self) -> str:
        return await self._ask(self._wrapping, self._wrapping.newest)

    async def wrap(self, keys: Sequence[bytes]) -> list[WrappedKey]:
        return await self._ask(self._wrapping, lambda: self._wrapping.wrap(keys))

    async def rotate(self) -> str:
        return await self._ask(self._wrapping, self._wrapping.rotate)

    async def unwrap(self, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        answers: dict[int, bytes | KeyUnreadable] = {}
        by_scheme: dict[str, list[int]] = {}
        for position, each in enumerate(keys):
            by_scheme.setdefault(each.kek.partition(":")[0], []).append(position)
        for scheme, positions in by_scheme.items():
            opened = await self._unwrap(scheme, [keys[position] for position in positions])
            answers.update(zip(positions, opened, strict=True))
        return [answers[position] for position in range(len(keys))]

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()

    async def _unwrap(self, scheme: str, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        provider = self._providers.get(scheme)
        if provider is None:
            return [KeyUnreadable(f"{each.kek}: this provider is not set up") for each in keys]
        return await self._ask(provider, lambda: provider.unwrap(keys))

    async def _ask(self, provider: KeyProvider, call: Callable[[], Awaitable[T]]) -> T:
        scheme = provider.scheme
        if self._clock.monotonic() < self._resting.get(scheme, 0.0):
            raise KeysUnavailable
        try:
            async with asyncio.timeout(self._deadline_s):
                return await call()
        except Exception as error:
            self._resting[scheme] = self._clock.monotonic() + PAUSE_S
            # The error's text may quote what was sent.
            _log.warning("keys_unavailable", provider=scheme, error=type(error.__cause__ or error).__name__)
            raise KeysUnavailable from error
