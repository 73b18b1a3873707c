"""Finds the recordings in a folder by their names, and merges them into one day."""

import heapq
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from cambista.kernel.market import Pair
from cambista.venues.errors import RecordingsNotFound
from cambista.venues.replay import ads, series, spot_stream
from cambista.venues.replay.recording import Recorded, Recording, pair_of
from cambista.venues.types import Observation

FILES_MAX = 10_000
DEPTH_MAX = 6
APART_MAX = timedelta(days=7)
_END = r"(?:\.gz)?$"
_STREAM = re.compile(r"binance_spot_ws_([a-z]{3,5})(usdt|usdc)_.*\.txt" + _END)
_ADS = re.compile(r"binance_p2p_ads_([a-z]{3,5})((?:_[a-z]{3,5})+)\.jsonl" + _END)
_SERIES: Sequence[tuple[re.Pattern[str], Callable[..., Iterator[Recorded]]]] = (
    (re.compile(r"([a-z]{3,5})_([a-z]{3,5})_p2p_top20_stats\.csv" + _END), series.read_statistics),
    (re.compile(r"([a-z]{3,5})_([a-z]{3,5})_p2p_merchants\.csv" + _END), series.read_merchants),
    (re.compile(r"([a-z]{3,5})_([a-z]{3,5})_\d{1,2}min\.csv" + _END), series.read_bars),
    (_STREAM, spot_stream.read),
)


def recordings(folder: Path, pairs: Collection[Pair] | None = None) -> list[Recording]:
    """The known recordings under `folder`, by path; only those that speak about `pairs`, when given.

    Refuses when there is none.
    """
    found = []
    for path in _files(folder):
        recording = _recording(path)
        if recording is None:
            continue
        wanted = recording.pairs if pairs is None else recording.pairs & frozenset(pairs)
        if wanted:
            found.append(Recording(path, wanted, recording.read))
    if not found:
        raise RecordingsNotFound(folder=str(folder)[:200])
    return found


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        if len(Path(place).relative_to(folder).parts) >= DEPTH_MAX:
            folders.clear()
        found.extend(Path(place, name) for name in names)
        if len(found) > FILES_MAX:
            raise RecordingsNotFound("The folder holds too many files to be one of recordings.", files_max=FILES_MAX)
    return sorted(found)


def _recording(path: Path) -> Recording | None:
    match = _ADS.fullmatch(path.name)
    if match:
        fiats = match[2].strip("_").split("_")
        known = [pair for pair in (pair_of(match[1], fiat) for fiat in fiats) if pair]
        return Recording(path, frozenset(known), ads.read) if known else None
    for pattern, read in _SERIES:
        match = pattern.fullmatch(path.name)
        pair = pair_of(match[1], match[2]) if match else None
        if pair:
            return Recording(path, frozenset({pair}), partial(read, pair))
    return None


def merged(found: Sequence[Recording], *, repeat: bool = False) -> Iterator[tuple[timedelta, datetime, Observation]]:
    """All recordings as one day: each market begins at zero, whatever its year; ordered by time since its beginning.

    Recordings of one pair begun within a week of each other are one market: they keep their distance in time.
    """
    streams = (_since_start(market, repeat) for market in _markets(found))
    return heapq.merge(*streams, key=lambda event: event[0])


def _markets(found: Sequence[Recording]) -> list[list[Recording]]:
    begun = [(recording.begins(), recording) for recording in found]
    markets: list[tuple[datetime, list[Recording]]] = []
    for start, recording in sorted(
        ((start, recording) for start, recording in begun if start is not None), key=lambda each: each[0]
    ):
        for first, market in markets:
            if start - first <= APART_MAX and any(recording.pairs & other.pairs for other in market):
                market.append(recording)
                break
        else:
            markets.append((start, [recording]))
    return [market for _, market in markets]


def _since_start(market: Sequence[Recording], repeat: bool) -> Iterator[tuple[timedelta, datetime, Observation]]:
    shift = timedelta()
    while True:
        start: datetime | None = None
        last, count = timedelta(), 0
        for moment, observation in heapq.merge(*(each.events() for each in market), key=lambda event: event[0]):
            start = start or moment
            last, count = moment - start, count + 1
            yield shift + last, moment, observation
        if not repeat or not count:
            return
        # The pause before it begins again is the recording's own usual one, and never nothing.
        shift += last + max(last / count, timedelta(milliseconds=100))


def replay_events(folder: Path, pairs: Collection[Pair] | None = None) -> Iterator[Recorded]:
    """Every recorded observation with its own recorded time, in the order of the replayed day.

    Needs no clock and no loop.
    """
    return ((moment, observation) for _, moment, observation in merged(recordings(folder, pairs)))
