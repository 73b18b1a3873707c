"""Bank days of Colombia and Venezuela, held against the days real official rates were in force."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest

from cambista.pricing import (
    bank_calendar,
    is_business_day,
    next_business_day,
    rate_range_after,
    rate_range_from,
)
from cambista.pricing.rules.calendars import easter, holidays

CO, VE = bank_calendar("CO"), bank_calendar("VE")


@pytest.mark.parametrize(
    "sunday",
    [date(2000, 4, 23), date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28), date(2038, 4, 25)],
)
def test_easter_falls_where_the_church_says(sunday: date) -> None:
    assert easter(sunday.year) == sunday


def test_colombia_has_its_eighteen_holidays_and_holy_thursday_is_one() -> None:
    days = holidays(CO, 2026)
    assert len(days) == 18
    assert {date(2026, 1, 12), date(2026, 4, 2), date(2026, 5, 18), date(2026, 6, 8), date(2026, 11, 16)} <= days
    assert date(2026, 1, 6) not in days


def test_a_rate_published_on_a_friday_before_a_holiday_monday_holds_until_tuesday() -> None:
    friday = date(2026, 10, 9)  # 12 October 2026 is a Monday and a holiday in both countries
    assert rate_range_after(friday, CO) == (date(2026, 10, 10), date(2026, 10, 13))
    assert rate_range_from(friday, VE) == (friday, date(2026, 10, 12))


def test_a_venezuelan_bank_monday_keeps_the_rate_of_friday() -> None:
    assert not is_business_day(date(2026, 1, 19), VE)
    assert next_business_day(date(2026, 1, 16), VE) == date(2026, 1, 20)
    assert rate_range_from(date(2026, 1, 16), VE) == (date(2026, 1, 16), date(2026, 1, 19))


def test_carnival_closes_venezuelan_banks_and_not_colombian_ones() -> None:
    carnival = date(2026, 2, 16)
    assert not is_business_day(carnival, VE)
    assert is_business_day(carnival, CO)


def test_each_calendar_says_how_far_it_was_verified() -> None:
    assert "lawyer" in CO.verified or "TRM" in CO.verified
    assert "not known" in VE.verified


def test_five_years_of_official_trm_ranges_follow_the_colombian_calendar(shared_data: Path) -> None:
    with (shared_data / "market/fx/usd_cop_trm_official.csv").open() as file:
        ranges = [
            (date.fromisoformat(row["valid_from"]), date.fromisoformat(row["valid_to"])) for row in csv.DictReader(file)
        ]
    recent = [(first, last) for first, last in ranges if first >= date(2021, 1, 1)]
    assert len(recent) > 1000
    odd = [(first, last) for first, last in recent if rate_range_after(first - timedelta(days=1), CO) != (first, last)]
    # Days on which the United States' banks were closed have no TRM of their own; nothing else is odd.
    assert len(odd) <= len(recent) // 20, odd
    assert all(last > rate_range_after(first - timedelta(days=1), CO)[1] for first, last in odd), odd
