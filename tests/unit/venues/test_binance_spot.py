"""The local book of Binance spot: the documented order of snapshot and differences, kept to the letter."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.market import Level
from cambista.venues.binance_spot import Book, Difference, Snapshot, Ticker
from tests.unit.venues.worlds import levels

Rows = list[tuple[str, str]]
SNAPSHOT = Snapshot(100, [("10", "1"), ("9", "2")], [("11", "1"), ("12", "2")])


def _difference(first: int, last: int, bids: Rows | None = None, asks: Rows | None = None) -> Difference:
    return Difference("X", first, last, bids or [], asks or [])


def _started() -> Book:
    book = Book()
    assert book.snapshot(SNAPSHOT)
    return book


def test_before_a_snapshot_there_is_no_book() -> None:
    book = Book()
    assert not book.difference(_difference(99, 101))
    assert not book.ticker(Ticker(101, "X", "10", "1", "11", "1"))
    assert book.last_id is None


def test_differences_that_came_early_are_applied_after_the_snapshot_and_older_ones_left_out() -> None:
    book = Book()
    book.difference(_difference(90, 99, [("10", "77")]))
    book.difference(_difference(100, 102, [("10", "5")]))
    assert book.snapshot(SNAPSHOT)
    assert book.last_id == 102
    assert book.top(1)[0] == [Level(Decimal(10), Decimal(5))]


def test_a_snapshot_older_than_what_waits_is_refused_and_a_newer_one_taken() -> None:
    book = Book()
    book.difference(_difference(105, 106))
    assert not book.snapshot(SNAPSHOT)
    assert book.snapshot(Snapshot(104, SNAPSHOT.bids, SNAPSHOT.asks))
    assert book.last_id == 106


def test_quantities_are_absolute_and_zero_takes_a_level_away() -> None:
    book = _started()
    assert book.difference(_difference(101, 101, [("10", "0.00000000"), ("8", "4")], [("11", "3")]))
    assert book.top(5) == (list(levels(("9", "2"), ("8", "4"))), list(levels(("11", "3"), ("12", "2"))))


def test_taking_away_a_level_that_is_not_there_is_nothing() -> None:
    book = _started()
    assert book.difference(_difference(101, 101, [("7", "0")]))
    assert len(book.top(5)[0]) == 2


def test_a_repeated_difference_changes_nothing() -> None:
    book = _started()
    assert book.difference(_difference(101, 102, [("10", "5")]))
    assert not book.difference(_difference(101, 102, [("10", "9")]))
    assert book.top(1)[0] == [Level(Decimal(10), Decimal(5))]


def test_after_a_gap_the_book_is_silent_until_a_new_snapshot() -> None:
    book = _started()
    assert not book.difference(_difference(103, 104, [("10", "5")]))
    assert book.gaps == 1
    assert book.last_id is None
    assert not book.difference(_difference(105, 106))
    assert book.snapshot(Snapshot(104, [("10", "1")], [("11", "1")]))
    assert book.last_id == 106


def test_a_malformed_difference_silences_the_book() -> None:
    book = _started()
    assert not book.difference(_difference(101, 101, [("NaN", "1")]))
    assert book.last_id is None
    assert not book.snapshot(Snapshot(101, [("1e400", "1")], []))


def test_a_newer_ticker_shows_in_the_top_until_the_difference_that_holds_it() -> None:
    book = _started()
    assert book.ticker(Ticker(101, "X", "9.5", "4", "10.5", "6"))
    assert book.top(2) == (list(levels(("9.5", "4"), ("9", "2"))), list(levels(("10.5", "6"), ("11", "1"))))
    assert not book.ticker(Ticker(102, "X", "9.5", "3", "10.5", "6")), "only the sizes moved"
    assert book.difference(_difference(101, 102, [("10", "0")], [("10.5", "6")]))
    assert book.top(1) == (list(levels(("9", "2"))), list(levels(("10.5", "6"))))
    assert not book.ticker(Ticker(102, "X", "1", "1", "2", "1")), "the book knows better"


def test_a_ticker_far_below_the_book_leaves_the_levels_under_it() -> None:
    book = _started()
    assert book.ticker(Ticker(101, "X", "9", "4", "9.5", "6"))
    assert book.top(1) == (list(levels(("9", "4"))), list(levels(("9.5", "6"))))
    assert book.top(2) == (list(levels(("9", "4"))), list(levels(("9.5", "6"), ("11", "1"))))


ROWS = st.lists(
    st.tuples(st.integers(1, 30).map(str), st.integers(0, 3).map(lambda n: f"{n}.00")),
    max_size=8,
    unique_by=lambda r: r[0],
)


@given(st.lists(st.tuples(ROWS, ROWS), max_size=20))
def test_the_book_equals_a_plain_dictionary_of_the_same_differences(steps: list[tuple[Rows, Rows]]) -> None:
    book, model = (
        _started(),
        ({Decimal(10): Decimal(1), Decimal(9): Decimal(2)}, {Decimal(11): Decimal(1), Decimal(12): Decimal(2)}),
    )
    for number, sides in enumerate(steps, start=101):
        assert book.difference(Difference("X", number, number, *sides))
        for side, rows in zip(model, sides, strict=True):
            side.update({Decimal(price): Decimal(quantity) for price, quantity in rows})
    bids, asks = ([Level(p, q) for p, q in sorted(side.items()) if q] for side in model)
    assert book.top(100) == (bids[::-1], asks)
