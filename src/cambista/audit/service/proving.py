"""Proofs that an entry is in a tree, and that one tree begins with another."""

from collections.abc import Sequence

from cambista.audit.errors.chain import ChainBroken
from cambista.audit.rules import merkle, proofs
from cambista.audit.store import tree
from cambista.audit.types.checkpoints import Checkpoint
from cambista.runtime import Reader


async def prove_inclusion(reader: Reader, branch: str, number: int, hash: bytes, checkpoint: Checkpoint) -> list[bytes]:
    """The inclusion proof of entry `number` in the checkpoint's tree; refuses (`audit_broken`) one that fails."""
    size = checkpoint.head.size
    proof = await _roots(reader, branch, merkle.inclusion_ranges(number - 1, size))
    if merkle.root_from_inclusion(number - 1, size, hash, proof) != checkpoint.head.root:
        raise ChainBroken(number=number, checkpoint=checkpoint.head.number)
    return proof


async def prove_consistency(reader: Reader, branch: str, first: Checkpoint, second: Checkpoint) -> list[bytes]:
    """The proof that the tree of `second` begins with that of `first`; refuses (`audit_broken`) one that fails."""
    sizes, roots = (first.head.size, second.head.size), (first.head.root, second.head.root)
    proof = await _roots(reader, branch, merkle.consistency_ranges(*sizes))
    if not merkle.consistent(*sizes, roots, proof):
        raise ChainBroken(number=first.head.size, checkpoint=second.head.number)
    return proof


async def frontier_at(reader: Reader, branch: str, size: int) -> list[bytes]:
    """The perfect subtrees of the first `size` leaves, the largest first."""
    ranges = [(each.place << each.level, (each.place + 1) << each.level) for each in merkle.subtrees(0, size)]
    return await _roots(reader, branch, ranges)


async def _roots(reader: Reader, branch: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    wanted = proofs.kept_ranges(ranges)
    kept = {level: await tree.find_hashes(reader, branch, level, asked) for level, asked in wanted.items()}
    try:
        return proofs.roots_of(ranges, kept)
    except KeyError:
        raise ChainBroken from None
