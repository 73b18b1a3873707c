"""The Merkle tree of RFC 6962 (RFC 9162, section 2): hashes, growing it, inclusion and consistency proofs."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

EMPTY_ROOT = hashlib.sha256().digest()
HASH_BYTES = 32


class Subtree(NamedTuple):
    """A perfect subtree: of `2**level` leaves, the one at `place` of its level, counted from the left."""

    level: int
    place: int


def leaf_hash(content: bytes) -> bytes:
    """SHA-256(0x00 ‖ content)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows: its size and the roots of its perfect subtrees, the largest first."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        assert len(hashes) == size.bit_count(), "one perfect subtree for each bit of the size"
        self.size = size
        self.hashes = list(hashes)

    @classmethod
    def from_bytes(cls, size: int, packed: bytes) -> "Frontier":
        return cls(size, [packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> Iterator[tuple[Subtree, bytes]]:
        """Add a leaf's hash; gives the inner nodes that became whole, the lowest first. To be run to its end."""
        hashes, size = self.hashes, self.size
        self.size = size + 1
        level = 0
        while size >> level & 1:
            leaf = node_hash(hashes.pop(), leaf)
            level += 1
            yield Subtree(level, size >> level), leaf
        hashes.append(leaf)

    def add(self, leaf: bytes) -> None:
        """As `append`, for who keeps no nodes."""
        for _ in self.append(leaf):
            pass

    def root(self) -> bytes:
        """The root of the whole tree."""
        return fold(self.hashes)


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that stand side by side, the largest first."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def subtrees(start: int, end: int) -> list[Subtree]:
    """The perfect subtrees of leaves `start` to `end` (not included), from the left; `start` must be aligned."""
    found: list[Subtree] = []
    while start < end:
        level = (end - start).bit_length() - 1
        assert start % (1 << level) == 0, "a range of the tree begins where a subtree does"
        found.append(Subtree(level, start >> level))
        start += 1 << level
    return found


def inclusion_ranges(leaf: int, size: int) -> list[tuple[int, int]]:
    """Ranges of leaves whose roots make up the inclusion proof, in the proof's order (RFC 9162, 2.1.3.1)."""
    assert 0 <= leaf < size
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if leaf < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[tuple[int, int]]:
    """Ranges of leaves whose roots make up the consistency proof of two sizes (RFC 9162, 2.1.4.1)."""
    assert 0 < first <= second
    ranges: list[tuple[int, int]] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    if not whole:
        ranges.append((start, end))
    return ranges[::-1]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def range_roots(ranges: Sequence[tuple[int, int]], hash_of: Callable[[Subtree], bytes]) -> list[bytes]:
    """The root of each range, from the hashes of its perfect subtrees."""
    return [fold([hash_of(each) for each in subtrees(start, end)]) for start, end in ranges]


def root_from_inclusion(leaf: int, size: int, hash: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to (RFC 9162, 2.1.3.2); None when it cannot be a proof of that leaf."""
    if not 0 <= leaf < size or len(hash) != HASH_BYTES:
        return None
    at, last, root = leaf, size - 1, hash
    for each in proof:
        if last == 0 or len(each) != HASH_BYTES:
            return None
        if at & 1 or at == last:
            root = node_hash(each, root)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, each)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def consistent(first: int, second: int, roots: tuple[bytes, bytes], proof: Sequence[bytes]) -> bool:
    """Whether the tree of size `second` begins with that of size `first`, not empty (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second or any(len(each) != HASH_BYTES for each in proof):
        return False
    if first == second:
        return not proof and roots[0] == roots[1]
    nodes = [roots[0], *proof] if first & (first - 1) == 0 else list(proof)
    if not nodes:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = nodes[0]
    for each in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, each)
        at, last = at >> 1, last >> 1
    return last == 0 and (old, new) == roots
