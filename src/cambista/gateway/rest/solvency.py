"""Proof of liabilities: the day's certificate for anybody, and each customer's own leaf in it."""

import base64
from typing import Annotated, Any

import msgspec
from fastapi import Path, Query, Response

from cambista.audit import (
    Certificate,
    CertificateUnknown,
    DayInvalid,
    LiabilityProof,
    OwnProofs,
    ProofUnknown,
    node_sum,
    parse_day,
)
from cambista.gateway.rest import words
from cambista.gateway.rest.routing import Entered, reply, rest_router, speaks
from cambista.gateway.rest.words import AmountText, AssetCode, IdText, TimeText
from cambista.kernel.canonical import digest
from cambista.kernel.money import Amount
from cambista.kernel.registry import asset

router = rest_router("solvency")
_DAY = {"format": "date"}
DayPath = Annotated[str, Path(description="A UTC day, YYYY-MM-DD.", json_schema_extra=_DAY)]
DayQuery = Annotated[
    str | None, Query(max_length=20, description="A UTC day; the newest by default.", json_schema_extra=_DAY)
]
HashText = Annotated[str, msgspec.Meta(description="32 bytes, hex.")]
BytesText = Annotated[str, msgspec.Meta(description="Bytes, base64.")]


class ReserveOut(msgspec.Struct):
    """What lies at one place outside, and on whose word: `books` are the house's own."""

    place: str
    amount: AmountText
    basis: str


class OwnOut(msgspec.Struct):
    """What of the reserve is the house's, by account."""

    account: str
    amount: AmountText


class PositionOut(msgspec.Struct):
    """One asset: `liabilities` is the sum bound by `root`, `surplus` the reserve less liabilities and suspense."""

    asset: AssetCode
    scale: int
    depth: int
    root: HashText
    liabilities: AmountText
    suspense: AmountText
    reserve: AmountText
    reserves: list[ReserveOut]
    own: list[OwnOut]
    surplus: AmountText
    solvent: bool


class StatementOut(msgspec.Struct):
    """What is signed, as canonical JSON (keys sorted, no white space)."""

    form: str
    tree: str
    branch: str
    day: str
    as_of: TimeText
    assets: list[PositionOut]


class CertificateOut(msgspec.Struct):
    """A signed statement: Ed25519 over `cambista.solvency.v1:` and the statement's SHA-256 in hex."""

    statement: StatementOut
    sha256: HashText
    signature: BytesText
    key_id: str
    public_key: BytesText


class NodeOut(msgspec.Struct):
    """A node beside the way up: its hash, and its sum in the asset's smallest units."""

    hash: HashText
    sum: str


class LeafOut(msgspec.Struct):
    """The caller's leaf in one asset's tree; `path` goes from its neighbour up to just below the root."""

    asset: AssetCode
    balance: AmountText
    salt: HashText
    index: int
    path: list[NodeOut]


class ProofOut(msgspec.Struct):
    """All that is needed to check, without the house, that what it owes the caller is in its signed total."""

    form: str
    customer_id: IdText
    certificate: CertificateOut
    proofs: list[LeafOut]


def show_certificate(found: Certificate) -> CertificateOut:
    return CertificateOut(
        msgspec.json.decode(found.statement, type=StatementOut),
        digest(found.statement),
        base64.b64encode(found.signature).decode(),
        digest(found.public_key)[:16],
        base64.b64encode(found.public_key).decode(),
    )


def show_leaf(proof: LiabilityProof) -> LeafOut:
    leaf = proof.leaf
    return LeafOut(
        leaf.asset,
        Amount(leaf.units, asset(leaf.asset)).text,
        leaf.salt.hex(),
        proof.index,
        [NodeOut(node[:32].hex(), str(node_sum(node))) for node in proof.path],
    )


def show_proofs(found: OwnProofs, customer_id: str) -> ProofOut:
    leaves = [show_leaf(each) for each in found.proofs]
    return ProofOut("cambista.liability-proof.v1", customer_id, show_certificate(found.certificate), leaves)


_HASH = "9a3e" * 16
_POSITION = {
    "asset": "USDT", "scale": 6, "depth": 10, "root": _HASH, "liabilities": "1250.000000", "suspense": "0.000000",
    "reserve": "51250.000000", "reserves": [{"place": "chain:tron", "amount": "51250.000000", "basis": "books"}],
    "own": [{"account": "till", "amount": "50000.000000"}], "surplus": "50000.000000", "solvent": True,
}  # fmt: skip
_CERTIFICATE: dict[str, Any] = {
    "statement": {
        "form": "cambista.solvency.v1", "tree": "cambista.liabilities.v1", "branch": "main", "day": "2026-11-24",
        "as_of": words.MOMENT, "assets": [_POSITION],
    },
    "sha256": _HASH, "signature": "3q2+7w…", "key_id": "1f5c0a9b7e3d2c41", "public_key": "YXVkaXQ…",
}  # fmt: skip
_LEAF = {
    "asset": "USDT", "balance": "250.000000", "salt": _HASH, "index": 617, "path": [{"hash": _HASH, "sum": "0"}],
}  # fmt: skip
_PROOF = {
    "form": "cambista.liability-proof.v1", "customer_id": words.CUSTOMER, "certificate": _CERTIFICATE,
    "proofs": [_LEAF],
}  # fmt: skip


@router.get("/solvency", **speaks(CertificateOut, _CERTIFICATE, refuses=(CertificateUnknown,)))
async def get_newest_certificate(passage: Entered) -> Response:
    """The newest certificate: what the house owes and, by its own books, has; signed."""
    return reply(show_certificate(await passage.doors.solvency.certificate()))


@router.get("/solvency/{day}", **speaks(CertificateOut, _CERTIFICATE, refuses=(CertificateUnknown, DayInvalid)))
async def get_certificate(day: DayPath, passage: Entered) -> Response:
    """The certificate of one day."""
    return reply(show_certificate(await passage.doors.solvency.certificate(parse_day(day))))


@router.get("/accounts/proof", **speaks(ProofOut, _PROOF, refuses=(CertificateUnknown, ProofUnknown, DayInvalid)))
async def get_own_proof(passage: Entered, day: DayQuery = None) -> Response:
    """The caller's own leaves of a day, with all that is needed to check them offline."""
    asked = None if day is None else parse_day(day)
    found = await passage.doors.solvency.own_proofs(passage.caller, asked)
    return reply(show_proofs(found, str(passage.caller.id)))
