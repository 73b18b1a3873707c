"""A bundle's lines: canonical JSON, counted and hashed as they are written (docs/audit.md)."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from cambista.audit.rules.checkpoints import key_id
from cambista.audit.types.checkpoints import Checkpoint
from cambista.audit.types.entries import Entry
from cambista.audit.types.exports import ExportScope, PublicKey
from cambista.kernel.canonical import canonical_json
from cambista.kernel.registry import ASSETS
from cambista.kernel.time import wire_time
from cambista.ledger import AccountRef, BookedPosting
from cambista.pricing import Receipt

FORM = "cambista.bundle.v1"
PURPOSE = b"cambista.bundle.v1:"
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


class BundleWriter:
    """Turns values into lines and remembers what was written, for the last line."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._lines = 0

    def line(self, kind: str, values: Mapping[str, object]) -> bytes:
        """One line with its newline."""
        made = canonical_json({"kind": kind, **values}) + b"\n"
        self._sha256.update(made)
        self._lines += 1
        return made

    @property
    def message(self) -> bytes:
        """What the audit key signs of all lines so far."""
        return PURPOSE + self._sha256.hexdigest().encode()

    def end(self, signature: bytes) -> bytes:
        """The last line."""
        values = {
            "lines": self._lines,
            "sha256": self._sha256.hexdigest(),
            "signature": base64.b64encode(signature).decode(),
        }
        return self.line("end", values)


def manifest(scope: ExportScope, branch: str, origin: str, made_at: datetime) -> dict[str, object]:
    return {
        "form": FORM,
        "mode": "range" if scope.customer is None else "subset",
        "branch": branch,
        "origin": origin,
        "made_at": wire_time(made_at),
        "customer": None if scope.customer is None else str(scope.customer),
        "from": None if scope.since is None else wire_time(scope.since),
        "to": None if scope.until is None else wire_time(scope.until),
    }


def key_line(key: PublicKey) -> dict[str, object]:
    return {
        "purpose": key.purpose,
        "name": key.name,
        "key_id": key_id(key.raw),
        "algorithm": "Ed25519",
        "public_key": base64.b64encode(key.raw).decode(),
    }


def checkpoint_line(checkpoint: Checkpoint) -> dict[str, object]:
    return {"number": checkpoint.head.number, "text": checkpoint.text}


def hexes(hashes: Sequence[bytes]) -> list[str]:
    return [each.hex() for each in hashes]


def entry_line(number: int, entry: Entry, proof: Sequence[bytes] | None = None) -> dict[str, object]:
    values: dict[str, object] = {"number": number, "entry": msgspec.to_builtins(entry)}
    return values if proof is None else {**values, "proof": hexes(proof)}


def posting_line(posting: BookedPosting) -> dict[str, object]:
    return {
        "transfer": str(posting.transfer_id),
        "ordinal": posting.ordinal,
        "transfer_kind": posting.kind,
        "booked_at": wire_time(posting.booked_at),
        "source": posting.source.name,
        "destination": posting.destination.name,
        "asset": posting.source.asset,
        "units": posting.units,
        "scale": ASSETS[posting.source.asset].scale,
    }


def receipt_line(quote: str, trade: str | None, receipt: Receipt) -> dict[str, object]:
    return {
        "quote": quote,
        "trade": trade,
        "sha256": receipt.sha256,
        "signature": receipt.signature,
        "key_id": receipt.key_id,
        "content": receipt.content.decode(),
    }


class Totals:
    """Per account what it had before its first posting here, what came and went, and what it has after the last."""

    def __init__(self, owner: str | None) -> None:
        self._owner = owner
        self._sides: dict[AccountRef, _Side] = {}

    def add(self, posting: BookedPosting) -> None:
        self._count(posting.source, posting.source_side, -posting.units)
        self._count(posting.destination, posting.destination_side, posting.units)

    def _count(self, ref: AccountRef, side: tuple[int, int], change: int) -> None:
        if self._owner is not None and (ref.kind, ref.owner) != ("customer", self._owner):
            return
        number, balance = side
        found = self._sides.get(ref)
        if found is None:
            found = self._sides[ref] = _Side(number, balance - change, number, balance)
        elif number < found.first:
            found.first, found.opening = number, balance - change
        elif number > found.last:
            found.last, found.closing = number, balance
        if change > 0:
            found.credits += change
        else:
            found.debits -= change

    def lines(self) -> list[dict[str, object]]:
        """One an account and asset, by name."""
        ordered = sorted(self._sides.items(), key=lambda each: (each[0].name, each[0].asset))
        return [
            {
                "account": ref.name,
                "asset": ref.asset,
                "scale": ASSETS[ref.asset].scale,
                "opening": side.opening,
                "credits": side.credits,
                "debits": side.debits,
                "closing": side.closing,
            }
            for ref, side in ordered
        ]


class _Side:
    __slots__ = ("closing", "credits", "debits", "first", "last", "opening")

    def __init__(self, first: int, opening: int, last: int, closing: int) -> None:
        self.first, self.opening, self.last, self.closing = first, opening, last, closing
        self.credits = self.debits = 0
