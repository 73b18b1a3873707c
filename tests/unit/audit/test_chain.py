"""Entries and checkpoints as bytes: one form for one value, the same in every language."""

import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cambista.audit.rules import chain, checkpoints, merkle
from cambista.audit.types.checkpoints import TreeHead
from cambista.audit.types.entries import FORM, Entry
from cambista.kernel.canonical import canonical_json
from tests.databases import START

# What PostgreSQL can store as text: no NUL, no lone surrogate.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
ENTRY = st.builds(Entry, **{name: TEXT for name in Entry.__struct_fields__})


@given(ENTRY)
def test_an_entry_is_hashed_as_canonical_json(entry: Entry) -> None:
    assert chain.canonical(entry) == canonical_json(msgspec.to_builtins(entry))
    assert chain.entry_of(json.loads(chain.canonical(entry))) == entry
    assert chain.entry_hash(entry) == merkle.leaf_hash(canonical_json(msgspec.to_builtins(entry)))


def test_the_hashes_of_a_known_entry_never_change() -> None:
    entry = Entry(
        action="trade.execute", actor="a", address="10.0.0.1", after=None, agent="", before=None, branch="main",
        client=None, credential="key", facts='{"quote": "q"}', form=FORM, id="i", key="k", outcome="done",
        role="customer", subject="trade:t", time="2026-09-29T15:00:00.000000Z", trace="0a",
    )  # fmt: skip
    assert chain.canonical(entry) == (
        b'{"action":"trade.execute","actor":"a","address":"10.0.0.1","after":null,"agent":"","before":null,'
        b'"branch":"main","client":null,"credential":"key","facts":"{\\"quote\\": \\"q\\"}",'
        b'"form":"cambista.entry.v1","id":"i","key":"k","outcome":"done","role":"customer","subject":"trade:t",'
        b'"time":"2026-09-29T15:00:00.000000Z","trace":"0a"}'
    )
    first = chain.chain_hash(chain.genesis("main"), chain.entry_hash(entry), 1)
    assert chain.entry_hash(entry).hex() == "12893315fa62773dcfe65f798bb1414275c3d7570dff23bd6a44caac83911201"
    assert first.hex() == "6ccf7102bdddf99961ec67117aef272ad5f9481d8b77ac8a750dd14c945d3d4b"


@pytest.mark.parametrize("field", Entry.__struct_fields__)
def test_every_field_counts(field: str) -> None:
    entry = Entry(**{name: "x" for name in Entry.__struct_fields__})
    assert chain.entry_hash(entry) != chain.entry_hash(msgspec.structs.replace(entry, **{field: "y"}))


def test_a_checkpoint_is_read_as_it_was_written_and_only_so() -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
    public = key.public_key().public_bytes_raw()
    head = TreeHead("cambista/main", 17, 1234, b"\x01" * 32, START, b"\x02" * 32, checkpoints.NO_PREVIOUS)
    written = checkpoints.write_checkpoint(head, public, key.sign)
    read = checkpoints.read_checkpoint(written.text)
    assert read == written
    assert read.key_hash == checkpoints.key_hash("cambista/main", public)
    key.public_key().verify(read.signature, read.signed)
    for spoiled in (
        written.text[:-1], written.text + "\n", written.text.replace("number 17", "number 017"),
        written.text.replace("cambista/main AA", "x"), written.text.replace("\n\n", "\n"),
        written.text.replace("15:00:00", "25:00:00"), written.text.replace("— cambista", "— other"), "",
    ):  # fmt: skip
        if spoiled != written.text:
            with pytest.raises(checkpoints.CheckpointMalformed):
                checkpoints.read_checkpoint(spoiled)


@pytest.mark.parametrize("text", ["", "2026-09-29T15:00:00Z", "2026-09-29 15:00:00.000000+00:00", "Z" * 27])
def test_a_time_has_one_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        chain.read_time(text)
