"""Which keys authenticate, remembered for up to a second: the hot path of every request."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from cambista.identity.rules import keys as key_rules
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.store import sessions as session_store
from cambista.identity.types.keys import Network
from cambista.kernel.callers import Credential, Role
from cambista.kernel.errors import Unauthenticated
from cambista.runtime import DatabaseAway, Reader, Runtime

HASH_BYTES = 32


class Known(NamedTuple):
    """A usable credential as last read; `read_at` is monotonic seconds."""

    owner_id: UUID
    role: Role
    key_id: UUID
    scopes: frozenset[str]
    expires_at: datetime | None
    read_at: float
    kind: Credential
    client_id: UUID | None
    proved_at: datetime | None
    agent_hash: bytes | None = None
    networks: tuple[Network, ...] = ()
    # Sealed. Where it is not None, requests must be signed.
    signing_secret: bytes | None = None


class Keyring:
    """Credentials read not longer ago than `trust_s`. Misses that wait together are read with one statement.

    Keys and sessions are looked up by the hash of a secret of 256 random bits, so the timing says nothing about any
    other; a grant by its id, which stands in a token that is signed.
    """

    def __init__(self, runtime: Runtime, settings: IdentitySettings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._wanted: set[bytes] = set()
        self._turn = asyncio.Lock()
        self._failures = 0
        self._uses: dict[UUID, datetime] = {}

    def forget(self) -> None:
        """Believe nothing any more: something was revoked or blocked in this process."""
        self._known.clear()
        self._unknown.clear()

    async def find(self, key: str) -> Known:
        """The key or session of that text; raises `unauthenticated`."""
        if key_rules.key_prefix(key) is None:
            raise Unauthenticated
        return await self._find(key_rules.key_hash(key))

    async def find_grant(self, id: UUID) -> Known:
        """What was granted to an OAuth2 client; raises `unauthenticated`."""
        return await self._find(id.bytes)

    async def _find(self, digest: bytes) -> Known:
        found = self._fresh(digest)
        if found is None:
            found = await self._read(digest)
        if found is None:
            raise Unauthenticated
        if found.expires_at is not None and found.expires_at <= self._runtime.clock.now():
            raise Unauthenticated
        self.note_use(found.key_id)
        return found

    def note_use(self, id: UUID) -> None:
        """Remember, until the next `note_uses`, that this credential is in use now."""
        if id in self._uses or len(self._uses) < self._settings.known_keys_max:
            self._uses[id] = self._runtime.clock.now()

    def _fresh(self, digest: bytes) -> Known | None:
        found = self._known.get(digest)
        if found is not None and self._runtime.clock.monotonic() - found.read_at < self._settings.trust_s:
            return found
        return None

    def _is_unknown(self, digest: bytes) -> bool:
        read_at = self._unknown.get(digest)
        return read_at is not None and self._runtime.clock.monotonic() - read_at < self._settings.trust_s

    async def _read(self, digest: bytes) -> Known | None:
        if self._is_unknown(digest):
            return None
        failures = self._failures
        self._wanted.add(digest)
        async with self._turn:
            if digest not in self._wanted and (digest in self._known or digest in self._unknown):
                return self._known.get(digest)
            try:
                # Who waited while a read failed fails with it, instead of each waiting for the database in turn.
                if self._failures != failures:
                    raise DatabaseAway
                self._wanted.add(digest)
                return (await self._read_wanted()).get(digest)
            except BaseException:
                self._wanted.discard(digest)
                raise

    async def _read_wanted(self) -> dict[bytes, Known]:
        digests, self._wanted = list(self._wanted), set()
        read_at = self._runtime.clock.monotonic()
        try:
            async with self._runtime.db.read() as reader:
                rows = await self._usable(reader, digests)
        except BaseException as error:
            self._wanted.update(digests)
            if isinstance(error, DatabaseAway):
                self._failures += 1
            raise
        found = {row["hash"] or row["id"].bytes: _known(row, read_at) for row in rows}
        for digest in digests:
            self._remember(digest, found.get(digest), read_at)
        return found

    async def _usable(self, reader: Reader, digests: Sequence[bytes]) -> list[Any]:
        now, rows = self._runtime.now(), []
        hashes = [digest for digest in digests if len(digest) == HASH_BYTES]
        if hashes:
            rows += await key_store.find_usable_by_hash(reader, hashes, now)
        if len(hashes) < len(digests):
            ids = [UUID(bytes=digest) for digest in digests if len(digest) != HASH_BYTES]
            rows += await key_store.find_usable_by_id(reader, ids, now)
        return rows

    def _remember(self, digest: bytes, known: Known | None, read_at: float) -> None:
        self._known.pop(digest, None)
        self._unknown.pop(digest, None)
        if known is not None:
            self._known[digest] = known
        else:
            self._unknown[digest] = read_at
        for cache in (self._known, self._unknown):
            while len(cache) > self._settings.known_keys_max:
                cache.popitem(last=False)

    async def note_uses(self) -> None:
        uses, self._uses = self._uses, {}
        if uses:
            async with self._runtime.db.transaction() as tx:
                await key_store.set_last_used(tx, uses, timedelta(minutes=1))
                await session_store.set_seen(tx, uses)


def _known(row: Any, read_at: float) -> Known:
    return Known(
        row["owner_id"], Role(row["role"]), row["id"], frozenset(row["scopes"]), row["expires_at"], read_at,
        Credential(row["kind"]), row["client_id"], row["proved_at"], row["agent_hash"],
        tuple(row["networks"]), row["signing_secret"],
    )  # fmt: skip
