"""Whom the server runs as: us, or, when we are root, a number of its own that owns nothing else."""

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from cambista.runtime.postgres.errors import PostgresStartFailed

# systemd's documentation leaves 60706-61183 unassigned; real users and containers' ranges lie elsewhere.
_FIRST_UID = 60706
_UIDS = 478


class DropTo(TypedDict, total=False):
    """Arguments of `subprocess` that start a child as an account; empty when nothing changes."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group number. `dropped` says that we are root and must change to it."""

    uid: int
    gid: int
    dropped: bool

    def drop(self) -> DropTo:
        return DropTo(user=self.uid, group=self.gid, extra_groups=[]) if self.dropped else DropTo()

    def own(self, path: Path) -> None:
        """Give one of our own files or folders to the account (never through a symbolic link)."""
        if self.dropped:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def server_account(home: Path) -> Account:
    """The account of this home's server: us; when we are root, the owner of its data, else a derived number."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), dropped=False)
    try:
        owner = os.lstat(home / "data")
    except FileNotFoundError:
        uid = _derived_uid(home)
        return Account(uid, uid, dropped=True)
    if owner.st_uid == 0:
        raise PostgresStartFailed(
            f"{home / 'data'} belongs to root, and PostgreSQL does not run as root.",
            code="data_owner",
            hint=f"After a restore: chown -R {_derived_uid(home)}:{_derived_uid(home)} {home / 'data'}",
        )
    return Account(owner.st_uid, owner.st_gid, dropped=True)


def named_account(account: Account) -> Account:
    """An account that has a name, which `initdb` insists on: the same one, or, for root, `nobody` for that one step."""
    if _has_name(account.uid):
        return account
    if not account.dropped:
        raise PostgresStartFailed(
            f"User number {account.uid} has no name on this machine, and initdb insists on one.",
            code="user_unnamed",
            hint="Add the user to /etc/passwd, run the house as another one, or give it the URL of a PostgreSQL.",
        )
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        entry = next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    return Account(entry.pw_uid, entry.pw_gid, dropped=True)


def open_to_all(path: Path) -> bool:
    """Whether any user may walk down to this file or folder and read it."""
    real = path.resolve()
    walkable = all(os.stat(parent).st_mode & stat.S_IXOTH for parent in real.parents)
    return walkable and bool(os.stat(real).st_mode & stat.S_IXOTH)


def _derived_uid(home: Path) -> int:
    start = int.from_bytes(hashlib.sha256(os.fsencode(home)).digest()[:4], "big")
    for step in range(_UIDS):
        uid = _FIRST_UID + (start + step) % _UIDS
        if not _has_name(uid):
            return uid
    return pwd.getpwnam("nobody").pw_uid


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
