"""Which kept hashes a proof needs, and the proof made of them."""

from collections.abc import Mapping, Sequence

from cambista.audit.rules.merkle import Subtree, fold, node_hash, range_roots, subtrees
from cambista.audit.rules.sealing import KEPT_LEVELS

Ranges = Sequence[tuple[int, int]]


def kept_ranges(ranges: Ranges) -> dict[int, list[tuple[int, int]]]:
    """By kept level the ranges of indexes whose hashes make up the roots of these ranges of leaves."""
    wanted: dict[int, list[tuple[int, int]]] = {}
    for start, end in ranges:
        for each in subtrees(start, end):
            kept = _kept_level(each.level)
            width = each.level - kept
            wanted.setdefault(kept, []).append((each.place << width, (each.place + 1) << width))
    return wanted


def roots_of(ranges: Ranges, kept: Mapping[int, Mapping[int, bytes]]) -> list[bytes]:
    """The root of each range of leaves, out of the hashes `kept_ranges` asked for; KeyError when one is missing."""
    return range_roots(ranges, lambda each: _hash_of(each, kept))


def root_at(size: int, kept: Mapping[int, Mapping[int, bytes]]) -> bytes:
    """The root of the first `size` leaves."""
    return fold([_hash_of(each, kept) for each in subtrees(0, size)])


def _kept_level(level: int) -> int:
    return level // KEPT_LEVELS * KEPT_LEVELS


def _hash_of(each: Subtree, kept: Mapping[int, Mapping[int, bytes]]) -> bytes:
    level = _kept_level(each.level)
    width = each.level - level
    hashes = [kept[level][index] for index in range(each.place << width, (each.place + 1) << width)]
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]
