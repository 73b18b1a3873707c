"""Key-encryption keys in a file of the house's home: for one machine, and for a start without further services."""

import base64
import fcntl
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cambista.runtime.sealing.port import PURPOSE, KeysUnavailable, KeyUnreadable, WrappedKey

KEY_FILE = "sealing.keys"
KEY_BYTES = 32
NONCE_BYTES = 12
FILE_BYTES_MAX = 1 << 20
Draw = Callable[[int], bytes]


class KeyFileRefused(Exception):
    """The file of key-encryption keys cannot be trusted or read; the text says why."""


class LocalKeys:
    """AES-256-GCM under the newest of several keys. Read from the file again when it changed, so a rotation by
    another process is seen at once."""

    scheme = "local"

    def __init__(
        self, keys: Mapping[int, bytes], *, path: Path | None = None, draw: Draw = secrets.token_bytes
    ) -> None:
        assert keys
        assert all(len(key) == KEY_BYTES for key in keys.values())
        self._keys = dict(keys)
        self._path = path
        self._draw = draw
        self._seen = _signature(path)

    @classmethod
    def open(cls, path: Path) -> "LocalKeys":
        """The keys of the file, made with one key (0600, whole, durable) when absent; of two starts at once one wins.

        Refuses (`KeyFileRefused`) a file that is another user's, that others may read, or that holds something else.
        """
        if not path.exists():
            _create(path, {1: secrets.token_bytes(KEY_BYTES)})
        return cls(_read(path), path=path)

    @classmethod
    def in_memory(cls, key: bytes = bytes(range(KEY_BYTES)), *, draw: Draw = secrets.token_bytes) -> "LocalKeys":
        """One known key and no file: for tests and simulations, never for a house."""
        return cls({1: key}, draw=draw)

    async def newest(self) -> str:
        self._refresh()
        return _kek(max(self._keys))

    async def wrap(self, keys: Sequence[bytes]) -> list[WrappedKey]:
        self._refresh()
        version = max(self._keys)
        cipher = AESGCM(self._keys[version])
        nonces = [self._draw(NONCE_BYTES) for _ in keys]
        return [
            WrappedKey(_kek(version), nonce + cipher.encrypt(nonce, key, PURPOSE.encode()))
            for nonce, key in zip(nonces, keys, strict=True)
        ]

    async def unwrap(self, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        self._refresh()
        return [self._open(each) for each in keys]

    def _open(self, wrapped: WrappedKey) -> bytes | KeyUnreadable:
        key = self._keys.get(_version(wrapped.kek))
        if key is None:
            return KeyUnreadable(f"{wrapped.kek} is not in the key file")
        nonce, sealed = wrapped.blob[:NONCE_BYTES], wrapped.blob[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, PURPOSE.encode())
        except (InvalidTag, ValueError):
            return KeyUnreadable(f"a data key does not open under {wrapped.kek}")

    async def rotate(self) -> str:
        if self._path is None:
            self._keys = _grown(self._keys, self._draw)
        else:
            with _turn(self._path.parent):
                _draft(self._path, _grown(_read(self._path), self._draw)).replace(self._path)
                _sync_folder(self._path.parent)
        return await self.newest()

    async def close(self) -> None:
        pass

    def _refresh(self) -> None:
        if self._path is None or _signature(self._path) == self._seen:
            return
        try:
            self._keys, self._seen = _read(self._path), _signature(self._path)
        except KeyFileRefused as refused:
            raise KeysUnavailable from refused


def _kek(version: int) -> str:
    return f"local:file:{version}"


def _version(kek: str) -> int:
    text = kek.rpartition(":")[2]
    return int(text) if text.isdecimal() else 0


def _signature(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(path: Path) -> dict[int, bytes]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise KeyFileRefused(f"{path} cannot be read: {error.strerror}.") from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise KeyFileRefused(f"{path} must be a file of this user that nobody else may read (mode 0600).")
        text = os.read(file, FILE_BYTES_MAX)
    finally:
        os.close(file)
    return _parse(path, text)


def _parse(path: Path, text: bytes) -> dict[int, bytes]:
    try:
        written = json.loads(text)["keys"]
        keys = {int(version): base64.b64decode(key, validate=True) for version, key in written.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFileRefused(f"{path} holds no key-encryption keys.") from error
    if not keys or any(version < 1 or len(key) != KEY_BYTES for version, key in keys.items()):
        raise KeyFileRefused(f"{path} holds no key-encryption keys.")
    return keys


def _create(path: Path, keys: Mapping[int, bytes]) -> None:
    # Linked into place: a reader never sees half a file, and the first of two writers wins.
    draft = _draft(path, keys)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _grown(keys: Mapping[int, bytes], draw: Draw) -> dict[int, bytes]:
    return {**keys, max(keys) + 1: draw(KEY_BYTES)}


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Two rotations at once would make one version of two keys, and lose one of them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _draft(path: Path, keys: Mapping[int, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"keys": {str(version): base64.b64encode(key).decode() for version, key in keys.items()}})
    # A name nobody has, mode 0600.
    file, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(f"{text}\n")
        opened.flush()
        os.fsync(file)
    return Path(draft)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
