"""Adds rows to the end of the chain: their links, and the nodes of the tree that are kept."""

from collections.abc import Sequence
from typing import NamedTuple

from cambista.audit.rules.chain import chain_hash, entry_hash
from cambista.audit.rules.merkle import Frontier, Subtree
from cambista.audit.types.chain import Head, JournalRow, Link

# Nodes are kept at every eighth level: a proof reads at most 255 of each, and 1/255 of a node is kept for an entry.
KEPT_LEVELS = 8


class Sealed(NamedTuple):
    """What a batch of rows adds."""

    head: Head
    links: Sequence[Link]
    nodes: Sequence[tuple[Subtree, bytes]]


def seal(head: Head, rows: Sequence[JournalRow]) -> Sealed:
    """The chain after `rows`, which stand in order behind its end."""
    tree = Frontier.from_bytes(head.size, head.frontier)
    number, chain = head.size, head.chain
    links: list[Link] = []
    nodes: list[tuple[Subtree, bytes]] = []
    for xid, position, id, entry in rows:
        number += 1
        hash = entry_hash(entry)
        chain = chain_hash(chain, hash, number)
        links.append(Link(number, xid, position, id, hash, chain))
        nodes += [(node, root) for node, root in tree.append(hash) if node.level % KEPT_LEVELS == 0]
    last = rows[-1] if rows else head
    return Sealed(Head(head.branch, number, chain, tree.to_bytes(), last.xid, last.position), links, nodes)
