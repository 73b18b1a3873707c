"""Numbers and times as the console writes them."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.console import formats
from cambista.console.texts import Language
from cambista.kernel.money import UNITS_MAX, Amount
from cambista.kernel.registry import ASSETS, BTC, COP, PAIRS, USDT

ES, EN = Language.ES, Language.EN
POINTS = {ES: (".", ","), EN: (",", ".")}


def read(text: str, language: Language) -> Decimal:
    thousands, point = POINTS[language]
    return Decimal(text.replace(thousands, "").replace(point, ".").replace("−", "-"))


@pytest.mark.parametrize(
    ("value", "places", "spanish", "english"),
    (
        ("1234567.895", 2, "1.234.567,90", "1,234,567.90"),
        ("-0.005", 2, "0,00", "0.00"),
        ("-1234.5", 0, "−1.234", "−1,234"),
        ("0", 2, "0,00", "0.00"),
        ("999", 0, "999", "999"),
    ),
)
def test_a_number_is_written_as_its_readers_write_it(value: str, places: int, spanish: str, english: str) -> None:
    assert formats.number(Decimal(value), places, ES) == spanish
    assert formats.number(Decimal(value), places, EN) == english


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10), st.integers(0, 8), st.sampled_from(Language))
def test_no_digit_is_lost_or_made_up_on_the_way_to_the_screen(value: Decimal, places: int, language: Language) -> None:
    exact = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, Context(prec=80))
    assert read(formats.number(value, places, language), language) == exact


@given(st.integers(-UNITS_MAX, UNITS_MAX), st.sampled_from(sorted(ASSETS)), st.sampled_from(Language))
def test_an_amount_shows_its_whole_value(units: int, code: str, language: Language) -> None:
    amount = Amount(units, ASSETS[code])
    assert read(formats.amount(amount, language), language) == amount.decimal


def test_crypto_is_shown_without_closing_zeros_but_with_cents() -> None:
    assert formats.amount(Amount.of("0.15", BTC), EN) == "0.15"
    assert formats.amount(Amount.of("1500", USDT), ES) == "1.500,00"
    assert formats.amount(Amount.of("0.00000001", BTC), EN) == "0.00000001"
    assert formats.amount(Amount.of("1500.5", COP), ES) == "1.500,50"


def test_a_price_has_the_digits_of_its_pairs_tick() -> None:
    assert formats.price(Decimal("3384.1"), PAIRS["USDT/COP"].pair, ES) == "3.384,10"
    assert formats.price(Decimal("279036940.4"), PAIRS["BTC/COP"].pair, EN) == "279,036,940"
    assert formats.price(Decimal("1140.91781"), PAIRS["USDT/VES"].pair, EN) == "1,140.9178"


def test_large_figures_are_shortened_the_way_each_language_counts() -> None:
    assert formats.brief(Decimal(8_250_000_000), ES) == "8.250,0 M"
    assert formats.brief(Decimal(8_250_000_000), EN) == "8.25B"
    assert formats.brief(Decimal(999_999), EN) == "999,999"


def test_a_change_always_has_its_sign() -> None:
    assert formats.percent(Decimal("0.123"), ES) == "+0,12 %"
    assert formats.percent(Decimal("-0.127"), EN) == "−0.13%"
    assert formats.percent(Decimal("0.001"), EN) == "0.00%"


@pytest.mark.parametrize(
    ("seconds", "text"), ((-3, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d"))
)
def test_an_age_is_told_in_its_largest_useful_unit(seconds: int, text: str) -> None:
    assert formats.age(timedelta(seconds=seconds)) == text


def test_a_clock_shows_the_time_where_it_hangs() -> None:
    moment = datetime(2026, 11, 24, 2, 3, 4, tzinfo=UTC)
    assert formats.clock(moment, ZoneInfo("America/Bogota")) == "21:03:04"
