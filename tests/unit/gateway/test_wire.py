"""JSON in and out: exact, bounded, strict."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.gateway import wire
from cambista.gateway.errors import BodyNotJson, CursorInvalid, FieldInvalid, FieldMissing, FieldUnknown
from cambista.kernel.money import AmountNotExact

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


class Order(msgspec.Struct, forbid_unknown_fields=True):
    pair: str
    amount: str | int | float
    note: str = ""


@given(VALUES)
def test_what_is_json_is_read_as_it_was_written(value: Any) -> None:
    assert wire.parse_json(json.dumps(value, ensure_ascii=False).encode()) == value
    assert wire.parse_json(json.dumps(value, indent=1).encode()) == value


@given(st.binary(max_size=200))
def test_whatever_the_bytes_reading_them_gives_a_value_or_a_refusal(raw: bytes) -> None:
    with suppress(BodyNotJson):
        wire.parse_json(raw)


@pytest.mark.parametrize(
    "raw",
    (
        b"", b"{", b"NaN", b"[Infinity]", b"-Infinity", b'{"a": 1, "a": 1}', b'[{"b": {"a": 1, "a": 2}}]', b'"\xff"',
        b"[" * 100_000, b'"\\u0000"', b'{"\\ud800": 1}', b'["a\\tb"]', b'"\x7f"', b"1" * 5000, b"\xef\xbb\xbf{}",
    ),
)  # fmt: skip
def test_what_parsers_let_pass_is_refused(raw: bytes) -> None:
    with pytest.raises(BodyNotJson):
        wire.parse_json(raw)


def test_a_struct_takes_its_fields_and_no_others() -> None:
    assert wire.shape({"pair": "USDT/COP", "amount": 1}, Order) == Order("USDT/COP", 1)
    with pytest.raises(FieldUnknown) as unknown:
        wire.shape({"pair": "x", "amount": 1, "extra": 1}, Order)
    assert unknown.value.facts == {"field": "extra"}
    with pytest.raises(FieldMissing) as missing:
        wire.shape({"pair": "x"}, Order)
    assert missing.value.facts == {"field": "amount"}
    with pytest.raises(FieldInvalid) as invalid:
        wire.shape({"pair": 1, "amount": 1}, Order)
    assert invalid.value.facts == {"path": "$.pair"}
    values: tuple[object, ...] = ([], None, 1, "x")
    for value in values:
        with pytest.raises(FieldInvalid):
            wire.shape(value, Order)


@given(st.floats())
def test_no_float_passes_for_an_amount(value: float) -> None:
    with pytest.raises(AmountNotExact):
        wire.exact(value, "amount")


@given(st.integers() | st.text())
def test_texts_and_integers_pass_unchanged(value: str | int) -> None:
    assert wire.exact(value, "amount") is value


@given(VALUES, VALUES)
def test_two_bodies_have_one_fingerprint_exactly_when_they_say_the_same(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (wire.fingerprint(one) == wire.fingerprint(other)) == same


def test_the_order_of_fields_and_the_form_of_a_default_do_not_count() -> None:
    first = wire.shape(wire.parse_json(b'{"pair": "x", "amount": 1}'), Order)
    second = wire.shape(wire.parse_json(b'{ "note": "", "amount": 1, "pair": "x" }'), Order)
    assert wire.fingerprint(first) == wire.fingerprint(second)
    assert wire.fingerprint(first) != wire.fingerprint(first, "another path")


@given(st.sampled_from(("trades", "keys")), st.from_regex(r"[!-~]{1,60}", fullmatch=True))
def test_a_cursor_opens_for_its_own_list_only(kind: str, last: str) -> None:
    made = wire.cursor(kind, last)
    assert wire.read_cursor(kind, made) == last
    with pytest.raises(CursorInvalid):
        wire.read_cursor("deposits", made)


@given(st.text(max_size=300))
def test_whatever_the_cursor_it_gives_a_mark_or_a_refusal(text: str) -> None:
    with suppress(CursorInvalid):
        assert wire.read_cursor("trades", text)
