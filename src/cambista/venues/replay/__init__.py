"""Replay: a folder of recorded markets played as if it were today, at a chosen speed."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cambista.kernel.market import Pair
from cambista.runtime import Clock
from cambista.venues.errors import ReplaySpeedInvalid
from cambista.venues.replay.library import merged, recordings, replay_events
from cambista.venues.types import Observation

__all__ = ["Replay", "replay_events"]

BATCH_MAX = 256


class Replay:
    """Plays the recordings in `folder`, all beginning now, `speed` times as fast as recorded (0 = without waiting).

    Observations carry the house's time, so they are live, and the recording's own in `recorded_at`. With `repeat` a
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
        clock, batch = self._clock, list[Observation]()
        started = clock.monotonic()
        for since, moment, observation in merged(self._recordings, repeat=self._repeat):
            due_s = since.total_seconds() / self._speed if self._speed else 0.0
            ahead_s = due_s - (clock.monotonic() - started) if self._speed else 0.0
            if ahead_s > 0 or len(batch) >= BATCH_MAX:
                if batch:
                    yield batch
                    batch = []
                await clock.sleep(max(0.0, ahead_s))
            now = clock.now()
            batch.append(replace(observation, observed_at=now, received_at=now, recorded_at=moment))
        if batch:
            yield batch
