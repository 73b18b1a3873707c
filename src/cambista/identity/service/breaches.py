"""Passwords known from breaches: looked up in a file, which may be far larger than the memory."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

HASH_SIGNS = 40
# Longer lines than this are in no such file.
LINE_MAX = 512
PLAIN_BYTES_MAX = 64 * 1024 * 1024
PROBES = 64
_HASH_LINE = re.compile(rb"[0-9A-Fa-f]{40}(:[0-9]+)?\r?\n?")


class ListUnusable(Exception):
    """The file of breached passwords cannot be read, or is not sorted; the house does not start with it."""


class BreachedPasswords:
    """A list of passwords nobody may choose.

    Either the well-known offline form, `SHA1:COUNT` a line and sorted by hash, which stays on disk and is searched by
    halves; or one plain password a line, up to 64 MiB, kept in memory. Use it in a thread: it reads files.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._find: Callable[[str], bool] = lambda password: False
        if path is not None:
            self._find = self._open(path)

    def holds(self, password: str) -> bool:
        return self._find(password)

    def _open(self, path: Path) -> Callable[[str], bool]:
        try:
            with path.open("rb") as file:
                if _HASH_LINE.fullmatch(file.readline(LINE_MAX)):
                    _check_order(file)
                    return self._find_hash
                file.seek(0)
                return _plain(file).__contains__
        except OSError as error:
            raise ListUnusable(f"{path}: {error.strerror}") from error

    def _find_hash(self, password: str) -> bool:
        assert self._path is not None
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        with self._path.open("rb") as file:
            low, high = 0, file.seek(0, 2)
            # What is wanted begins, if anywhere, at a line that starts in [low, high).
            while low < high:
                middle = (low + high) // 2
                start, line = _line_from(file, middle)
                found = line[:HASH_SIGNS].upper()
                if found == wanted:
                    return True
                if not line or start >= high or found > wanted:
                    high = middle
                else:
                    low = start + len(line)
        return False


def _line_from(file: BinaryIO, place: int) -> tuple[int, bytes]:
    """The first line that begins at `place` or after it, and where; empty at the end."""
    if place:
        file.seek(place - 1)
        file.readline(LINE_MAX)
    else:
        file.seek(0)
    return file.tell(), file.readline(LINE_MAX)


def _check_order(file: BinaryIO) -> None:
    """Look at lines all over the file: an unsorted one would let passwords through without a word."""
    size, before = file.seek(0, 2), b""
    for probe in range(PROBES):
        _, line = _line_from(file, size * probe // PROBES)
        if line and (not _HASH_LINE.fullmatch(line) or line[:HASH_SIGNS].upper() < before):
            raise ListUnusable(f"{file.name}: not sorted by SHA-1, one hash a line")
        before = line[:HASH_SIGNS].upper() or before


def _plain(file: BinaryIO) -> frozenset[str]:
    text = file.read(PLAIN_BYTES_MAX + 1)
    if len(text) > PLAIN_BYTES_MAX:
        raise ListUnusable(
            f"{file.name}: more than {PLAIN_BYTES_MAX >> 20} MiB of plain passwords; take the SHA-1 form"
        )
    return frozenset(line for line in text.decode("utf-8", "replace").splitlines() if line)
