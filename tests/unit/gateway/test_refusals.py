"""One table from refusals to HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from cambista.gateway import refusals
from cambista.gateway.errors import InProgress, TimedOut, TooManyRequests
from cambista.gateway.passage import refused
from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound, Refusal, Unauthenticated, Unavailable
from cambista.kernel.registry import USDT
from cambista.ledger import AccountFrozen, InsufficientFunds
from cambista.pricing import NoPrice
from cambista.risk import DayLimitExceeded
from cambista.runtime import DatabaseAway, HouseBusy, IdempotencyKeyReused
from cambista.trading import PriceMoved, QuoteExpired, QuoteTaken


def every_refusal(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from every_refusal(each)


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    (
        (InsufficientFunds, 409, "insufficient_funds"),
        (QuoteExpired, 409, "quote_expired"),
        (QuoteTaken, 409, "quote_taken"),
        (PriceMoved, 409, "price_moved"),
        (DayLimitExceeded, 429, "limit_exceeded"),
        (IdempotencyKeyReused, 422, "idempotency_key_reused"),
        (InProgress, 409, "in_progress"),
        (NoPrice, 503, "no_price"),
        (AccountFrozen, 403, "account_frozen"),
        (DatabaseAway, 503, "database_unavailable"),
    ),
)
def test_the_contracts_refusals_have_their_status_and_code(refusal: type[Refusal], status: int, code: str) -> None:
    assert (refusals.status_of(refusal), refusal.code) == (status, code)


@pytest.mark.parametrize(
    ("kind", "status"),
    (
        (Invalid, 422), (Denied, 403), (Unauthenticated, 401), (NotFound, 404), (Conflict, 409), (Limited, 429),
        (Unavailable, 503),
    ),
)  # fmt: skip
def test_each_kind_has_a_status_that_its_children_have_too(kind: type[Refusal], status: int) -> None:
    class Child(kind):  # type: ignore[misc, valid-type]
        pass

    assert refusals.status_of(kind) == refusals.status_of(Child) == status


def test_every_refusal_of_the_house_is_of_a_kind_and_has_a_title_and_a_sentence_of_its_own() -> None:
    for refusal in every_refusal():
        if refusal.__module__.startswith("cambista."):
            assert any(kind in refusal.__mro__ for kind in refusals.STATUS), refusal
            assert refusals.status_of(refusal) in refusals.TITLES
            assert refusal.code.replace("_", "").isalnum()
            assert refusal.sentence.endswith(".")


@pytest.mark.parametrize(
    ("refusal", "seconds"),
    (
        (InProgress(), b"1"),
        (HouseBusy(), b"1"),
        (DatabaseAway(), b"2"),
        (TimedOut(), b"1"),
        (TooManyRequests(retry_after_s=17), b"17"),
        (DayLimitExceeded(), b"60"),
        (NoPrice(), b"5"),
    ),
)
def test_who_may_try_again_is_told_when(refusal: Refusal, seconds: bytes) -> None:
    assert (b"retry-after", seconds) in refused(refusal, "t")[1]


def test_who_need_not_try_again_is_told_nothing() -> None:
    assert refused(InsufficientFunds(), "t")[1] == []


def test_facts_of_every_sort_become_wire_values() -> None:
    facts = {
        "amount": Decimal("1E+3"), "id": UUID(int=1), "at": datetime(2026, 1, 2, tzinfo=UTC), "count": 3, "ok": True,
        "none": None, "kinds": ("a", Decimal(2)), "role": USDT.kind, "asset": USDT, "inner": {"x": Decimal("0.10")},
    }  # fmt: skip
    _, _, body = refused(Conflict("No.", **facts), "t")
    assert json.loads(body)["facts"] == {
        "amount": "1000", "id": str(UUID(int=1)), "at": "2026-01-02T00:00:00.000000Z", "count": 3, "ok": True,
        "none": None, "kinds": ["a", "2"], "role": "crypto", "asset": "USDT", "inner": {"x": "0.10"},
    }  # fmt: skip
