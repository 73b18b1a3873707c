"""How the console writes numbers and times: decimals as es-CO or English text, never through a float."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from zoneinfo import ZoneInfo

from cambista.console.texts import Language
from cambista.kernel.market import Pair
from cambista.kernel.money import Amount
from cambista.kernel.registry import PAIRS

_SPANISH = str.maketrans(",.", ".,")
_SHORTER = ((Decimal(10**9), "B"), (Decimal(10**6), "M"))


def number(value: Decimal, places: int, language: Language, *, signed: bool = False) -> str:
    """`1.234.567,89` (es) or `1,234,567.89` (en), rounded half-even; a true minus sign; `+` if `signed`."""
    with localcontext() as context:
        context.prec = 60
        rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    digits = format(rounded.copy_abs(), f",.{places}f")
    sign = "−" if rounded < 0 else "+" if signed and rounded > 0 else ""
    return sign + (digits.translate(_SPANISH) if language is Language.ES else digits)


def price(value: Decimal, pair: Pair, language: Language) -> str:
    """A price with as many digits as the pair's tick has."""
    return number(value, price_places(pair), language)


def price_places(pair: Pair) -> int:
    exponent = PAIRS[str(pair)].tick.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(-exponent, 0)


def amount(value: Amount, language: Language) -> str:
    """An amount as money is said: two digits for fiat, at most six for crypto without closing zeros."""
    places = value.asset.scale
    text = number(value.decimal, places, language)
    if places <= 2:
        return text
    point = "," if language is Language.ES else "."
    whole, _, fraction = text.partition(point)
    return f"{whole}{point}{fraction.rstrip('0').ljust(2, '0')}"


def brief(value: Decimal, language: Language) -> str:
    """A large figure in little room: `8.000,0 M` (es, where thousands of millions stay millions), `8.00B` (en)."""
    million = Decimal(10**6)
    if language is Language.ES:
        return f"{number(value / million, 1, language)} M" if abs(value) >= million else number(value, 0, language)
    for size, letter in _SHORTER:
        if abs(value) >= size:
            return f"{number(value / size, 2, language)}{letter}"
    return number(value, 0, language)


def percent(value: Decimal, language: Language) -> str:
    """A signed change in percent: `+0,12 %` (es), `+0.12%` (en)."""
    return number(value, 2, language, signed=True) + (" %" if language is Language.ES else "%")


def age(span: timedelta) -> str:
    """`3 s`, `4 min`, `2 h`, `5 d`; never below zero."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} d"


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """`14:03:59` where the zone is."""
    return moment.astimezone(zone).strftime("%H:%M:%S")
