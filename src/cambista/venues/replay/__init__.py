"""Replay: a folder of recorded markets played as if it were today, at a chosen speed."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cambista.kernel.market import Pair
from cambista.runtime import Clock
from cambista.venues.errors import ReplaySpeedInvalid
from cambista.venues.replay.library import merged, recordings, replay_events
from cambista.venues.types import Observation

__all__ = ["Replay", "replay_events"]

BATCH_MAX = 256
GRAIN_S = 0.05
TURN_S = 0.01
BEHIND_MAX_S = 1.0


class Replay:
    """Plays the recordings in `folder`, all beginning now, `speed` times as fast as recorded (0 = without waiting).

    Observations carry the house's time, so they are live, and the recording's own in `recorded_at`. What is due within
    50 ms is told at once, the newest of each source and pair; with speed 0 nothing is left out. With `repeat` a
    recording that ends begins again; without it the venue ends with the last one. Refuses a folder without recordings
    and a speed it cannot keep.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        speed: float = 1.0,
        pairs: Collection[Pair] | None = None,
        repeat: bool = False,
    ) -> None:
        if not 0 <= speed <= 1_000_000 or (repeat and not speed):
            raise ReplaySpeedInvalid(speed=str(speed))
        self._recordings = recordings(folder, pairs)
        self._clock = clock
        self._speed = speed
        self._repeat = repeat

    @property
    def name(self) -> str:
        return "replay"

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset().union(*(recording.pairs for recording in self._recordings))

    @property
    def skipped(self) -> Mapping[str, int]:
        """What was in the files and not believed or not readable so far, by reason."""
        total: Counter[str] = Counter()
        for recording in self._recordings:
            total.update(recording.skipped)
        return {reason: count for reason, count in sorted(total.items()) if count}

    async def observations(self) -> AsyncIterator[Sequence[Observation]]:
        clock, batch = self._clock, _Batch(newest_only=self._speed > 0)
        started = turn = clock.monotonic()
        for since, moment, observation in merged(self._recordings, repeat=self._repeat):
            now = clock.monotonic()
            ahead_s = since.total_seconds() / self._speed - (now - started) if self._speed else 0.0
            if ahead_s > 0 or now - turn >= TURN_S or len(batch) >= BATCH_MAX:
                if batch:
                    yield batch.take()
                # The house comes first: the replay takes at most half of the time, and on a slow machine plays slower.
                started += max(0.0, -ahead_s - BEHIND_MAX_S)
                await clock.sleep(max(ahead_s, GRAIN_S) if ahead_s > 0 else now - turn)
                turn = clock.monotonic()
            batch.add(observation, moment, clock.now())
        if batch:
            yield batch.take()


class _Batch:
    """What is due; of one source and pair only the newest, when all of it would be told at once."""

    def __init__(self, *, newest_only: bool) -> None:
        self._newest_only = newest_only
        self._due: dict[object, Observation] = {}

    def __len__(self) -> int:
        return len(self._due)

    def add(self, observation: Observation, recorded_at: datetime, now: datetime) -> None:
        key = (observation.source, observation.pair) if self._newest_only else len(self._due)
        self._due.pop(key, None)
        self._due[key] = replace(observation, observed_at=now, received_at=now, recorded_at=recorded_at)

    def take(self) -> list[Observation]:
        taken, self._due = list(self._due.values()), {}
        return taken
