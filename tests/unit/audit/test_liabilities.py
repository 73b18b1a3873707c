"""The Merkle-sum tree: every leaf proves itself, nothing else does, and no sum is negative or wraps."""

from bisect import bisect_right
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.audit import LiabilitiesTooMany, LiabilityNegative
from cambista.audit.rules import liabilities as rules
from cambista.audit.rules.liabilities import CHUNK, NODE, RECORD, SumOutOfRange
from cambista.audit.types.solvency import Leaf, LiabilityProof, Tree

KEY = b"\x05" * 32
LARGEST = 2**63 - 1
balances = st.dictionaries(st.uuids(), st.integers(0, LARGEST), max_size=40)


def packed(owed: dict[UUID, int]) -> bytes:
    return b"".join(owner.bytes + units.to_bytes(8, "big", signed=True) for owner, units in owed.items())


def grown(owed: dict[UUID, int]) -> Tree:
    return rules.grow(KEY, "COP", packed(owed))


def proof_of(tree: Tree, customer: UUID) -> LiabilityProof | None:
    """As the service does it: the chunk by place, the rest of the path from the upper nodes."""
    firsts = [tree.first_places[start : start + 16] for start in range(0, len(tree.first_places), 16)]
    chunk = max(bisect_right(firsts, rules.place_of(KEY, customer)) - 1, 0)
    leaves = tree.leaves[chunk * CHUNK * RECORD : (chunk + 1) * CHUNK * RECORD]
    within = rules.chunk_proof(KEY, "COP", leaves, customer)
    if within is None:
        return None
    beside = [tree.tops[start : start + NODE] for start in rules.tops_beside(tree.depth, chunk)]
    return rules.full_proof(within, chunk, beside)


@given(owed=balances)
def test_the_root_carries_the_sum_of_all_balances_and_every_leaf_leads_to_it(owed: dict[UUID, int]) -> None:
    tree = grown(owed)

    assert rules.node_sum(tree.root) == sum(owed.values())
    for customer, units in owed.items():
        proof = proof_of(tree, customer)
        assert proof is not None
        assert (proof.leaf.customer_id, proof.leaf.units, len(proof.path)) == (customer, units, tree.depth)
        assert rules.proves(proof, tree.root, tree.depth)


def test_a_tree_of_many_chunks_proves_its_leaves() -> None:
    owed = {UUID(int=number): number for number in range(1, 3000)}
    tree = grown(owed)
    assert (tree.depth, tree.customers) == (12, 2999)
    for customer in list(owed)[::97]:
        proof = proof_of(tree, customer)
        assert proof is not None
        assert rules.proves(proof, tree.root, tree.depth)


@given(owed=balances.filter(bool), pick=st.data())
def test_a_change_anywhere_in_a_proof_breaks_it(owed: dict[UUID, int], pick: st.DataObject) -> None:
    tree = grown(owed)
    proof = proof_of(tree, pick.draw(st.sampled_from(sorted(owed))))
    assert proof is not None
    leaf, place = proof.leaf, pick.draw(st.integers(0, tree.depth - 1))
    bit = 1 << pick.draw(st.integers(0, NODE * 8 - 1))
    node = (int.from_bytes(proof.path[place], "big") ^ bit).to_bytes(NODE, "big")
    changes = [
        replace(proof, leaf=leaf._replace(units=pick.draw(st.integers(0, LARGEST).filter(lambda u: u != leaf.units)))),
        replace(proof, leaf=leaf._replace(salt=pick.draw(st.binary(min_size=32, max_size=32)))),
        replace(proof, leaf=leaf._replace(customer_id=pick.draw(st.uuids()))),
        replace(proof, leaf=leaf._replace(asset="VES")),
        replace(proof, index=proof.index ^ 1 << place),
        replace(proof, index=proof.index + (1 << tree.depth)),
        replace(proof, path=(*proof.path[:place], node, *proof.path[place + 1 :])),
        replace(proof, path=proof.path[1:]),
        replace(proof, path=(*proof.path, proof.path[0])),
    ]
    for number, changed in enumerate(changes):
        assert changed == proof or not rules.proves(changed, tree.root, tree.depth), number


def test_an_empty_tree_and_a_tree_of_one_have_the_same_shape() -> None:
    nobody, one = grown({}), grown({UUID(int=7): 5})
    assert (nobody.depth, nobody.customers, rules.node_sum(nobody.root)) == (10, 0, 0)
    assert (one.depth, one.customers, rules.node_sum(one.root)) == (10, 1, 5)
    assert [len(nobody.leaves), len(nobody.tops)] == [len(one.leaves), len(one.tops)]
    assert proof_of(nobody, UUID(int=7)) is None


def test_places_and_salts_are_drawn_anew_with_every_key() -> None:
    owed = packed({UUID(int=7): 5})
    proofs = []
    for day in (b"\x01" * 32, b"\x02" * 32):
        key = rules.asset_key(day, "COP")
        assert key != rules.asset_key(day, "VES")
        tree = rules.grow(key, "COP", owed)
        chunks = [tree.leaves[start : start + CHUNK * RECORD] for start in range(0, len(tree.leaves), CHUNK * RECORD)]
        proofs += [each for chunk in chunks if (each := rules.chunk_proof(key, "COP", chunk, UUID(int=7)))]
    first, second = proofs
    assert first.leaf.salt != second.leaf.salt
    assert first.path != second.path


@pytest.mark.parametrize("units", [-1, -(2**63)])
def test_a_negative_balance_is_refused(units: int) -> None:
    with pytest.raises(LiabilityNegative):
        grown({UUID(int=1): 10, UUID(int=2): units})


def test_more_customers_than_a_tree_holds_are_refused_before_any_work() -> None:
    with pytest.raises(LiabilitiesTooMany):
        rules.grow(KEY, "COP", bytes(RECORD) * (2**24 + 1))


def test_a_sum_that_would_wrap_proves_nothing() -> None:
    """A path whose sums leave 128 bits could come back to the published total if they wrapped."""
    huge = sha256(b"anything").digest() + (2**128 - 1).to_bytes(16, "big")
    leaf = Leaf(UUID(int=7), "COP", 5, b"\x09" * 32)
    with pytest.raises(SumOutOfRange):
        rules.climb(LiabilityProof(leaf, 0, (huge,)))
    wrapped = sha256(b"cambista.node.1:" + rules.leaf_node(leaf) + huge).digest() + (4).to_bytes(16, "big")
    assert not rules.proves(LiabilityProof(leaf, 0, (huge,)), wrapped, 1)


def test_a_node_binds_each_of_its_childrens_sums() -> None:
    """Hashing only the total lets the house show each child another split of it (Broken Proofs of Solvency, 2022)."""
    left, right = (bytes(32) + units.to_bytes(16, "big") for units in (10, 20))
    other_left, other_right = (bytes(32) + units.to_bytes(16, "big") for units in (29, 1))
    one, other = rules.parent(left, right), rules.parent(other_left, other_right)
    assert rules.node_sum(one) == rules.node_sum(other)
    assert one[:32] != other[:32]


def test_a_node_cannot_pass_for_a_leaf() -> None:
    """Neither by its bytes (other domains) nor by a shorter path (the certificate says how deep the tree is)."""
    tree = grown({UUID(int=7): 5})
    proof = proof_of(tree, UUID(int=7))
    assert proof is not None
    assert not rules.proves(proof, tree.root, tree.depth - 1)
    assert not rules.proves(proof, tree.root, tree.depth + 1)
