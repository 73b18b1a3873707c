"""Colombia's official rate (TRM): pesos a dollar, in force over a range of days."""

from datetime import datetime

from cambista.kernel.market import Pair
from cambista.kernel.registry import COP, USD
from cambista.venues.reference.reading import day_of, rows_of
from cambista.venues.rules import positive
from cambista.venues.types import RateName, ReferenceRate

NAME = "trm"
_PAIR = Pair(USD, COP)


def parse(body: bytes, known_at: datetime) -> list[ReferenceRate]:
    """The rates of a CSV, oldest first; rows without a date, a value or a sensible range are left out.

    Columns: `valid_from, valid_to, valor_cop_per_usd`, or the open-data portal's `vigenciadesde, vigenciahasta, valor`.
    """
    rates = []
    for row in rows_of(body):
        first = day_of(row.get("valid_from") or row.get("vigenciadesde", ""))
        last = day_of(row.get("valid_to") or row.get("vigenciahasta", ""))
        value = positive(row.get("valor_cop_per_usd") or row.get("valor"))
        if first and last and value is not None and first <= last:
            rates.append(ReferenceRate(NAME, RateName.OFFICIAL, _PAIR, value, first, last, known_at))
    return sorted(rates, key=lambda rate: rate.valid_from)
