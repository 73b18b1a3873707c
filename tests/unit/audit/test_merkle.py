"""The Merkle tree against RFC 6962's vectors, and against its definition for trees of any size."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.audit.rules.merkle import (
    EMPTY_ROOT,
    Frontier,
    Subtree,
    consistency_ranges,
    consistent,
    fold,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    range_roots,
    root_from_inclusion,
    subtrees,
)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % each) for each in range(count)]


def root_by_definition(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word by word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(root_by_definition(hashes[:split]), root_by_definition(hashes[split:]))


def proof_of(ranges: list[tuple[int, int]], hashes: Sequence[bytes]) -> list[bytes]:
    def hash_of(each: Subtree) -> bytes:
        return root_by_definition(hashes[each.place << each.level : (each.place + 1) << each.level])

    return range_roots(ranges, hash_of)


def vectors(shared_data: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared_data / "vectors" / name).read_text())
    return found


def decoded(proof: list[str] | None) -> list[bytes]:
    return [base64.b64decode(each) for each in proof or []]


def test_the_published_inclusion_proofs_hold_and_the_spoiled_ones_do_not(shared_data: Path) -> None:
    cases = vectors(shared_data, "merkle_rfc6962_inclusion.json")
    for case in cases:
        leaf, root = base64.b64decode(case["leafHash"] or ""), base64.b64decode(case["root"] or "")
        led = root_from_inclusion(case["leafIdx"], case["treeSize"], leaf, decoded(case["proof"]))
        assert (led != root) == case["wantErr"], case["case"]
    assert {case["wantErr"] for case in cases} == {True, False}


def test_the_published_consistency_proofs_hold_and_the_spoiled_ones_do_not(shared_data: Path) -> None:
    cases = vectors(shared_data, "merkle_rfc6962_consistency.json")
    for case in cases:
        roots = (base64.b64decode(case["root1"] or ""), base64.b64decode(case["root2"] or ""))
        held = consistent(case["size1"], case["size2"], roots, decoded(case["proof"]))
        assert held != case["wantErr"], case["case"]
    assert {case["wantErr"] for case in cases} == {True, False}


@given(st.integers(0, 300))
def test_a_growing_tree_has_the_root_of_its_definition(count: int) -> None:
    hashes = leaves(count)
    tree = Frontier()
    whole: dict[Subtree, bytes] = {}
    for each in hashes:
        whole |= dict(tree.append(each))
    assert tree.root() == root_by_definition(hashes)
    assert Frontier.from_bytes(count, tree.to_bytes()).root() == tree.root()
    for (level, index), hash in whole.items():
        assert hash == root_by_definition(hashes[index << level : (index + 1) << level])
    assert len(whole) == count - count.bit_count()


@given(st.data(), st.integers(1, 300))
def test_every_leaf_is_proved_and_no_other_leaf_by_its_proof(draw: st.DataObject, count: int) -> None:
    hashes = leaves(count)
    leaf = draw.draw(st.integers(0, count - 1))
    proof = proof_of(inclusion_ranges(leaf, count), hashes)
    root = root_by_definition(hashes)
    assert root_from_inclusion(leaf, count, hashes[leaf], proof) == root
    assert root_from_inclusion(leaf, count, leaf_hash(b"another"), proof) != root
    other = draw.draw(st.integers(0, count - 1))
    if other != leaf:
        assert root_from_inclusion(other, count, hashes[leaf], proof) != root


@given(st.data(), st.integers(1, 300))
def test_every_earlier_tree_is_proved_to_be_the_beginning_of_the_later(draw: st.DataObject, second: int) -> None:
    hashes = leaves(second)
    first = draw.draw(st.integers(1, second))
    proof = proof_of(consistency_ranges(first, second), hashes)
    old, new = root_by_definition(hashes[:first]), root_by_definition(hashes)
    assert consistent(first, second, (old, new), proof)
    assert not consistent(first, second, (leaf_hash(b"another past"), new), proof)
    if first < second:
        assert not consistent(first, second, (old, leaf_hash(b"another present")), proof)
        assert not consistent(first, second, (old, new), [*proof, hashes[0]])


@given(st.integers(0, 2**20))
def test_subtrees_tile_a_range_that_begins_at_the_left(length: int) -> None:
    found = subtrees(0, length)
    at = 0
    for level, index in found:
        assert index << level == at
        at += 1 << level
    assert at == length
    assert len(found) == length.bit_count()


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert Frontier().root() == fold([]) == EMPTY_ROOT
    with pytest.raises(AssertionError):
        Frontier(3, [b"\x00" * 32])
