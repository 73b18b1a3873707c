"""The market's words: pair, side, price, and conversion at a price."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from cambista.kernel.errors import Invalid
from cambista.kernel.money import Amount, Asset, Rounding, divide

PRICE_DIGITS_MAX = 30


class PriceInvalid(Invalid):
    code = "price_invalid"
    sentence = "A price is a decimal string above zero."


class Side(StrEnum):
    """The customer's side: `buy` = the customer receives the base asset."""

    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Pair:
    """BASE/QUOTE; its price is QUOTE per one BASE."""

    base: Asset
    quote: Asset

    def __post_init__(self) -> None:
        assert self.base != self.quote

    def __str__(self) -> str:
        return f"{self.base.code}/{self.quote.code}"

    def __hash__(self) -> int:
        return hash((self.base.code, self.quote.code))


@lru_cache(maxsize=4096)
def _ratio(value: Decimal) -> tuple[int, int]:
    return value.as_integer_ratio()


@dataclass(frozen=True, slots=True)
class Price:
    """`value` units of the pair's quote asset for one of its base asset; above zero, at most 30 digits."""

    value: Decimal
    pair: Pair

    def __post_init__(self) -> None:
        if not self.value.is_finite() or self.value <= 0:
            raise PriceInvalid(pair=str(self.pair))

    @classmethod
    def parse(cls, value: object, pair: Pair) -> "Price":
        """Read a decimal string or an integer, exactly. Refuses floats, NaN, exponents, zero and negatives."""
        if isinstance(value, bool) or not isinstance(value, (str, int)) or len(str(value)) > PRICE_DIGITS_MAX:
            raise PriceInvalid(pair=str(pair))
        text = str(value)
        if not text.isascii() or not text.replace(".", "", 1).isdigit():
            raise PriceInvalid(pair=str(pair))
        return cls(Decimal(text), pair)

    @property
    def text(self) -> str:
        return f"{self.value:f}"

    def quote_for(self, base: Amount, rounding: Rounding) -> Amount:
        """What `base` is worth in the quote asset, rounded to its smallest unit by `rounding`."""
        assert base.asset == self.pair.base
        numerator, denominator = _ratio(self.value)
        return Amount(
            divide(
                base.units * numerator * 10**self.pair.quote.scale, denominator * 10**self.pair.base.scale, rounding
            ),
            self.pair.quote,
        )

    def base_for(self, quote: Amount, rounding: Rounding) -> Amount:
        """What `quote` buys of the base asset, rounded to its smallest unit by `rounding`."""
        assert quote.asset == self.pair.quote
        numerator, denominator = _ratio(self.value)
        return Amount(
            divide(
                quote.units * denominator * 10**self.pair.base.scale, numerator * 10**self.pair.quote.scale, rounding
            ),
            self.pair.base,
        )


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a book: a price and the base quantity offered there."""

    price: Decimal
    quantity: Decimal
