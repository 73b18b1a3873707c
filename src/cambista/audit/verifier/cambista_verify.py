#!/usr/bin/env python3
"""Checks what a Cambista house proves, without the house: one file, Python 3.9 or newer, its standard library alone.

    python3 -I cambista_verify.py FILE [--key KEY] [--certificate FILE] [--customer ID]

FILE is an audit bundle (`cambista audit export`), a customer's proof (`GET /accounts/proof`) or a certificate of
solvency (`GET /solvency`). KEY is the audit's public key (`GET /audit/key`) in base64 or hex, or a file that holds it;
without it the file's own is believed, and said. With --certificate a proof must lead to that published certificate.
Prints what it checked. Status 0: all holds; 1: the first thing that does not is named; 2: not readable.

It is written from docs/audit.md and docs/solvency.md and shares no line with the house.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

Line = dict[str, Any]
LINE_MAX = 16 * 1024 * 1024
KINDS = (
    "manifest", "key", "checkpoint", "consistency", "start", "entry", "leaf", "posting", "receipt", "total", "end",
)  # fmt: skip
# What each kind of line must have besides `kind`, and of what type.
FIELDS: dict[str, dict[str, Any]] = {
    "manifest": {"form": str, "mode": str, "branch": str, "origin": str, "customer": (str, type(None))},
    "key": {"purpose": str, "key_id": str, "algorithm": str, "public_key": str},
    "checkpoint": {"number": int, "text": str},
    "consistency": {"first": int, "second": int, "proof": list},
    "start": {"size": int, "frontier": list, "chain": str},
    "entry": {"number": int, "entry": dict},
    "leaf": {"number": int, "hash": str},
    "posting": {"transfer": str, "source": str, "destination": str, "asset": str, "units": int},
    "receipt": {"quote": str, "sha256": str, "signature": str, "key_id": str, "content": str},
    "total": {"account": str, "asset": str, "opening": int, "credits": int, "debits": int, "closing": int},
    "end": {"lines": int, "sha256": str, "signature": str},
}
ENTRY_KEYS = {
    "action", "actor", "address", "after", "agent", "before", "branch", "client", "credential", "facts", "form", "id",
    "key", "outcome", "role", "subject", "time", "trace",
}  # fmt: skip
SLACK = timedelta(seconds=60)


class Bad(Exception):
    """Something the file claims does not hold."""


class Unreadable(Exception):
    """The file is none of those this script knows."""


def require(holds: bool, where: str, why: str) -> None:
    if not holds:
        raise Bad(f"{where}: {why}")


# -------------------------------------------------------------------------------------------- Ed25519 (RFC 8032, 5.1.7)

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def point_from(raw: bytes) -> Point | None:
    """The point of 32 bytes; None for those that are none, or not in their one canonical form."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def point_sum(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_bytes(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | ((x & 1) << 255)).to_bytes(32, "little")


BASE_POINT = point_from((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the signature; no for a scalar or a point that is not canonical, and for keys of small order."""
    key = point_from(public) if len(public) == 32 and len(signature) == 64 else None
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or BASE_POINT is None or scalar >= ORDER:
        return False
    eightfold = key
    for _ in range(3):
        eightfold = point_sum(eightfold, eightfold)
    if point_bytes(eightfold) == point_bytes(NEUTRAL):
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus_key = (P - key[0], key[1], 1, P - key[3])
    table = (NEUTRAL, BASE_POINT, minus_key, point_sum(BASE_POINT, minus_key))
    found = NEUTRAL
    for bit in range(max(scalar.bit_length(), hashed.bit_length()) - 1, -1, -1):
        found = point_sum(found, found)
        found = point_sum(found, table[(scalar >> bit & 1) | (hashed >> bit & 1) << 1])
    return point_bytes(found) == signature[:32]


# -------------------------------------------------------------------------------------------------- reading and hashing


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _once(pairs: Sequence[tuple[str, Any]]) -> Line:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_fraction(text: str) -> object:
    raise ValueError(f"{text} is no integer")


def parse(raw: bytes) -> Any:
    """JSON without floats and doubled keys; ValueError for what is not."""
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_float=_no_fraction, parse_constant=_no_fraction
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def b64(text: object, size: int, where: str) -> bytes:
    try:
        found = base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    require(len(found) == size and base64.b64encode(found).decode() == text, where, f"not {size} bytes in base64")
    return found


def hex32(text: object, where: str) -> bytes:
    require(isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text) is not None, where, "not 32 bytes in hex")
    return bytes.fromhex(str(text))


def moment(text: object, where: str) -> datetime:
    require(isinstance(text, str) and len(text) == 27, where, f"{text!r} is no time")
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - all are UTC
    except ValueError:
        raise Bad(f"{where}: {text!r} is no time") from None


def key_id(public: bytes) -> str:
    return sha256(public).hex()[:16]


# ------------------------------------------------------------------------------------------ the Merkle tree of RFC 9162


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


class Frontier:
    """The perfect subtrees of a growing tree, the largest first."""

    def __init__(self, size: int, hashes: Sequence[bytes]) -> None:
        self.size, self.hashes = size, list(hashes)

    def add(self, leaf: bytes) -> None:
        size, self.size = self.size, self.size + 1
        while size & 1:
            leaf, size = node(self.hashes.pop(), leaf), size >> 1
        self.hashes.append(leaf)

    def root(self) -> bytes:
        if not self.hashes:
            return sha256(b"")
        found = self.hashes[-1]
        for each in reversed(self.hashes[:-1]):
            found = node(each, found)
        return found


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root an inclusion proof leads to (RFC 9162, 2.1.3.2); None where it cannot be one."""
    if index >= size:
        return None
    last = size - 1
    for each in proof:
        if last == 0:
            return None
        if index & 1 or index == last:
            leaf = node(each, leaf)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = node(leaf, each)
        index, last = index >> 1, last >> 1
    return leaf if last == 0 else None


def consistent(first: tuple[int, bytes], second: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether the tree of `first` (size, root) grew into that of `second` (RFC 9162, 2.1.4.2)."""
    if first[0] == 0 or first[0] == second[0]:
        return not proof and (first[0] == 0 or first[1] == second[1])
    if first[0] > second[0] or not proof:
        return False
    rest = list(proof) if first[0] & (first[0] - 1) else [first[1], *proof]
    here, last = first[0] - 1, second[0] - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = rest[0]
    for each in rest[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node(each, old), node(each, new)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new = node(new, each)
        here, last = here >> 1, last >> 1
    return last == 0 and old == first[1] and new == second[1]


# -------------------------------------------------------------------------------------------------------- audit bundles


class Checkpoint:
    """A signed tree head, read from its note."""

    def __init__(self, line: Line, where: str) -> None:
        text = str(line.get("text"))
        found = re.fullmatch(
            r"(?P<body>(?P<origin>\S+)\n(?P<size>0|[1-9][0-9]{0,17})\n(?P<root>\S+)\n"
            r"number (?P<number>[1-9][0-9]{0,17})\ntime (?P<time>\S+)\nchain (?P<chain>[0-9a-f]{64})\n"
            r"previous (?P<previous>[0-9a-f]{64})\n)\n\u2014 (?P<name>\S+) (?P<signature>\S+)\n",
            text,
        )
        if found is None:
            raise Bad(f"{where}: not in the form of a checkpoint")
        self.where, self.text, self.body = where, text.encode(), found["body"].encode()
        self.origin, self.name = found["origin"], found["name"]
        self.number, self.size = int(found["number"]), int(found["size"])
        self.root, self.time = b64(found["root"], 32, where), moment(found["time"], where)
        self.chain, self.previous = bytes.fromhex(found["chain"]), found["previous"]
        self.signature = b64(found["signature"], 68, where)
        require(line.get("number") == self.number, where, "the line and the note name different numbers")

    def check_signature(self, origin: str, public: bytes) -> None:
        require(self.origin == origin and self.name == origin, self.where, f"its origin is not {origin}")
        hint = sha256(self.name.encode() + b"\n\x01" + public)[:4]
        require(self.signature[:4] == hint, self.where, "signed by another key")
        require(signature_holds(public, self.body, self.signature[4:]), self.where, "its signature does not hold")


class Bundle:
    """A bundle on disk, read line by line as often as there are things to check; a long one needs no memory."""

    def __init__(self, path: str, given: bytes | None) -> None:
        self.path, self.given = path, given
        self.manifest: Line = {}
        self.public: dict[str, bytes] = {}
        self.checkpoints: list[Checkpoint] = []

    def lines(self, *kinds: str) -> Iterator[tuple[str, Line]]:
        """The lines of these kinds, each with how to name it."""
        with open(self.path, "rb") as file:
            for number, raw in enumerate(file, 1):
                line = parse(raw)
                if line["kind"] in kinds:
                    told = f" ({line['kind']} {line['number']})" if "number" in line else f" ({line['kind']})"
                    yield f"line {number}{told}", line

    def check(self, say: Callable[[str], None]) -> None:
        self.check_end(say)
        self.check_checkpoints(say)
        if self.manifest.get("mode") == "range":
            self.check_range(say)
        else:
            self.check_subset(say)
        self.check_times(say)
        self.check_receipts(say)
        self.check_postings(say)

    def check_end(self, say: Callable[[str], None]) -> None:
        """The last line counts, hashes and signs all before it; every line is canonical, the kinds are in order."""
        hashed, rank, count, last = hashlib.sha256(), 0, 0, {}  # type: ignore[var-annotated]
        with open(self.path, "rb") as file:
            for raw in iter(lambda: file.readline(LINE_MAX), b""):
                count += 1
                where = f"line {count}"
                require(last.get("kind") != "end", where, "nothing may follow the end")
                last = self._line(raw, where)
                require(KINDS.index(last["kind"]) >= rank, where, f"a line of kind {last['kind']} stands too late")
                rank = KINDS.index(last["kind"])
                require((rank == 0) == (count == 1), where, "the first line, and no other, is the manifest")
                self._keep(last, where)
                if rank < KINDS.index("end"):
                    hashed.update(raw)
        require(last.get("kind") == "end", f"line {count}", "the file is cut off: its last line is not the end")
        require(set(self.public) == {"audit", "receipt"}, "keys", "there is not one of each purpose")
        require(self.given in (None, self.public["audit"]), "key", "the file's audit key is not the one given")
        require(last.get("lines") == count - 1, "end", f"it counts {last.get('lines')} lines, there are {count - 1}")
        require(last.get("sha256") == hashed.hexdigest(), "end", "the lines before it are not those that were hashed")
        signature = b64(last.get("signature"), 64, "end")
        signed = b"cambista.bundle.v1:" + hashed.hexdigest().encode()
        require(signature_holds(self.public["audit"], signed, signature), "end", "its signature does not hold")
        trust = "as given" if self.given else "which this file brought itself: compare it with the published one"
        say(f"{count} lines, sealed by the key {key_id(self.public['audit'])}, {trust}")

    @staticmethod
    def _line(raw: bytes, where: str) -> Line:
        try:
            line = parse(raw)
        except ValueError as error:
            raise Bad(f"{where}: not JSON ({error})") from None
        require(isinstance(line, dict) and line.get("kind") in KINDS, where, "of no known kind")
        require(canonical(line) + b"\n" == raw, where, "not in canonical form")
        for name, kind in FIELDS[line["kind"]].items():
            fits = isinstance(line.get(name), kind) and not isinstance(line[name], bool)
            require(fits, where, f"its {name} is missing or not of its type")
        return dict(line)

    def _keep(self, line: Line, where: str) -> None:
        if line["kind"] == "manifest":
            self.manifest = line
            require(line.get("form") == "cambista.bundle.v1", where, "a bundle of another form")
            require(line.get("mode") in ("range", "subset"), where, "neither of mode range nor of mode subset")
        elif line["kind"] == "key":
            public = b64(line.get("public_key"), 32, where)
            require(
                line.get("algorithm") == "Ed25519" and line.get("key_id") == key_id(public), where, "not its own id"
            )
            require(line.get("purpose") not in self.public, where, "a second key of this purpose")
            self.public[str(line.get("purpose"))] = public

    def check_checkpoints(self, say: Callable[[str], None]) -> None:
        """Signatures, numbers, and that each names the one before it."""
        origin = f"cambista/{self.manifest.get('branch')}"
        require(self.manifest.get("origin") == origin, "manifest", "origin and branch do not fit")
        self.checkpoints = [Checkpoint(line, where) for where, line in self.lines("checkpoint")]
        require(bool(self.checkpoints), "checkpoints", "there is none")
        before: Checkpoint | None = None
        for each in self.checkpoints:
            each.check_signature(origin, self.public["audit"])
            if each.number == 1:
                require(each.previous == "0" * 64, each.where, "the first one names one before it")
            if before is not None:
                require(each.number > before.number, each.where, "its number does not rise")
                whole = self.manifest["mode"] == "subset" or each.number == before.number + 1
                require(whole, each.where, f"checkpoint {before.number + 1} is missing before it")
                require(each.size >= before.size, each.where, "it is of a smaller tree than the one before")
                require(each.time >= before.time, each.where, "it is older than the one before")
                follows = each.number != before.number + 1 or each.previous == sha256(before.text).hex()
                require(follows, each.where, "it does not name the checkpoint before it")
            before = each
        say(f"{len(self.checkpoints)} signed checkpoints, the last of {self.checkpoints[-1].size} entries")

    def check_range(self, say: Callable[[str], None]) -> None:
        """Every entry of the period, chained and hashed up to the signed heads."""
        starts = list(self.lines("start"))
        require(len(starts) == 1, "start", f"there are {len(starts)} instead of one")
        where, start = starts[0]
        frontier = Frontier(start["size"], [hex32(each, where) for each in start["frontier"]])
        fits = frontier.size >= 0 and len(frontier.hashes) == bin(frontier.size).count("1")
        require(fits, where, "the frontier is not of a tree of that size")
        chain = hex32(start["chain"], where)
        origin = sha256(b"cambista.chain.v1:" + str(self.manifest["branch"]).encode())
        require(frontier.size > 0 or chain == origin, where, "the chain does not begin with the branch")
        heads = [each for each in self.checkpoints if each.size >= frontier.size]
        heads = self._reach(heads, frontier, chain)
        entries = 0
        for where, line in self.lines("entry", "leaf"):
            entries += line["kind"] == "entry"
            require(line.get("number") == frontier.size + 1, where, f"number {frontier.size + 1} is missing")
            hashed = self.entry_hash(line, where) if line["kind"] == "entry" else hex32(line.get("hash"), where)
            frontier.add(hashed)
            chain = sha256(b"cambista.chain.v1:" + chain + hashed + frontier.size.to_bytes(8, "big"))
            heads = self._reach(heads, frontier, chain)
        require(not heads, f"number {frontier.size + 1}", "it and what follows up to the last checkpoint are missing")
        require(frontier.size == self.checkpoints[-1].size, where, "it lies beyond the last checkpoint")
        say(f"{entries} entries without a gap, chained and hashed to the signed roots")

    @staticmethod
    def _reach(heads: list[Checkpoint], frontier: Frontier, chain: bytes) -> list[Checkpoint]:
        while heads and heads[0].size == frontier.size:
            found = f"entries up to number {frontier.size}"
            require(chain == heads[0].chain, found, f"their chain is not that of checkpoint {heads[0].number}")
            require(frontier.root() == heads[0].root, found, f"their root is not that of checkpoint {heads[0].number}")
            heads = heads[1:]
        return heads

    def check_subset(self, say: Callable[[str], None]) -> None:
        """Each entry by a proof of its own to the last head; the heads by proofs that the tree only grew."""
        pairs = list(zip(self.checkpoints, self.checkpoints[1:]))  # noqa: B905 - Python 3.9 has no strict
        grown = list(self.lines("consistency"))
        require(len(grown) == len(pairs), "consistency", f"{len(pairs)} proofs are needed, there are {len(grown)}")
        for (where, line), (one, two) in zip(grown, pairs):  # noqa: B905
            require((line.get("first"), line.get("second")) == (one.size, two.size), where, "not of these checkpoints")
            proof = [hex32(each, where) for each in line["proof"]]
            holds = consistent((one.size, one.root), (two.size, two.root), proof)
            require(holds, where, f"checkpoint {two.number} is no continuation of checkpoint {one.number}")
        last, entries, before = self.checkpoints[-1], 0, 0
        for where, line in self.lines("entry"):
            require(before < line["number"], where, "the numbers do not rise")
            before, entries = line["number"], entries + 1
            proof = [hex32(each, where) for each in line["proof"]]
            root = included(self.entry_hash(line, where), before - 1, last.size, proof)
            require(root == last.root, where, f"its proof does not lead to the root of checkpoint {last.number}")
        say(f"{entries} entries, each proved to stand in the signed tree; {len(pairs)} proofs that it only grew")

    def entry_hash(self, line: Line, where: str) -> bytes:
        """The leaf of an entry in the tree."""
        entry = line["entry"]
        require(set(entry) == ENTRY_KEYS, where, "not with the keys of an entry")
        require(all(each is None or isinstance(each, str) for each in entry.values()), where, "not of texts")
        require(entry["form"] == "cambista.entry.v1", where, "an entry of another form")
        require(entry["branch"] == self.manifest["branch"], where, "an entry of another branch")
        return sha256(b"\x00" + canonical(entry))

    def check_times(self, say: Callable[[str], None]) -> None:
        """No entry is older than what stands before it, nor newer than the checkpoint that holds it."""
        heads, floor, before, count = list(self.checkpoints), None, None, 0
        for where, line in self.lines("entry"):
            at, number, count = moment(line["entry"]["time"], where), line["number"], count + 1
            require(before is None or at >= before - SLACK, where, "it is dated before the entry before it")
            while heads and heads[0].size < number:
                floor, heads = heads[0].time, heads[1:]
            require(floor is None or at >= floor - SLACK, where, "it is dated before a checkpoint it came after")
            require(not heads or at <= heads[0].time + SLACK, where, "it is dated after the checkpoint that holds it")
            before = at
        say(f"{count} entries dated in order")

    def check_receipts(self, say: Callable[[str], None]) -> None:
        """Hashes and signatures of prices, and that the audit names the same ones."""
        named = {}
        for _, line in self.lines("entry"):
            if line["entry"]["action"] == "quote.request":
                named[line["entry"]["subject"]] = parse(line["entry"]["facts"].encode()).get("receipt")
        count = strange = 0
        for where, line in self.lines("receipt"):
            hashed = sha256(line["content"].encode()).hex()
            require(line["sha256"] == hashed, where, "its content is not what was hashed")
            known = named.get(f"quote:{line['quote']}")
            require(known in (None, hashed), where, "the audit entry of its quote names another receipt")
            count += 1
            if line["key_id"] != key_id(self.public["receipt"]):
                strange += 1
                continue
            signature = b64(line["signature"], 64, where)
            holds = signature_holds(self.public["receipt"], b"cambista.receipt.v1:" + hashed.encode(), signature)
            require(holds, where, "its signature does not hold")
        say(f"{count} receipts" + (f", {strange} of them signed by keys that are not in the file" if strange else ""))

    def check_postings(self, say: Callable[[str], None]) -> None:
        """Each posting takes what it gives; openings, movements and closings add up."""
        moved: dict[tuple[str, str], list[int]] = {}
        transfers, count = set(), 0
        for where, line in self.lines("posting"):
            source, destination = ((line[side], line["asset"]) for side in ("source", "destination"))
            require(line["units"] > 0, where, "its units are not above zero")
            require(source != destination, where, "it moves nothing from one account to another")
            moved.setdefault(source, [0, 0])[1] += line["units"]
            moved.setdefault(destination, [0, 0])[0] += line["units"]
            transfers.add(line["transfer"])
            count += 1
        for where, line in self.lines("total"):
            account = (line["account"], line["asset"])
            credits, debits = moved.pop(account, [0, 0])
            found = [line["credits"], line["debits"], line["closing"]]
            expected = [credits, debits, line["opening"] + credits - debits]
            require(found == expected, where, f"{account[0]} in {account[1]}: its postings do not give this total")
        # An export of one customer closes that customer's accounts, not those of the other sides.
        owner = self.manifest.get("customer")
        lacking = [each for each in moved if owner is None or each[0] == f"customer:{owner}"]
        require(not lacking, "totals", f"there is none for {' in '.join(next(iter(lacking), ('', '')))}")
        say(f"{count} postings of {len(transfers)} transfers, each balanced; totals add up")


# ----------------------------------------------------------------------------------- solvency and a customer's own leaf


def units_of(text: object, scale: int, where: str) -> int:
    """A decimal text as units of the asset."""
    form = rf"-?\d{{1,39}}\.\d{{{scale}}}" if scale else r"-?\d{1,39}"
    require(isinstance(text, str) and re.fullmatch(form, text, re.ASCII) is not None, where, f"{text!r} is no amount")
    return int(str(text).replace(".", ""))


def check_certificate(found: Line, given: bytes | None, say: Callable[[str], None]) -> dict[str, Line]:
    """Signature and sums of a certificate of solvency; its positions by asset."""
    statement, where = found["statement"], "certificate"
    require(statement.get("form") == "cambista.solvency.v1", where, "of another form")
    require(statement.get("tree") == "cambista.liabilities.v1", where, "its trees are of another form")
    public, hashed = b64(found.get("public_key"), 32, where), sha256(canonical(statement)).hex()
    require(given in (None, public), where, "signed by another key than the one given")
    require(found.get("sha256") == hashed, where, "its statement is not what was hashed")
    signed = f"cambista.solvency.v1:{hashed}".encode()
    require(
        signature_holds(public, signed, b64(found.get("signature"), 64, where)), where, "its signature does not hold"
    )
    for each in statement["assets"]:
        check_position(each, f"{where}, {each['asset']}")
    trust = "as given" if given else "which this file brought itself: compare it with the published one"
    say(f"certificate of {statement['branch']} for {statement['day']}, signed by the key {key_id(public)}, {trust}")
    for each in statement["assets"]:
        verdict = "covered" if each["solvent"] else "NOT COVERED"
        say(f"  {each['asset']}: owed {each['liabilities']} and {each['suspense']} in suspense, "
            f"said to be there {each['reserve']}: {verdict}")  # fmt: skip
    return {each["asset"]: each for each in statement["assets"]}


def check_position(each: Line, where: str) -> None:
    def units(name: str) -> int:
        return units_of(each[name], each["scale"], where)

    def total(name: str) -> int:
        return sum(units_of(part["amount"], each["scale"], where) for part in each[name])

    require(0 <= units("liabilities") < 1 << 128, where, "its liabilities are no sum of balances")
    require(total("reserves") == units("reserve"), where, "its reserves do not add up")
    surplus = units("reserve") - units("liabilities") - units("suspense")
    require(surplus == units("surplus") == total("own"), where, "its surplus is not what is left")
    require(each["solvent"] is (surplus >= 0), where, "it does not say truly whether it is covered")


def check_proof(found: Line, customer: str | None, positions: dict[str, Line], say: Callable[[str], None]) -> None:
    """Each leaf of the customer leads to the signed root and total of its asset."""
    own = str(found.get("customer_id"))
    require(customer in (None, own), "proof", f"it is of customer {own}")
    require(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", own) is not None, "proof", "of no customer")
    require(bool(found["proofs"]), "proof", "it has no leaf")
    for each in found["proofs"]:
        where = f"leaf in {each['asset']}"
        position = positions.get(each["asset"])
        if position is None:
            raise Bad(f"{where}: the certificate does not have this asset")
        check_leaf(bytes.fromhex(own.replace("-", "")), each, position, where)
        say(f"{own} is owed {each['balance']} {each['asset']}, counted in the total of {position['liabilities']}")


def check_leaf(customer: bytes, leaf: Line, position: Line, where: str) -> None:
    balance, index = units_of(leaf["balance"], position["scale"], where), leaf["index"]
    require(0 <= balance < 1 << 128, where, "its balance is no amount owed")
    require(isinstance(index, int) and 0 <= index < 1 << position["depth"], where, "its index lies outside the tree")
    require(len(leaf["path"]) == position["depth"], where, "its path is not as long as the tree is deep")
    width = balance.to_bytes(16, "big")
    hashed = sha256(b"cambista.leaf.1:" + customer + hex32(leaf["salt"], where) + width + leaf["asset"].encode())
    for height, beside in enumerate(leaf["path"]):
        other, owed = hex32(beside["hash"], where), units_of(beside["sum"], 0, where)
        require(owed >= 0 and balance + owed < 1 << 128, where, f"node {height} of its path is no sum of balances")
        here, there = hashed + balance.to_bytes(16, "big"), other + owed.to_bytes(16, "big")
        hashed = sha256(b"cambista.node.1:" + (there + here if index >> height & 1 else here + there))
        balance += owed
    require(hashed.hex() == position["root"], where, "its path does not lead to the signed root")
    owed = units_of(position["liabilities"], position["scale"], where)
    require(balance == owed, where, "its path does not add up to the signed total")


# ----------------------------------------------------------------------------------------------------- the command line


def read_key(text: str | None) -> bytes | None:
    """A public key from the command line: base64, hex, or a file whose first line holds it."""
    if text is None:
        return None
    if os.path.exists(text):
        with open(text, encoding="utf-8") as file:
            text = file.readline(1024).strip()
    try:
        found = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != 32:
        raise Unreadable("the key is not 32 bytes in base64 or hex")
    return found


def read_object(path: str) -> Line:
    with open(path, "rb") as file:
        try:
            found = parse(file.read(LINE_MAX))
        except ValueError as error:
            raise Unreadable(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{path} holds no JSON object")
    return found


def is_bundle(path: str) -> bool:
    """Whether this is meant as a bundle: lines that each say their kind."""
    with open(path, "rb") as file:
        return b'"kind":' in file.read(65_536)


def check(given: argparse.Namespace, say: Callable[[str], None]) -> None:
    key = read_key(given.key)
    if is_bundle(given.file):
        Bundle(given.file, key).check(say)
        return
    found = read_object(given.file)
    certificate = found.get("certificate", found)
    if not isinstance(certificate, dict) or not isinstance(certificate.get("statement"), dict):
        raise Unreadable(f"{given.file} is neither a bundle nor a proof nor a certificate")
    positions = check_certificate(certificate, key, say)
    if given.certificate is not None:
        published = read_object(given.certificate)
        check_certificate(published, key, lambda told: None)
        require(published["statement"] == certificate["statement"], "certificate", "not the published one")
        say("it is the published certificate")
    if "proofs" in found:
        check_proof(found, given.customer, positions, say)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks what a Cambista house proves, without the house.")
    parser.add_argument("file", help="an audit bundle, a customer's proof, or a certificate of solvency")
    parser.add_argument("--key", help="the audit's public key: base64, hex, or a file that holds it")
    parser.add_argument("--certificate", help="the published certificate a proof must lead to")
    parser.add_argument("--customer", help="the customer a proof must be of")
    given = parser.parse_args(arguments)
    try:
        check(given, lambda told: print("ok  " + told))
    except Bad as bad:
        print(f"BAD {bad}")
        return 1
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        # What a signed file of this form always has is not there: whatever it proves, it is not what it says.
        print(f"BAD the file lacks what its form asks for: {error!r}")
        return 1
    except (Unreadable, OSError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    print("All of it holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
