"""The salted Merkle-sum tree of what the house owes its customers: how it grows, and the way up from one leaf.

A node binds both of its children's sums and not only their total, without which the house could hide liabilities
(Chalkias, Chatzigiannis, Ji: Broken Proofs of Solvency in Blockchain Custodial Wallets and Exchanges, 2022). Sums are
unsigned and 128 bits wide, so none is negative and none wraps. See docs/solvency.md for every byte.
"""

import hmac
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from uuid import UUID

from cambista.audit.errors.solvency import LiabilitiesTooMany, LiabilityNegative
from cambista.audit.types.solvency import Leaf, LiabilityProof, Tree

RECORD = 24
"""Bytes of a record: the customer's id, and its balance as a signed 64-bit integer, big-endian."""
NODE = 48
CHUNK = 256
DEPTH_MIN = 10
DEPTH_MAX = 24
_CHUNK_DEPTH = 8
# A row is place, salt and record in one: a million of them sort as plain bytes, and cost the collector nothing.
_PLACE = slice(0, 16)
_SALT = slice(16, 48)
_CUSTOMER = slice(48, 64)
_BALANCE = slice(64, 72)
_RECORD = slice(48, 72)
_LEAF_DOMAIN = b"cambista.leaf.1:"
_NODE_DOMAIN = b"cambista.node.1:"
_SUM_END = 1 << 128
_HIGH = bytes(8)


class SumOutOfRange(Exception):
    """A sum does not fit 128 bits: such a path proves nothing."""


def asset_key(secret: bytes, asset: str) -> bytes:
    """The key of one asset's tree, from the secret of the day."""
    return hmac.digest(secret, b"cambista.liabilities.1:" + asset.encode(), "sha256")


def leaf_node(leaf: Leaf) -> bytes:
    """SHA-256 of domain, customer, salt, balance and asset; then the balance, as a node carries its sum."""
    return _leaf(leaf.customer_id.bytes, leaf.salt, leaf.units.to_bytes(16, "big"), leaf.asset.encode())


def parent(left: bytes, right: bytes) -> bytes:
    """The node over two nodes; refuses (SumOutOfRange) sums that leave 128 bits."""
    total = node_sum(left) + node_sum(right)
    if total >= _SUM_END:
        raise SumOutOfRange
    return sha256(_NODE_DOMAIN + left + right).digest() + total.to_bytes(16, "big")


def node_sum(node: bytes) -> int:
    assert len(node) == NODE
    return int.from_bytes(node[32:], "big")


def climb(proof: LiabilityProof) -> bytes:
    """The root this proof leads to."""
    node, index = leaf_node(proof.leaf), proof.index
    for beside in proof.path:
        node = parent(beside, node) if index & 1 else parent(node, beside)
        index >>= 1
    if index:
        raise ValueError("the index lies outside the tree")
    return node


def proves(proof: LiabilityProof, root: bytes, depth: int) -> bool:
    """Whether this leaf stands in the tree of that root and depth."""
    try:
        return len(proof.path) == depth and hmac.compare_digest(climb(proof), root)
    except (SumOutOfRange, ValueError):
        return False


def grow(key: bytes, asset: str, records: bytes) -> Tree:
    """The tree over these records; refuses negative balances and too many customers.

    It is filled up to a power of two, at least 1,024, with made-up customers who own nothing, so that neither its size
    nor any path tells how many customers there are.
    """
    require_fit(asset, records)
    customers = len(records) // RECORD
    depth = depth_for(customers)
    rows = _rows(key, records + b"".join(_fillers(key, (1 << depth) - customers)))
    rows.sort()
    upper = list(islice(_levels(_leaves(rows, asset.encode())), _CHUNK_DEPTH, None))
    return Tree(
        depth=depth,
        customers=customers,
        root=upper[-1][0],
        tops=b"".join(node for level in reversed(upper) for node in level),
        leaves=b"".join(row[_RECORD] for row in rows),
        first_places=b"".join(row[_PLACE] for row in rows[::CHUNK]),
    )


def require_fit(asset: str, records: bytes) -> None:
    """Refuse a negative balance (`liability_negative`) and more customers than fit (`liabilities_too_many`)."""
    assert len(records) % RECORD == 0
    # The first byte of each balance: below zero is where its top bit is set, which no ASCII byte has.
    if not records[16::RECORD].isascii():
        raise LiabilityNegative(asset=asset)
    if len(records) // RECORD > 1 << DEPTH_MAX:
        raise LiabilitiesTooMany(asset=asset)


def depth_for(customers: int) -> int:
    """How deep a tree for that many is."""
    return max(DEPTH_MIN, (customers - 1).bit_length())


def place_of(key: bytes, customer_id: UUID) -> bytes:
    """Where a customer's leaf is sorted to."""
    return _drawn(key, customer_id.bytes)[_PLACE]


def chunk_proof(key: bytes, asset: str, records: bytes, customer_id: UUID) -> LiabilityProof | None:
    """The customer's proof within one chunk of leaves; None when it is not in there."""
    ids = [records[start : start + 16] for start in range(0, len(records), RECORD)]
    if customer_id.bytes not in ids:
        return None
    position, rows = ids.index(customer_id.bytes), _rows(key, records)
    levels = list(_levels(_leaves(rows, asset.encode())))
    path = tuple(level[(position >> height) ^ 1] for height, level in enumerate(levels[:-1]))
    (units,) = struct.unpack(">q", rows[position][_BALANCE])
    return LiabilityProof(Leaf(customer_id, asset, units, rows[position][_SALT]), position, path)


def tops_beside(depth: int, chunk: int) -> list[int]:
    """Where in `tops` the nodes beside the way up from a chunk's root begin, lowest first."""
    starts = []
    for level in range(depth - _CHUNK_DEPTH, 0, -1):
        starts.append(((1 << level) - 1 + (chunk ^ 1)) * NODE)
        chunk >>= 1
    return starts


def full_proof(within: LiabilityProof, chunk: int, beside: Sequence[bytes]) -> LiabilityProof:
    """The proof from a leaf to the root, of its part in the chunk and the nodes above."""
    return LiabilityProof(within.leaf, chunk * CHUNK + within.index, (*within.path, *beside))


def _fillers(key: bytes, count: int) -> Iterator[bytes]:
    for number in range(count):
        yield hmac.digest(key, b"filler:%d" % number, "sha256")[:16] + _HIGH


def _drawn(key: bytes, customer: bytes) -> bytes:
    """16 bytes of place and 32 of salt that nobody without the key can tell from chance, or from each other."""
    return hmac.digest(key, customer, "sha512")[:48]


def _rows(key: bytes, records: bytes) -> list[bytes]:
    cut = (records[start : start + RECORD] for start in range(0, len(records), RECORD))
    return [_drawn(key, record[:16]) + record for record in cut]


def _leaves(rows: Sequence[bytes], asset: bytes) -> list[bytes]:
    return [_leaf(row[_CUSTOMER], row[_SALT], _HIGH + row[_BALANCE], asset) for row in rows]


def _leaf(customer: bytes, salt: bytes, balance: bytes, asset: bytes) -> bytes:
    return sha256(_LEAF_DOMAIN + customer + salt + balance + asset).digest() + balance


def _levels(nodes: list[bytes]) -> Iterator[list[bytes]]:
    """The levels of a full tree from its leaves up. The same as `parent` everywhere, at a third of its cost."""
    sums = [int.from_bytes(node[32:], "big") for node in nodes]
    assert sum(sums) < _SUM_END
    yield nodes
    while len(nodes) > 1:
        amounts, pairs = iter(sums), iter(nodes)
        sums = [left + right for left, right in zip(amounts, amounts, strict=True)]
        nodes = [
            sha256(_NODE_DOMAIN + left + right).digest() + total.to_bytes(16, "big")
            for left, right, total in zip(pairs, pairs, sums, strict=True)
        ]
        yield nodes
