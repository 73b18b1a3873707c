"""A keeper of keys for tests that look at what it is asked."""

import asyncio
from collections.abc import Sequence

from cambista.runtime.sealing import KeyUnreadable, LocalKeys, WrappedKey


class CountingKeys(LocalKeys):
    """A local provider that counts what it is asked, can be away, and can be made to wait."""

    def __init__(self) -> None:
        super().__init__({1: bytes(range(32))})
        self.unwrapped: list[int] = []
        self.wrapped: list[int] = []
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def wrap(self, keys: Sequence[bytes]) -> list[WrappedKey]:
        self.wrapped.append(len(keys))
        await self._door()
        return await super().wrap(keys)

    async def unwrap(self, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        self.unwrapped.append(len(keys))
        await self._door()
        return await super().unwrap(keys)

    async def _door(self) -> None:
        await self.gate.wait()
        if self.away:
            raise ConnectionError
