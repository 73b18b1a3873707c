"""What the desk shows, and what it never shows."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.console.panels import house, prices, tables, top
from cambista.console.panels.markup import sparkline
from cambista.console.snapshot import Snapshot
from cambista.console.texts import Language, texts
from cambista.kernel.callers import Role
from cambista.kernel.registry import PAIRS
from cambista.pricing import Rung
from cambista.trading import QuoteKind
from cambista.venues import VenueHealth, VenueState
from tests.unit.console.samples import NOW, books, line, quote, snapshot, trade

VOID = {"br", "img", "input", "link", "meta", "circle", "path", "polyline", "polygon"}
PANELS: dict[str, Callable[[Snapshot, Language], str]] = {
    "figures": house.figures,
    "tills": house.tills,
    "books": house.books,
    "venues": house.venues,
    "trades": tables.trades,
    "quotes": tables.quotes,
    "prices": lambda shown, language: prices.price_board(shown, language, chosen="USDT/COP"),
    "focus": lambda shown, language: prices.focus(shown, language, chosen="USDT/COP", interval="1m"),
    "top": lambda shown, language: top.bar(shown, language, Role.ADMIN, house="Cambista"),
}


class Page(HTMLParser):
    """Reads markup: its text, its elements, and whether every element is closed where it should be."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def classes(self) -> list[str]:
        return [attributes.get("class") or "" for _, attributes in self.elements]


@pytest.mark.parametrize("language", tuple(Language))
@pytest.mark.parametrize("name", sorted(PANELS))
@pytest.mark.parametrize("shown", (snapshot(), Snapshot(NOW, "main")), ids=("full", "empty"))
def test_a_panel_is_sound_markup_with_much_or_nothing_to_show(name: str, language: Language, shown: Snapshot) -> None:
    assert Page(PANELS[name](shown, language)).text.strip()


@given(st.text(min_size=1, max_size=40).map(lambda text: f'<b onclick="x">{text}</b>'))
def test_what_comes_from_outside_is_text_and_never_markup(hostile: str) -> None:
    shown = snapshot(
        branch=hostile,
        prices=(line(source=hostile),),
        venues=[VenueHealth(hostile, VenueState.FAILING, None, 0, 1, hostile)],
    )
    for make in (PANELS["prices"], PANELS["focus"], PANELS["venues"], PANELS["top"]):
        page = Page(make(shown, Language.EN))
        assert not [attributes for _, attributes in page.elements if "onclick" in attributes]


def test_a_pair_without_a_price_says_so_and_shows_no_number() -> None:
    words = texts(Language.EN)
    board = Page(PANELS["prices"](snapshot(prices=(line("USD/COP"),)), Language.EN))
    assert board.text.count(words.no_price) == len(PAIRS) - 1
    page = Page(PANELS["focus"](snapshot(prices=()), Language.EN))
    assert words.no_price in page.text
    assert not any(character.isdigit() for character in page.text.replace("1m5m15m1h1d", ""))


@pytest.mark.parametrize("rung", tuple(Rung))
def test_a_price_shows_on_which_rung_it_stands_and_how_old_it_is(rung: Rung) -> None:
    shown = snapshot(prices=(line(rung=rung),))
    for name in ("prices", "focus"):
        markup = PANELS[name](shown, Language.EN)
        assert rung.value in " ".join(Page(markup).classes()).split()
        assert getattr(texts(Language.EN), f"rung_{rung.value}") in markup
        assert "3 s" in markup


def test_prices_are_written_in_the_readers_language() -> None:
    assert "4.016,20" in PANELS["focus"](snapshot(), Language.ES)
    assert "4,016.20" in PANELS["focus"](snapshot(), Language.EN)


@pytest.mark.parametrize("language", tuple(Language))
def test_books_that_do_not_balance_are_called_so_in_red(language: Language) -> None:
    words = texts(language)
    good, bad = house.figures(snapshot(), language), house.figures(snapshot(books=books(off="COP")), language)
    assert f"{words.balanced}</p>" in good
    assert "balance yes" in good
    assert words.not_balanced in bad
    assert "balance no" in bad
    assert f"{words.balanced}</p>" not in bad
    assert "0.01" in house.books(snapshot(books=books(off="COP")), Language.EN)


def test_books_not_yet_counted_are_not_called_balanced() -> None:
    words = texts(Language.EN)
    assert words.balanced not in house.figures(snapshot(books=None), Language.EN)


@pytest.mark.parametrize(
    ("shown", "state"),
    (
        (quote(5), "open"),
        (quote(5, left_s=0), "expired"),
        (quote(5, QuoteKind.REFERENCE), "reference"),
        (quote(5, QuoteKind.DIRECT, left_s=0), "taken"),
        (quote(1, left_s=-5), "taken"),
    ),
)
def test_a_quote_shows_what_became_of_it(shown: Any, state: str) -> None:
    page = Page(tables.quotes(snapshot(quotes=[shown], trades=[trade(7, quote=1)]), Language.EN))
    assert f"state {state}" in page.classes()


def test_a_table_never_grows_beyond_its_rows() -> None:
    trades = [trade(number) for number in range(1, 100)]
    page = Page(tables.trades(snapshot(trades=trades), Language.EN))
    keys = [attributes["data-key"] for tag, attributes in page.elements if tag == "tr" and "data-key" in attributes]
    assert keys == [str(UUID(int=number)) for number in range(1, tables.ROWS + 1)]


def test_what_could_not_be_read_again_is_announced_as_stale() -> None:
    words = texts(Language.EN)
    bar = PANELS["top"](snapshot(stale_since=NOW), Language.EN)
    assert 'role="alert"' in bar
    assert "12:30:00" in bar
    assert words.connected not in bar


@given(st.lists(st.decimals(min_value="0.0001", max_value="1e9", places=4), min_size=2, max_size=90))
def test_a_sparkline_stays_inside_its_frame(values: list[Any]) -> None:
    [points] = [attributes["points"] for tag, attributes in Page(sparkline(values)).elements if tag == "polyline"]
    assert points is not None
    pairs = [tuple(map(float, point.split(","))) for point in points.split()]
    assert len(pairs) == len(values)
    assert all(0 <= x <= 96.1 and 0 <= y <= 28 for x, y in pairs)
