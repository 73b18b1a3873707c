"""The European Central Bank's reference rates: units per 1 EUR, one row a working day."""

from datetime import date, datetime, timedelta

from cambista.kernel.market import Pair
from cambista.kernel.registry import ASSETS, EUR
from cambista.venues.reference.reading import day_of, rows_of
from cambista.venues.rules import positive
from cambista.venues.types import RateName, ReferenceRate

NAME = "ecb"


def parse(body: bytes, known_at: datetime) -> list[ReferenceRate]:
    """The rates of the bank's CSV for the assets the house knows, oldest first; a blank or `N/A` is no rate.

    A row is in force from its day to the day before the next row's; the newest one to the day before the next weekday.
    """
    days = {day: row for row in rows_of(body) if (day := day_of(row.get("date", "")))}
    order = sorted(days)
    rates = []
    for place, day in enumerate(order):
        following = order[place + 1] if place + 1 < len(order) else _next_weekday(day)
        for code, text in days[day].items():
            asset, value = ASSETS.get(code.upper()), positive(text)
            if asset is not None and asset != EUR and value is not None:
                rates.append(
                    ReferenceRate(
                        NAME, RateName.OFFICIAL, Pair(EUR, asset), value, day, following - timedelta(days=1), known_at
                    )
                )
    return rates


def _next_weekday(day: date) -> date:
    return day + timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)
