"""Who comes to the demo's counter, and what people there usually trade: a seed fixes it. Pure."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from cambista.kernel.money import Asset

SPREAD_OF_SIZES = 0.9
_GIVEN = (
    "María", "José", "Luz", "Carlos", "Ana", "Luis", "Carmen", "Jorge", "Sofía", "Andrés", "Valentina", "Miguel",
    "Camila", "Diego", "Gabriela", "Rafael", "Isabel", "Héctor", "Daniela", "Tomás",
)  # fmt: skip
_FAMILY = (
    "Pérez", "Gómez", "Rodríguez", "Quintero", "Rojas", "Hernández", "Mejía", "Salazar", "Torres", "Castillo",
    "Vargas", "Moreno", "Silva", "Ramírez", "Ortega", "Núñez", "Cárdenas", "Fuentes", "Molina", "Arango",
)  # fmt: skip

# What an everyday exchange of each asset comes to: some 100 to 150 USD.
_USUAL = {
    "USDT": "120", "USDC": "120", "USD": "120", "EUR": "110", "COP": "400000", "VES": "135000", "ARS": "195000",
    "BRL": "630", "MXN": "2200", "PEN": "410", "CLP": "116000", "BOB": "1450", "BTC": "0.0015", "ETH": "0.045",
}  # fmt: skip
USUAL_SIZES: Mapping[str, Decimal] = MappingProxyType({code: Decimal(text) for code, text in _USUAL.items()})

# The pairs of each country's customers, the more often named the more often traded; and in which order people come.
_TRADED: Mapping[str, Sequence[str]] = {
    "CO": (*("USDT/COP",) * 5, "USD/COP", "USD/COP", "EUR/COP", "BTC/COP", "ETH/COP", "BTC/USDT"),
    "VE": (*("USDT/VES",) * 7, "USDT/USD", "BTC/USDT"),
    "AR": (*("USDT/ARS",) * 7, "ETH/USDT", "BTC/USDT"),
    "MX": (*("USDT/MXN",) * 6, "USDC/USD", "BTC/USDT"),
    "BR": (*("USDT/BRL",) * 6, "BTC/USDT", "ETH/USDT"),
    "PE": (*("USDT/PEN",) * 6, "USDT/USD"),
    "CL": (*("USDT/CLP",) * 6, "BTC/USDT"),
    "BO": (*("USDT/BOB",) * 6, "USDT/USD"),
}
_ARRIVALS = ("CO", "VE", "CO", "AR", "MX", "BR", "CO", "VE", "PE", "CL", "BO", "CO")


@dataclass(frozen=True, slots=True)
class Person:
    """A customer to be: `pairs` may name one more than once, `purse` is what is paid in before the first trade."""

    full_name: str
    handle: str
    country: str
    pairs: tuple[str, ...]
    purse: tuple[tuple[str, Decimal], ...]


def people(seed: int, count: int) -> list[Person]:
    """The first `count` who come; more of them never change those who came before."""
    rng = random.Random(f"people {seed}")  # a play that a seed repeats  # nosec B311
    return [_person(rng, number) for number in range(count)]


def _person(rng: random.Random, number: int) -> Person:
    given, first, second = rng.choice(_GIVEN), rng.choice(_FAMILY), rng.choice(_FAMILY)
    country = _ARRIVALS[number % len(_ARRIVALS)]
    pairs = tuple(_TRADED[country])
    base, quote = pairs[0].split("/")
    purse = tuple((code, usual_amount(rng, code, digits=2, times=4)) for code in (quote, base))
    return Person(f"{given} {first} {second}", f"customer{number + 1}", country, pairs, purse)


def usual_amount(rng: random.Random, code: str, *, digits: int, times: int = 1) -> Decimal:
    """An amount as people choose them: log-normal around the usual, `digits` significant ones, never zero."""
    drawn = float(USUAL_SIZES[code] * times) * rng.lognormvariate(0, SPREAD_OF_SIZES)
    return Decimal(f"{Decimal(f'{drawn:.{digits - 1}e}'):f}")


def written(amount: Decimal, asset: Asset) -> str:
    """An amount as the wire wants it: no more digits than the asset has, and at least its smallest unit."""
    step = Decimal(1).scaleb(-asset.scale)
    return f"{max(step, amount.quantize(step, ROUND_HALF_UP)):f}"
