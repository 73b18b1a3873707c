"""A file of checkpoints that only grows, one JSON object a line, on disk before it counts as sent."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from cambista.audit.sinks.port import Parcel, SinkFailed

_TAIL_BYTES = 8_192


class _Line(msgspec.Struct):
    number: int
    checkpoint: str
    public_key: str = ""


class FileSink:
    """Appends to `path`. A line that a crash left unfinished is taken away before the next is written."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self.path = path

    async def send(self, parcels: Sequence[Parcel]) -> None:
        try:
            await asyncio.to_thread(self._append, parcels)
        except OSError as error:
            raise SinkFailed(f"{self.path}: {error.strerror}") from error

    def newest(self) -> tuple[int, str] | None:
        """Number and text of the last checkpoint in the file; None when there is none."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return None
        read = _read(lines[-1]) if lines else None
        return (read.number, read.checkpoint) if read else None

    def lines(self) -> Iterator[tuple[int, str]]:
        """Number and text of every checkpoint in the file, in its order; nothing of a torn or foreign line."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                read = _read(line) if line.endswith(b"\n") else None
                if read is not None:
                    yield read.number, read.checkpoint

    def set_aside(self, mark: str) -> Path:
        """Keep the file under another name, as evidence; a new one begins."""
        kept = self.path.with_name(f"{self.path.name}.{mark}")
        os.rename(self.path, kept)
        return kept

    def _append(self, parcels: Sequence[Parcel]) -> None:
        fresh = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        newest = self.newest()
        known = newest[0] if newest else 0
        with self.path.open("ab+") as file:
            _cut_torn_line(file.fileno())
            for parcel in parcels:
                if parcel.number > known:
                    file.write(parcel.to_json() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if fresh:
            _sync_folder(self.path.parent)


def _read(line: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _cut_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(descriptor, size - (len(tail) - tail.rfind(b"\n") - 1))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
