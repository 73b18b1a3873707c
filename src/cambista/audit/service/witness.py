"""Remembers which entries this process has committed, so that one deleted before it is sealed is missed."""

from collections.abc import Iterable, Sequence
from uuid import UUID

REMEMBERED_MAX = 200_000


class Witness:
    """Entries committed here and not yet seen by the sealer.

    An entry that was committed is visible to whoever looks later, and read once no older transaction runs. So it may be
    unseen at first; it is missing when it is unseen still though every transaction that had begun then has ended.
    """

    def __init__(self) -> None:
        self._unseen: dict[UUID, int | None] = {}
        self.forgotten = 0

    def note(self, ids: Sequence[UUID]) -> None:
        """These were committed just now."""
        room = REMEMBERED_MAX - len(self._unseen)
        self.forgotten += max(0, len(ids) - room)
        self._unseen.update((id, None) for id in ids[:room])

    def seen(self, ids: Iterable[UUID]) -> None:
        for id in ids:
            self._unseen.pop(id, None)

    def suspects(self) -> list[UUID]:
        """What was committed before this moment and is not seen yet."""
        return list(self._unseen)

    def doubt(self, suspects: Sequence[UUID], ended_below: int, begun_below: int) -> list[UUID]:
        """Of the suspects those that should have been read by now.

        Everything below transaction `ended_below` had ended when reading began; none at `begun_below` or above had
        begun when it ended.
        """
        missing: list[UUID] = []
        for id in suspects:
            if id not in self._unseen:
                continue
            doubted_at = self._unseen[id]
            if doubted_at is None:
                self._unseen[id] = begun_below
            elif ended_below >= doubted_at:
                missing.append(id)
                del self._unseen[id]
        return missing
