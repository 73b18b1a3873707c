"""Checks a bundle as somebody without the house would: line by line, the first that does not hold is named."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from cambista.audit.rules import bundle, chain, merkle
from cambista.audit.rules.checkpoints import CheckpointMalformed, key_hash, key_id, read_checkpoint
from cambista.audit.rules.walk import CheckpointLine, Clockwork, Found, forged
from cambista.audit.types.chain import Finding, Verdict, Wrong
from cambista.audit.types.checkpoints import Checkpoint
from cambista.audit.types.entries import FORM, Entry
from cambista.kernel.canonical import canonical_json

KINDS = (
    "manifest", "key", "checkpoint", "consistency", "start", "entry", "leaf", "posting", "receipt", "total", "end",
)  # fmt: skip
LINE_MAX = 4 * 1024 * 1024
# What must be there as a text, and what as a whole number.
TEXTS: Mapping[str, tuple[str, ...]] = {
    "manifest": ("form", "mode", "branch", "origin"),
    "key": ("purpose", "key_id", "algorithm", "public_key"),
    "posting": ("transfer", "source", "destination", "asset"),
    "receipt": ("quote", "sha256", "signature", "key_id", "content"),
    "total": ("account", "asset"),
}
NUMBERS: Mapping[str, tuple[str, ...]] = {
    "checkpoint": ("number",),
    "consistency": ("first", "second"),
    "start": ("size",),
    "entry": ("number",),
    "leaf": ("number",),
    "posting": ("units",),
    "total": ("opening", "credits", "debits", "closing"),
    "end": ("lines",),
}
Values = Mapping[str, Any]
SignedBy = Callable[[bytes, bytes, bytes], bool]
_RECEIPT = b"cambista.receipt.v1:"


class BundleCheck:
    """One bundle. `trusted`: the 32 bytes of the audit key one has from elsewhere; None believes the file's own."""

    def __init__(self, signed_by: SignedBy, trusted: bytes | None) -> None:
        self._signed_by, self._trusted = signed_by, trusted
        self._sha256 = hashlib.sha256()
        self._lines = self._kind = 0
        self._ended = False
        self._keys: dict[str, bytes] = {}
        self._mode = self._origin = self._branch = ""
        self._line = CheckpointLine()
        self._checkpoints: list[Checkpoint] = []
        self._proved: set[tuple[int, int]] = set()
        self._clock = Clockwork()
        self._tree: merkle.Frontier | None = None
        self._chain = b""
        self._number = self._entries = self._met = 0
        self._receipts: dict[str, str] = {}
        self._moved: dict[tuple[str, str], list[int]] = {}
        self._totalled: set[tuple[str, str]] = set()
        self._closing = ""

    def run(self, lines: Iterable[bytes]) -> Verdict:
        """Check all lines; the verdict names the first thing that is wrong."""
        finding: Finding | None = None
        try:
            for line in lines:
                self._take(line)
            self._require(self._ended, "the last line is missing: the file was cut off")
            self._require_met()
        except Found as found:
            finding = found.finding
        own = (
            "" if self._trusted is not None else "The file's own public key was believed: compare it with the house's."
        )
        last = self._checkpoints[-1] if self._checkpoints else None
        return Verdict(self._entries, len(self._checkpoints), 0, last, finding, (own,) if own else ())

    def _require(self, holds: bool, said: str) -> None:
        if not holds:
            raise Found(Wrong.BUNDLE_BROKEN, 0, f"line:{self._lines + 1}", f"Line {self._lines + 1}: {said}.")

    def _take(self, line: bytes) -> None:
        self._require(not self._ended, "something follows the last line")
        self._require(line.endswith(b"\n") and len(line) <= LINE_MAX, "it is not a whole line")
        try:
            values = msgspec.json.decode(line)
            whole = isinstance(values, dict) and canonical_json(values) + b"\n" == line
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, AssertionError):
            whole = False
        self._require(whole, "it is not canonical JSON")
        kind = values.get("kind")
        self._require(kind in KINDS, "it is of no known kind")
        at = KINDS.index(kind)
        self._require(at >= self._kind and (self._lines > 0) == (at > 0), f"a {kind} does not stand here")
        if at > KINDS.index("leaf") >= self._kind:
            self._require_met()
        self._kind = at
        worded = all(isinstance(values.get(name), str) for name in TEXTS.get(kind, ()))
        numbered = all(type(values.get(name)) is int for name in NUMBERS.get(kind, ()))
        self._require(worded and numbered, "it lacks a text or a number it must have")
        try:
            getattr(self, f"_take_{kind}")(values)
        except (LookupError, AttributeError, TypeError, ValueError, binascii.Error, msgspec.ValidationError) as error:
            self._require(False, f"it lacks something, or holds what it must not: {error!r}")
        self._sha256.update(line)
        self._lines += 1

    def _take_manifest(self, values: Values) -> None:
        self._require(values["form"] == bundle.FORM, "this is another form of bundle")
        self._mode, self._branch, self._origin = values["mode"], values["branch"], values["origin"]
        self._require(self._mode in ("range", "subset"), "it has no known mode")
        self._require(isinstance(values["customer"], str | None), "its customer is none")
        self._closing = "" if values["customer"] is None else f"customer:{values['customer']}"

    def _take_key(self, values: Values) -> None:
        raw = base64.b64decode(values["public_key"], validate=True)
        purpose = values["purpose"]
        self._require(values["algorithm"] == "Ed25519", "the key is of a kind that is not used here")
        self._require(len(raw) == 32 and values["key_id"] == key_id(raw), "the key is not the one it says")
        self._require(purpose not in self._keys, "the key stands twice")
        if purpose == "audit" and self._trusted is not None:
            self._require(raw == self._trusted, "the audit key is not the one that is trusted")
        self._keys[purpose] = raw

    def _take_checkpoint(self, values: Values) -> None:
        number = int(values["number"])
        try:
            checkpoint = read_checkpoint(values["text"])
        except CheckpointMalformed as error:
            raise forged(number, 0, str(error)) from None
        key = self._keys["audit"]
        genuine = (
            checkpoint.head.number == number
            and checkpoint.head.origin == self._origin
            and checkpoint.key_hash == key_hash(self._origin, key)
            and self._signed_by(key, checkpoint.signature, checkpoint.signed)
        )
        if not genuine:
            raise forged(number, checkpoint.head.size)
        self._line.meet(checkpoint, may_jump=self._line.last is None or self._mode == "subset")
        self._checkpoints.append(checkpoint)

    def _take_consistency(self, values: Values) -> None:
        sizes = (int(values["first"]), int(values["second"]))
        by_size = {each.head.size: each for each in self._checkpoints}
        self._require(sizes[0] in by_size and sizes[1] in by_size, "it is about checkpoints that are not here")
        roots = (by_size[sizes[0]].head.root, by_size[sizes[1]].head.root)
        if not merkle.consistent(*sizes, roots, _hashes(values["proof"])):
            raise Found(
                Wrong.REWRITTEN, sizes[0], f"checkpoint:{by_size[sizes[1]].head.number}",
                f"The record of {sizes[1]} entries does not begin with that of {sizes[0]}.",
            )  # fmt: skip
        self._proved.add(sizes)

    def _take_start(self, values: Values) -> None:
        self._require(self._mode == "range", "a subset has no start")
        self._number = self._met = int(values["size"])
        frontier = _hashes(values["frontier"])
        fits = self._number >= 0 and len(frontier) == self._number.bit_count()
        self._require(fits, "its frontier is not of a tree of that size")
        self._tree = merkle.Frontier(self._number, frontier)
        self._chain = bytes.fromhex(values["chain"])
        self._meet()

    def _take_entry(self, values: Values) -> None:
        number, entry = int(values["number"]), chain.entry_of(values["entry"])
        hash = chain.entry_hash(entry)
        self._require(entry.form == FORM and entry.branch == self._branch, "the entry is not of this record")
        if self._mode == "range":
            self._step(number, hash, entry)
        else:
            self._prove(number, hash, entry, _hashes(values["proof"]))
        self._entries += 1
        if entry.action == "quote.request" and entry.outcome == "done":
            self._receipts[entry.subject] = msgspec.json.decode(entry.facts).get("receipt", "")

    def _take_leaf(self, values: Values) -> None:
        self._step(int(values["number"]), bytes.fromhex(values["hash"]), None)

    def _step(self, number: int, hash: bytes, entry: Entry | None) -> None:
        self._require(self._tree is not None, "the start is missing")
        assert self._tree is not None
        if number != self._number + 1:
            raise Found(
                Wrong.MISSING, self._number + 1, f"entry:{self._number + 1}", f"Entry {self._number + 1} is missing."
            )
        if entry is not None:
            self._require_timely(number, entry)
        self._number = number
        self._chain = chain.chain_hash(self._chain, hash, number)
        self._tree.add(hash)
        self._meet()

    def _require_timely(self, number: int, entry: Entry) -> None:
        wrong = self._clock.wrong_with(entry)
        if wrong:
            raise Found(Wrong.BACK_DATED, number, f"entry:{entry.id}", f"Entry {number} ({entry.id}): {wrong}.")
        self._clock.move(number, entry)

    def _meet(self) -> None:
        assert self._tree is not None
        for each in self._checkpoints:
            head = each.head
            if head.size != self._number:
                continue
            if (head.root, head.chain) != (self._tree.root(), self._chain):
                raise Found(
                    Wrong.REWRITTEN, self._met + 1, f"checkpoint:{head.number}",
                    f"Entries {self._met + 1} to {head.size} are not those that checkpoint {head.number} was"
                    " signed for.",
                )  # fmt: skip
            self._clock.meet(each)
            self._met = head.size

    def _require_met(self) -> None:
        """Every entry must be under a checkpoint, and every two checkpoints of a subset be joined."""
        self._require(bool(self._checkpoints), "there is no checkpoint")
        last = self._checkpoints[-1].head
        if self._mode == "range":
            self._require(self._tree is not None, "the start is missing")
            if self._number != last.size:
                raise Found(
                    Wrong.TRUNCATED, self._number + 1, f"entry:{self._number + 1}",
                    f"The entries end at {self._number}; checkpoint {last.number} is over {last.size}.",
                )  # fmt: skip
        pairs = {(a.head.size, b.head.size) for a, b in zip(self._checkpoints, self._checkpoints[1:], strict=False)}
        if self._mode == "subset":
            self._require(pairs <= self._proved, "two checkpoints are not proved to be of one record")

    def _prove(self, number: int, hash: bytes, entry: Entry, proof: list[bytes]) -> None:
        self._require(number > self._number, "entries are not in order")
        last = self._checkpoints[-1].head
        if merkle.root_from_inclusion(number - 1, last.size, hash, proof) != last.root:
            raise Found(
                Wrong.CHANGED, number, f"entry:{entry.id}",
                f"Entry {number} ({entry.id}) is not in the record that checkpoint {last.number} was signed for.",
            )  # fmt: skip
        self._require_timely(number, entry)
        self._number = number

    def _take_posting(self, values: Values) -> None:
        units = values["units"]
        self._require(type(units) is int and units > 0, "a posting moves more than nothing")
        self._require(values["source"] != values["destination"], "a posting moves between two accounts")
        self._moved.setdefault((values["source"], values["asset"]), [0, 0])[1] += units
        self._moved.setdefault((values["destination"], values["asset"]), [0, 0])[0] += units

    def _take_receipt(self, values: Values) -> None:
        sha256, subject = values["sha256"], f"quote:{values['quote']}"
        key = self._keys.get("receipt", b"")
        signature = base64.b64decode(values["signature"], validate=True)
        forged = hashlib.sha256(values["content"].encode()).hexdigest() != sha256
        if key and values["key_id"] == key_id(key):
            forged = forged or not self._signed_by(key, signature, _RECEIPT + sha256.encode())
        forged = forged or self._receipts.get(subject, sha256) != sha256
        if forged:
            raise Found(
                Wrong.RECEIPT_FORGED, 0, subject, f"The receipt of quote {values['quote']} is not what was issued."
            )

    def _take_total(self, values: Values) -> None:
        account = (values["account"], values["asset"])
        self._require(account not in self._totalled, "the account is totalled twice")
        self._totalled.add(account)
        moved = self._moved.get(account, [0, 0])
        adds_up = values["opening"] + moved[0] - moved[1] == values["closing"]
        if not adds_up or [values["credits"], values["debits"]] != moved:
            raise Found(
                Wrong.TOTAL_WRONG, 0, f"account:{values['account']}",
                f"The {values['asset']} of {values['account']} does not add up.",
            )  # fmt: skip

    def _require_totals(self) -> None:
        """Every account the postings touch is totalled; in one customer's bundle, the customer's."""
        lacking = (each for each in self._moved if each not in self._totalled and self._closing in ("", each[0]))
        self._require(next(lacking, None) is None, "a total is missing")

    def _take_end(self, values: Values) -> None:
        self._require(set(self._keys) == {"audit", "receipt"}, "there is not one key of each purpose")
        self._require_totals()
        self._require(values["lines"] == self._lines, f"{values['lines']} lines were written, {self._lines} are here")
        self._require(values["sha256"] == self._sha256.hexdigest(), "the lines are not those that were written")
        signature = base64.b64decode(values["signature"], validate=True)
        message = bundle.PURPOSE + values["sha256"].encode()
        self._require(self._signed_by(self._keys["audit"], signature, message), "the signature is not the audit key's")
        self._ended = True


def _hashes(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in values]
