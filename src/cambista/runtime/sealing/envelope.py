"""Personal data at rest: sealed under a key a subject, found by a blind index, gone when its key is shredded."""

import hmac
import secrets
from collections.abc import Sequence
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from cambista.runtime.clock import Clock, SystemClock
from cambista.runtime.database import Database, Reader, Tx
from cambista.runtime.sealing import form
from cambista.runtime.sealing.form import SealBroken
from cambista.runtime.sealing.local import LocalKeys
from cambista.runtime.sealing.port import KeyProvider, KeyUnreadable
from cambista.runtime.sealing.rotation import rewrap
from cambista.runtime.sealing.subject_keys import KEPT_MAX, Draw, SubjectKeys

SHREDDED = "[erased]"
# Subjects that are nobody: what keys blind indexes, and what seals remembered answers.
INDEX_SUBJECT = UUID(int=1)
ANSWERS_SUBJECT = UUID(int=2)
Plain = tuple[UUID, str, str]
Sealed = tuple[UUID, str, bytes]


class Sealing:
    """Seals texts of subjects. `bound_to` names table, column and row; a text opens there and nowhere else."""

    def __init__(
        self, provider: KeyProvider, clock: Clock, *, draw: Draw = secrets.token_bytes, kept_max: int = KEPT_MAX
    ) -> None:
        self.provider = provider
        self._clock = clock
        self._draw = draw
        self._keys = SubjectKeys(provider, clock, draw=draw, kept_max=kept_max)
        self._index_root: bytes | None = None
        self._index_keys: dict[str, bytes] = {}

    @classmethod
    def in_memory(cls, clock: Clock | None = None, *, draw: Draw = secrets.token_bytes) -> "Sealing":
        """Under one known key: for tests and simulations, never for a house."""
        return cls(LocalKeys.in_memory(draw=draw), clock or SystemClock(), draw=draw)

    async def open(self, db: Database) -> None:
        """Load (at the very first start: make) the house's own keys; raises KeyUnreadable when they do not open."""
        async with db.transaction() as tx:
            known = await self._keys.look(tx, [(INDEX_SUBJECT, None), (ANSWERS_SUBJECT, None)])
            new = [subject for subject, keys in known.items() if keys.live is None]
            known |= await self._keys.make(tx, new, known) if new else {}
        for keys in known.values():
            assert keys.live is not None
            unreadable = keys.versions[keys.live].unreadable
            if unreadable is not None:
                raise unreadable
        index = known[INDEX_SUBJECT]
        assert index.live is not None
        self._index_root = index.versions[index.live].material
        self._index_keys.clear()

    async def close(self) -> None:
        await self.provider.close()

    async def ready(self, db: Database, subjects: Sequence[UUID] = (), *, new: int = 0) -> None:
        """Open those subjects' keys, and have keys for `new` ones: before a transaction that others share, so that it
        does not wait for the provider. Refuses `keys_unavailable`."""
        await self._keys.refill(new)
        lacking = self._keys.lacking(subjects)
        if lacking:
            async with db.read() as reader:
                await self._keys.look(reader, [(subject, None) for subject in lacking])

    async def refill(self) -> None:
        """Have keys for new subjects at hand."""
        await self._keys.refill()

    async def rotate(self, db: Database) -> int:
        """Wrap again, in bounded batches, what the newest key-encryption key has not wrapped; how many keys that were.

        Reading and writing go on meanwhile, here and in other processes.
        """
        return await rewrap(db, self.provider, None)

    async def turn_over(self, db: Database) -> tuple[str, int]:
        """Begin a new key-encryption key, or version of it, and wrap every data key under it: its name, how many."""
        began = self._clock.now()
        kek = await self.provider.rotate()
        return kek, await rewrap(db, self.provider, began)

    async def seal(self, tx: Tx, items: Sequence[Plain]) -> list[bytes]:
        """Seal texts, each for its subject and place. A subject without a key gets one in this transaction.

        Refuses `keys_unavailable`.
        """
        if not items:
            return []
        known = await self._keys.look(tx, [(subject, None) for subject, _, _ in items])
        new = [subject for subject, keys in known.items() if keys.live is None]
        if new:
            known |= await self._keys.make(tx, new, known)
        sealed = []
        for subject, bound_to, text in items:
            version = known[subject].live
            assert version is not None
            key = known[subject].versions[version]
            if key.cipher is None:
                raise key.unreadable or KeyUnreadable(str(subject))
            sealed.append(form.close(key.cipher, (subject, version, bound_to), text, self._draw))
        return sealed

    async def unseal(self, reader: Reader, items: Sequence[Sealed]) -> list[str]:
        """The texts; `SHREDDED` where the key is gone for ever. Raises SealBroken for what was altered or moved.

        Refuses `keys_unavailable`.
        """
        if not items:
            return []
        known = await self._keys.look(reader, [(subject, form.version_of(sealed)) for subject, _, sealed in items])
        texts = []
        for subject, bound_to, sealed in items:
            key = known[subject].versions.get(form.version_of(sealed))
            if key is None:
                raise SealBroken(f"{bound_to}: no such key")
            if key.wrapped is None:
                texts.append(SHREDDED)
            elif key.cipher is None:
                raise key.unreadable or KeyUnreadable(bound_to)
            else:
                texts.append(form.open_up(key.cipher, subject, bound_to, sealed))
        return texts

    async def shred(self, tx: Tx, subjects: Sequence[UUID]) -> None:
        """Destroy those subjects' keys when this transaction commits: nothing sealed under them can be read again.

        This process stops reading at once, another within 60 seconds.
        """
        if subjects:
            await self._keys.shred(tx, subjects)

    def blind(self, index: str, text: str) -> bytes:
        """32 bytes by which equal texts are found again in `index` (HMAC-SHA-256, under a key of the house)."""
        assert self._index_root is not None, "open() comes first"
        key = self._index_keys.get(index)
        if key is None:
            expand = HKDFExpand(algorithm=SHA256(), length=32, info=b"cambista.blind:" + index.encode())
            key = self._index_keys[index] = expand.derive(self._index_root)
        return hmac.digest(key, text.encode(), "sha256")
