"""currency-api's daily JSON: `{"date": "2026-09-29", "usd": {"cop": 3368.96, …}}`, units per one of the named asset."""

from datetime import datetime
from decimal import Decimal

import msgspec

from cambista.kernel.market import Pair
from cambista.kernel.money import Asset
from cambista.kernel.registry import ASSETS, PAIRS
from cambista.venues.errors import RatesUnavailable
from cambista.venues.reference.reading import BODY_MAX, day_of
from cambista.venues.types import RateName, ReferenceRate

NAME = "currency_api"
DIGITS = 12
EXPONENT_MAX = 20
# Its rates for these follow the central bank, not the street: P2P VES stood 33 to 91 % higher, ARS up to 31 %. BOB
# stood at 6.91, the official rate, until 2026-07, while Yadio and P2P had 9 to 13.7.
OFFICIAL = frozenset({"VES", "ARS", "BOB"})

_document = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_numbers = msgspec.json.Decoder(dict[str, Decimal | None]).decode
_word = msgspec.json.Decoder(str).decode


def parse(body: bytes, known_at: datetime) -> list[ReferenceRate]:
    """The rates of one day between assets the house knows; refuses another form.

    In the house's direction (BTC/USD, not USD/BTC; 12 digits). Each is valid on its own day only. Whether a value is
    believable is for `rules.admit_rate`.
    """
    if len(body) > BODY_MAX:
        raise RatesUnavailable("The publisher's answer is too long.", bytes_max=BODY_MAX)
    try:
        document = _document(body)
        day = day_of(_word(document.pop("date")))
        code, raw = document.popitem()
        numbers = _numbers(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
        raise RatesUnavailable("The publisher's answer has an unknown form.") from error
    one = ASSETS.get(code.upper())
    if day is None or one is None or document:
        raise RatesUnavailable("The publisher's answer has an unknown form.")
    rates = []
    for other_code, value in numbers.items():
        other = ASSETS.get(other_code.upper())
        if other is not None and other != one and value is not None and _is_number(value):
            pair, price = _directed(one, other, value)
            name = RateName.OFFICIAL if {one.code, other.code} & OFFICIAL else RateName.MARKET
            rates.append(ReferenceRate(NAME, name, pair, price, day, day, known_at))
    return rates


def _is_number(value: Decimal) -> bool:
    return value.is_finite() and value > 0 and abs(value.adjusted()) <= EXPONENT_MAX


def _directed(one: Asset, other: Asset, value: Decimal) -> tuple[Pair, Decimal]:
    turned = f"{other.code}/{one.code}" in PAIRS or (
        other.scale > one.scale and f"{one.code}/{other.code}" not in PAIRS
    )
    if not turned:
        return Pair(one, other), value
    price = 1 / value
    return Pair(other, one), price.quantize(Decimal(1).scaleb(price.adjusted() - DIGITS + 1))
