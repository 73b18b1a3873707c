"""Nouns of the proof of liabilities: records, trees, proofs, positions and certificates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from cambista.kernel.money import Asset


@dataclass(frozen=True, slots=True)
class Tree:
    """What is kept of a Merkle-sum tree: its leaves as records in the order of their places, and its upper nodes.

    `root` and each of `tops` are nodes of 48 bytes: SHA-256, then the sum as an unsigned 128-bit integer, big-endian.
    `tops` holds every node from the root down to the roots of the chunks, level after level. `first_places` has the
    place of each chunk's first leaf, 16 bytes each.
    """

    depth: int
    customers: int
    root: bytes
    tops: bytes
    leaves: bytes
    first_places: bytes


class Leaf(NamedTuple):
    """One customer's leaf in one asset's tree."""

    customer_id: UUID
    asset: str
    units: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class LiabilityProof:
    """A leaf, where it stands, and the nodes beside its way up, from the leaf's neighbour to just below the root."""

    leaf: Leaf
    index: int
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Position:
    """What the house owes and has of one asset at one moment, in units.

    `reserves` is what the books say lies at each place outside (`bank:pse`, `chain:tron`, `owner`); `own` is what of
    it is the house's: by kind of account. `suspense` is owed to somebody, but not known to whom.
    """

    asset: Asset
    depth: int
    root: bytes
    liabilities: int
    suspense: int
    reserves: Sequence[tuple[str, int]]
    own: Sequence[tuple[str, int]]

    @property
    def reserve(self) -> int:
        return sum(units for _, units in self.reserves)

    @property
    def surplus(self) -> int:
        """Reserves less all that is owed."""
        return self.reserve - self.liabilities - self.suspense

    @property
    def solvent(self) -> bool:
        return self.surplus >= 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signed statement of solvency. `statement` is canonical JSON; `signature` is of its purpose and SHA-256."""

    id: UUID
    day: date
    as_of: datetime
    statement: bytes
    signature: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True)
class OwnProofs:
    """A customer's proofs of one day, one an asset, and the certificate they lead to."""

    certificate: Certificate
    proofs: Sequence[LiabilityProof]
