"""The first start: an admin in the database and its key in a file, both or neither, across a crash at any point."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cambista.identity.events.keys import ApiKeyIssued
from cambista.identity.events.principals import PrincipalAdded
from cambista.identity.rules import keys as key_rules
from cambista.identity.store import keys as key_store
from cambista.identity.store import principals as store
from cambista.identity.types.keys import KeyRequest
from cambista.identity.types.principals import Principal, Status
from cambista.kernel.callers import Caller, Role
from cambista.kernel.ids import ApiKeyId
from cambista.runtime import Action, Runtime, Tx

KEY_FILE = "admin.key"
KEY_BYTES_MAX = 200


async def first_admin(runtime: Runtime, home: Path, draw: Callable[[], str]) -> Path | None:
    """Make the first admin and write its key to `home/admin.key`; None when the database has an admin.

    The file is written before the row commits. A start that finds a file without an admin (a crash in between)
    uses that file's key, so that whoever has copied it already holds the right one.
    """
    async with runtime.db.transaction() as tx:
        if await store.lock_first_start(tx):
            return None
        path = home / KEY_FILE
        key = _read_key(path)
        if key is None:
            key = draw()
            _write_key(path, key)
        await _insert_admin(runtime, tx, key)
    return path


async def _insert_admin(runtime: Runtime, tx: Tx, key: str) -> None:
    admin = Principal(runtime.new_id(), Role.ADMIN, "First admin", Status.ACTIVE, tx.now)
    caller = Caller(admin.id, Role.ADMIN)
    draft = key_rules.key_draft(KeyRequest(caller, admin.id, "First start"), ApiKeyId(runtime.new_id()), key)
    [record] = key_rules.keys([draft], {admin.id: key_rules.Owner(admin, 0)}, tx.now, keys_max=1)
    assert not isinstance(record, Exception)
    await store.insert_principals(tx, [admin])
    await key_store.insert_keys(tx, runtime.sealing, [(record, draft)])
    tx.emit(PrincipalAdded(admin.id, admin.role.value, tx.now), ApiKeyIssued(record.id, admin.id, None, tx.now))
    tx.record(Action(caller, "principal.bootstrap", f"principal:{admin.id}", facts={"key": str(record.id)}))


def _read_key(path: Path) -> str | None:
    """The key left by an interrupted first start; a file others could read or write is not trusted."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        private = stat.S_ISREG(status.st_mode) and not stat.S_IMODE(status.st_mode) & 0o077
        if not private or status.st_uid != os.geteuid():
            return None
        text = os.read(file, KEY_BYTES_MAX).decode("ascii", "replace").strip()
    finally:
        os.close(file)
    return text if key_rules.key_prefix(text) else None


def _write_key(path: Path, key: str) -> None:
    """Put the file there whole and durable, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(file, f"{key}\n".encode("ascii"))
        os.fsync(file)
    finally:
        os.close(file)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
