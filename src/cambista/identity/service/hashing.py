"""Passwords hashed and compared in threads, a few at a time: Argon2id takes memory and time on purpose."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from cambista.identity.rules.passwords import dummy_hash
from cambista.identity.settings import PeopleSettings
from cambista.runtime import HouseBusy

T = TypeVar("T")


class Hashing:
    """Argon2id (RFC 9106) through pwdlib. `verifications` counts the comparisons made: each login costs one, whether
    its account exists or not."""

    def __init__(self, settings: PeopleSettings) -> None:
        self._parameters = (settings.password_memory_kib, settings.password_passes, settings.password_lanes)
        memory, passes, lanes = self._parameters
        hasher = Argon2Hasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
        self._passwords = PasswordHash((hasher,))
        self._threads = ThreadPoolExecutor(settings.hashing_threads, thread_name_prefix="passwords")
        self._places = settings.hashing_threads + settings.hashing_waiting_max
        self._taken = 0
        self.verifications = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place among those whose password is looked at; refuses `house_busy` when too many wait already."""
        if self._taken >= self._places:
            raise HouseBusy
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def hash(self, password: str) -> str:
        return await self.run(lambda: self._passwords.hash(password))

    async def verify(self, password: str, hash: str) -> tuple[bool, str | None]:
        """Whether that is the password; and if so, its hash with today's parameters where these have changed."""
        self.verifications += 1
        return await self.run(lambda: self._passwords.verify_and_update(password, hash))

    async def matches_any(self, password: str, hashes: Sequence[str]) -> bool:
        """Whether the password is one of those; every one is looked at."""
        found = [(await self.verify(password, hash))[0] for hash in hashes]
        return any(found)

    def dummy(self, like: str | None) -> str:
        """A hash no password has, as costly as `like`."""
        return dummy_hash(like, self._parameters)

    async def run(self, work: Callable[[], T]) -> T:
        """Work that is not for the loop's thread, on one of the few."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
