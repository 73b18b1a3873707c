"""Ids, times, canonical JSON and callers."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.callers import Caller, Role, RoleDenied, ScopeMissing
from cambista.kernel.canonical import canonical_json, digest
from cambista.kernel.ids import IdInvalid, parse_id, uuid7
from cambista.kernel.time import TimeInvalid, parse_time, wire_time

NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def test_an_id_is_a_version_7_uuid_that_rises_with_time_and_is_fixed_by_a_seed() -> None:
    first = uuid7(NOON, random.Random(1))
    assert first == uuid7(NOON, random.Random(1))
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert uuid7(NOON + timedelta(microseconds=10), random.Random(2)) > first


@pytest.mark.parametrize("value", ["", "x" * 36, 7, None, "0" * 32, "{018f0000-0000-7000-8000-000000000000}"])
def test_what_is_no_uuid_is_refused(value: object) -> None:
    with pytest.raises(IdInvalid):
        parse_id(value)


@given(st.uuids())
def test_ids_read_back(id: UUID) -> None:
    assert parse_id(str(id)) == id


def test_times_are_rfc_3339_utc_with_microseconds() -> None:
    assert wire_time(NOON) == "2026-11-24T12:00:00.123456Z"
    assert parse_time("2026-11-24T07:00:00.123456-05:00") == NOON


@pytest.mark.parametrize("value", ["2026-11-24", "2026-11-24T12:00:00", "yesterday", 5, None, "9" * 41])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(TimeInvalid):
        parse_time(value)


def test_one_value_has_one_canonical_form() -> None:
    assert canonical_json({"b": 1, "a": ["ñ", None, True]}) == '{"a":["ñ",null,true],"b":1}'.encode()
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("value", [1.5, {"a": 1.0}, [float("nan")], {"a": object()}, b"x"])
def test_floats_and_strange_things_have_no_canonical_form(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_a_caller_needs_the_role_and_when_narrowed_the_scope() -> None:
    narrowed = Caller(UUID(int=1), Role.PARTNER, scopes=frozenset({"quotes:write"}))
    narrowed.require("quotes:write", Role.PARTNER, Role.CUSTOMER)
    with pytest.raises(ScopeMissing):
        narrowed.require("trades:write", Role.PARTNER)
    with pytest.raises(RoleDenied):
        narrowed.require("quotes:write", Role.ADMIN)
    Caller(UUID(int=1), Role.ADMIN).require("anything", Role.ADMIN)
