"""Bank days: holidays of a country, the next business day, and the days a published rate is in force."""

from datetime import date, timedelta
from functools import lru_cache

from cambista.pricing.types import BankCalendar

_DAY = timedelta(days=1)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (anonymous algorithm, Meeus 1991, Jones 1922)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leaps, leap_rest = divmod(century, 4)
    moon = (19 * golden + century - leaps - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * leap_rest + 2 * (rest // 4) - moon - rest % 4) % 7
    correction = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * correction + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=64)
def holidays(calendar: BankCalendar, year: int) -> frozenset[date]:
    """The bank holidays of a year."""
    sunday = easter(year)
    found = {date(year, month, day) for month, day in calendar.fixed}
    found |= {_monday_from(date(year, month, day)) for month, day in calendar.next_monday}
    found |= {sunday + timedelta(days=days) for days in calendar.easter}
    return frozenset(found | {day for day in calendar.dates if day.year == year})


def _monday_from(day: date) -> date:
    return day + timedelta(days=-day.weekday() % 7)


def is_business_day(day: date, calendar: BankCalendar) -> bool:
    """Whether banks open: no Saturday, Sunday or holiday."""
    return day.weekday() < 5 and day not in holidays(calendar, day.year)


def next_business_day(day: date, calendar: BankCalendar) -> date:
    """The first business day after `day`."""
    following = day + _DAY
    while not is_business_day(following, calendar):
        following += _DAY
    return following


def rate_range_after(traded_on: date, calendar: BankCalendar) -> tuple[date, date]:
    """The days a rate made from a business day's trades is in force, as the TRM: next day to next business day."""
    return traded_on + _DAY, next_business_day(traded_on, calendar)


def rate_range_from(value_date: date, calendar: BankCalendar) -> tuple[date, date]:
    """The days a rate with that value date (BCV: "fecha valor") is in force: to the eve of the next business day."""
    return value_date, next_business_day(value_date, calendar) - _DAY
