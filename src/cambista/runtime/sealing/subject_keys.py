"""A data key a subject: rows of `runtime.data_key`, and a bounded memory of those in use."""

import asyncio
import secrets
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cambista.runtime.clock import Clock
from cambista.runtime.database import Reader, Tx
from cambista.runtime.sealing.port import KeyProvider, KeyUnreadable, WrappedKey

KEY_BYTES = 32
# Somebody else's shredding is seen within this time, for a memory is not believed longer.
TRUST_S = 60.0
# A key is asked of its provider again after this time, so that a withdrawn right takes effect.
OPEN_S = 900.0
KEPT_MAX = 10_000
SPARES = 32
Draw = Callable[[int], bytes]


@dataclass(slots=True)
class SubjectKey:
    """One version of a subject's key; `material` None once it is shredded, `unreadable` where its provider fails it."""

    wrapped: WrappedKey | None
    material: bytes | None = field(repr=False)
    cipher: AESGCM | None
    opened_at: float
    unreadable: KeyUnreadable | None = None


@dataclass(slots=True)
class Keys:
    """All versions of a subject's key, as a statement saw them at `looked_at`.

    `seen_by` is a transaction that makes keys: what it sees may never be committed, so nobody else relies on it.
    """

    versions: dict[int, SubjectKey]
    looked_at: float
    seen_by: "weakref.ref[Reader] | None" = None

    @property
    def live(self) -> int | None:
        """The version to seal with."""
        return max((version for version, key in self.versions.items() if key.wrapped is not None), default=None)


class SubjectKeys:
    """Makes, opens and shreds data keys. Missing ones are opened together; who asks for the same key waits for it."""

    def __init__(
        self, provider: KeyProvider, clock: Clock, *, draw: Draw = secrets.token_bytes, kept_max: int = KEPT_MAX
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._draw = draw
        self._kept_max = kept_max
        self._known: OrderedDict[UUID, Keys] = OrderedDict()
        # Transactions that made a key: what they see may never be committed.
        self._makers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._doomed: dict[UUID, float] = {}
        self._flights: dict[bytes, tuple[asyncio.Future[list[bytes | KeyUnreadable]], int]] = {}
        self._spares: list[tuple[bytes, WrappedKey]] = []

    async def look(self, reader: Reader, wanted: Iterable[tuple[UUID, int | None]]) -> dict[UUID, Keys]:
        """The keys of those subjects, from memory or the database; a version named must be among them, if it exists."""
        subjects: dict[UUID, set[int]] = {}
        for subject, version in wanted:
            subjects.setdefault(subject, set()).update(() if version is None else (version,))
        found = {
            subject: known
            for subject, versions in subjects.items()
            if (known := self._believed(reader, subject)) is not None and versions <= known.versions.keys()
        }
        missing = subjects.keys() - found.keys()
        return found | await self._fetch(reader, sorted(missing)) if missing else found

    def lacking(self, subjects: Iterable[UUID]) -> list[UUID]:
        """Those of these subjects that `look` would have to ask the database about."""
        return [subject for subject in subjects if self._believed(None, subject) is None]

    async def make(self, tx: Tx, subjects: Iterable[UUID], known: dict[UUID, Keys]) -> dict[UUID, Keys]:
        """A new key for each of those subjects, in this transaction; another's made meanwhile is taken instead."""
        ordered = sorted(subjects)
        spares = await self._take_spares(len(ordered))
        rows = await tx.all(
            """
            INSERT INTO runtime.data_key (subject, version, wrapped, kek, wrapped_at, created_at)
            SELECT subject, version, wrapped, kek, $5, $5
            FROM unnest($1::uuid[], $2::int[], $3::bytea[], $4::text[]) AS made (subject, version, wrapped, kek)
            ON CONFLICT (subject, version) DO NOTHING RETURNING subject
            """,
            ordered,
            [max(known[subject].versions, default=0) + 1 for subject in ordered],
            [wrapped.blob for _, wrapped in spares],
            [wrapped.kek for _, wrapped in spares],
            tx.now,
        )
        ours = {row["subject"] for row in rows}
        for subject, (key, wrapped) in zip(ordered, spares, strict=True):
            if subject in ours:
                version = max(known[subject].versions, default=0) + 1
                self._keep_born(tx, subject, version, known[subject], self._opened(subject, version, wrapped, key))
        others = [subject for subject in ordered if subject not in ours]
        made = {subject: self._known[subject] for subject in ours}
        return made | await self._fetch(tx, others) if others else made

    async def shred(self, tx: Tx, subjects: Sequence[UUID]) -> None:
        """Make those keys unreadable for ever when this transaction commits. They are out of memory already."""
        ordered = sorted(set(subjects))
        await tx.execute(
            """
            UPDATE runtime.data_key SET wrapped = NULL, shredded_at = $2
            WHERE subject = ANY($1) AND wrapped IS NOT NULL
            """,
            ordered,
            tx.now,
        )
        until = self._clock.monotonic() + TRUST_S
        for subject in ordered:
            # A reader beside this transaction may learn the key once more before it commits: do not believe that.
            self._doomed[subject] = until
            self._known.pop(subject, None)

    async def refill(self, least: int = SPARES // 2) -> None:
        """Have at least so many keys ready for new subjects, that no transaction waits for the provider to wrap one."""
        if len(self._spares) < least:
            self._spares.extend(await self._draw_keys(max(least, SPARES) - len(self._spares)))

    async def _take_spares(self, count: int) -> list[tuple[bytes, WrappedKey]]:
        taken = [self._spares.pop() for _ in range(min(count, len(self._spares)))]
        return taken + (await self._draw_keys(count - len(taken)) if count > len(taken) else [])

    async def _draw_keys(self, count: int) -> list[tuple[bytes, WrappedKey]]:
        keys = [self._draw(KEY_BYTES) for _ in range(count)]
        return list(zip(keys, await self._provider.wrap(keys), strict=True))

    def _believed(self, reader: Reader | None, subject: UUID) -> Keys | None:
        known = self._known.get(subject)
        if known is None:
            return None
        if known.seen_by is not None:
            return known if reader is not None and known.seen_by() is reader else None
        now = self._clock.monotonic()
        if subject in self._doomed:
            if now < self._doomed[subject]:
                return None
            del self._doomed[subject]
        stale = now - known.looked_at > TRUST_S or any(now - key.opened_at > OPEN_S for key in known.versions.values())
        if stale:
            return None
        self._known.move_to_end(subject)
        return known

    async def _fetch(self, reader: Reader, subjects: Sequence[UUID]) -> dict[UUID, Keys]:
        looked_at = self._clock.monotonic()
        rows = await reader.all(
            f"SELECT subject, version, wrapped, kek FROM {reader.table('runtime.data_key')} WHERE subject = ANY($1)",
            subjects,
        )
        opened = await self._open(rows)
        fetched = {subject: Keys({}, looked_at) for subject in subjects}
        for row in rows:
            fetched[row["subject"]].versions[row["version"]] = opened[row["subject"], row["version"]]
        for subject, keys in fetched.items():
            self._keep(reader, subject, keys)
        return fetched

    async def _open(self, rows: Sequence[Any]) -> dict[tuple[UUID, int], SubjectKey]:
        """The keys of those rows; only those not open in memory are asked of the provider."""
        opened: dict[tuple[UUID, int], SubjectKey] = {}
        shut: list[tuple[UUID, int, WrappedKey]] = []
        now = self._clock.monotonic()
        for row in rows:
            subject, version = row["subject"], row["version"]
            if row["wrapped"] is None:
                opened[subject, version] = SubjectKey(None, None, None, now)
                continue
            wrapped = WrappedKey(row["kek"], row["wrapped"])
            known = self._known[subject].versions.get(version) if subject in self._known else None
            if known is not None and known.wrapped == wrapped and now - known.opened_at <= OPEN_S:
                opened[subject, version] = known
            else:
                shut.append((subject, version, wrapped))
        answers = await self._unwrap([wrapped for _, _, wrapped in shut]) if shut else []
        for (subject, version, wrapped), answer in zip(shut, answers, strict=True):
            opened[subject, version] = self._opened(subject, version, wrapped, answer)
        return opened

    async def _unwrap(self, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        fresh = list({key.blob: key for key in keys if key.blob not in self._flights}.values())
        if fresh:
            flight = asyncio.ensure_future(self._provider.unwrap(fresh))
            self._flights.update({key.blob: (flight, position) for position, key in enumerate(fresh)})
            flight.add_done_callback(lambda landed: self._land(landed, fresh))
        waiting = [self._flights[key.blob] for key in keys]
        # Shielded: whoever gives up waiting takes nothing from the others.
        return [(await asyncio.shield(flight))[position] for flight, position in waiting]

    def _land(self, flight: "asyncio.Future[list[bytes | KeyUnreadable]]", keys: Sequence[WrappedKey]) -> None:
        for key in keys:
            del self._flights[key.blob]
        if not flight.cancelled():
            flight.exception()

    def _opened(self, subject: UUID, version: int, wrapped: WrappedKey, answer: bytes | KeyUnreadable) -> SubjectKey:
        now = self._clock.monotonic()
        if isinstance(answer, KeyUnreadable):
            return SubjectKey(wrapped, None, None, now, answer)
        material = _derived(answer, b"cambista.data_key:" + subject.bytes + version.to_bytes(2, "big"))
        return SubjectKey(wrapped, material, AESGCM(material), now)

    def _keep_born(self, tx: Tx, subject: UUID, version: int, known: Keys, key: SubjectKey) -> None:
        self._makers.add(tx)
        self._keep(tx, subject, Keys({**known.versions, version: key}, self._clock.monotonic()))

    def _keep(self, reader: Reader, subject: UUID, keys: Keys) -> None:
        if reader in self._makers:
            keys.seen_by = weakref.ref(reader)
        self._known[subject] = keys
        self._known.move_to_end(subject)
        while len(self._known) > self._kept_max:
            self._known.popitem(last=False)


def _derived(key: bytes, purpose: bytes) -> bytes:
    """HKDF (RFC 5869): binds a data key to its subject, so that it fits no other subject's row."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)
