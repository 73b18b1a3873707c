"""The certificate's statement: what adds up is said, what does not is refused, what is not covered is said too."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from cambista.audit import DayInvalid, LiabilitiesDiffer, parse_day
from cambista.audit.rules import liabilities, solvency
from cambista.audit.types.solvency import Tree
from cambista.kernel.money import Asset
from cambista.kernel.registry import ASSETS, COP
from cambista.ledger import Total

AS_OF = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def tree_of(*units: int) -> Tree:
    records = b"".join(UUID(int=n).bytes + each.to_bytes(8, "big") for n, each in enumerate(units))
    return liabilities.grow(b"\x05" * 32, "COP", records)


def totals(asset: Asset = COP, **units: int) -> list[Total]:
    """`world__bank_pse=-5` is the account `world:bank:pse`."""
    named = {name.partition("__"): each for name, each in units.items()}
    return [Total(asset, kind, owner.replace("_", ":"), each) for (kind, _, owner), each in named.items()]


def test_a_position_names_what_is_owed_what_is_there_and_whose_the_rest_is() -> None:
    found = solvency.position(
        totals(customer=300, suspense=40, till=55, fees=4, venue__binance=6, world__bank_pse=-350, world__owner=-55),
        tree_of(100, 200),
    )
    assert (found.liabilities, found.suspense, found.reserve, found.surplus) == (300, 40, 405, 65)
    assert found.reserves == (("bank:pse", 350), ("owner", 55))
    assert found.own == (("till", 55), ("fees", 4), ("venue:binance", 6))
    assert found.solvent


def test_an_asset_that_is_not_covered_is_certified_as_such() -> None:
    found = solvency.position(totals(customer=300, till=-20, world__bank_pse=-280), tree_of(100, 200))
    statement = json.loads(solvency.statement("main", AS_OF, [found]))
    [position] = statement["assets"]
    assert (position["surplus"], position["solvent"]) == ("-0.20", False)


@pytest.mark.parametrize(
    "books",
    [
        pytest.param(totals(customer=301, world__bank_pse=-301), id="the tree sums to other than the books"),
        pytest.param(totals(customer=300, world__bank_pse=-299), id="the books do not add up to zero"),
    ],
)
def test_books_that_do_not_add_up_are_not_certified(books: list[Total]) -> None:
    with pytest.raises(LiabilitiesDiffer):
        solvency.position(books, tree_of(100, 200))


def test_the_statement_is_canonical_and_tells_no_count_of_customers() -> None:
    few = solvency.position(totals(customer=300, world__bank_pse=-300), tree_of(100, 200))
    many = solvency.position(totals(customer=300, world__bank_pse=-300), tree_of(*[1] * 300))
    one, other = (json.loads(solvency.statement("main", AS_OF, [each])) for each in (few, many))
    assert one["assets"][0].pop("root") != other["assets"][0].pop("root")
    assert one == other
    content = solvency.statement("main", AS_OF, [few])
    assert content == json.dumps(json.loads(content), sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("units", "code", "text"),
    [(0, "COP", "0.00"), (-5, "COP", "-0.05"), (12345, "COP", "123.45"), (7, "CLP", "7"),
     (2**90, "USDT", "1237940039285380274899.124224")],
)  # fmt: skip
def test_totals_are_written_exactly_however_large(units: int, code: str, text: str) -> None:
    assert solvency.units_text(units, ASSETS[code]) == text


def test_a_day_is_due_from_its_hour_until_midnight() -> None:
    assert not solvency.due_since(AS_OF - timedelta(microseconds=1), 5)
    assert solvency.due_since(AS_OF, 5)
    assert solvency.due_since(AS_OF.replace(hour=23, minute=59), 5)
    assert solvency.oldest_kept(AS_OF, 90) == date(2026, 8, 26)


@pytest.mark.parametrize("text", ["", "20261124", "2026-11-31", "2026-11-24T00", "2026-W48-2", "x" * 10])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DayInvalid):
        parse_day(text)
