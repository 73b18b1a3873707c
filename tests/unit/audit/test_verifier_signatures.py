"""The stand-alone verifier's Ed25519 in plain Python, against RFC 8032, Wycheproof and `cryptography`."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cambista.audit.verifier import cambista_verify as script

RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032_hold(public: str, message: str, signature: str) -> None:
    assert script.signature_holds(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))
    assert not script.signature_holds(bytes.fromhex(public), bytes.fromhex(message) + b"!", bytes.fromhex(signature))


def test_wycheproof_agrees(shared_data: Path) -> None:
    with gzip.open(shared_data / "vectors/wycheproof/ed25519_test.json.gz") as file:
        groups: list[Any] = json.load(file)["testGroups"]
    vectors = [(group["publicKey"]["pk"], test) for group in groups for test in group["tests"]]
    assert len(vectors) > 100
    wrong = [
        test["tcId"]
        for public, test in vectors
        if script.signature_holds(*(bytes.fromhex(each) for each in (public, test["msg"], test["sig"])))
        != (test["result"] == "valid")
    ]
    assert wrong == []


@settings(max_examples=20)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), bit=st.integers(0, 64 * 8 - 1))
def test_what_cryptography_signs_holds_and_any_flipped_bit_does_not(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert script.signature_holds(public, message, signature)
    flipped = (int.from_bytes(signature, "big") ^ (1 << bit)).to_bytes(64, "big")
    assert not script.signature_holds(public, message, flipped)


def test_a_scalar_beyond_the_order_is_refused() -> None:
    """S + L satisfies the equation as S does; taking it would let anybody change a signature (RFC 8032, 5.1.7)."""
    public, _, signature = (bytes.fromhex(each) for each in RFC_8032[0])
    beyond = int.from_bytes(signature[32:], "little") + script.ORDER
    assert not script.signature_holds(public, b"", signature[:32] + beyond.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "public",
    [
        pytest.param((1).to_bytes(32, "little"), id="the neutral point"),
        pytest.param(((1 << 255) - 20).to_bytes(32, "little"), id="of order two"),
        pytest.param(bytes(32), id="of order four"),
        pytest.param((script.P + 1).to_bytes(32, "little"), id="a y beyond the field"),
        pytest.param((1 | 1 << 255).to_bytes(32, "little"), id="minus zero"),
        pytest.param((2).to_bytes(32, "little"), id="not on the curve"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_bad_keys_sign_nothing(public: bytes) -> None:
    """Under a key of small order one signature would hold for many messages."""
    neutral = (1).to_bytes(32, "little") + bytes(32)
    assert not script.signature_holds(public, b"message", neutral)
