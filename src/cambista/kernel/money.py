"""Money: a whole number of an asset's smallest unit, checked to 64 bits. `float` never enters."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cambista.kernel.errors import Invalid

UNITS_MAX = 2**63 - 1
UNITS_MIN = -(2**63)
SCALE_MAX = 8
_DECIMAL = re.compile(r"(-?)(\d{1,19})(?:\.(\d{1,18}))?", re.ASCII)
_POWERS = tuple(10**n for n in range(40))


class AmountInvalid(Invalid):
    code = "amount_invalid"
    sentence = "An amount is a decimal string or an integer."


class AmountNotExact(Invalid):
    code = "amount_not_exact"
    sentence = "The amount has more digits than the asset, or is a binary float."


class AmountOutOfRange(Invalid):
    code = "amount_out_of_range"
    sentence = "The amount does not fit in 64 bits of the asset's smallest unit."


class AmountNotPositive(Invalid):
    code = "amount_not_positive"
    sentence = "The amount must be above zero."


class AssetKind(StrEnum):
    FIAT = "fiat"
    CRYPTO = "crypto"


@dataclass(frozen=True, slots=True)
class Asset:
    """A thing that is owned; `scale` is the number of digits of its smallest unit after the point (COP 2, BTC 8)."""

    code: str
    scale: int
    kind: AssetKind

    def __post_init__(self) -> None:
        assert 0 <= self.scale <= SCALE_MAX

    def __str__(self) -> str:
        return self.code

    def __hash__(self) -> int:
        return hash(self.code)


class Rounding(StrEnum):
    """Where a remainder goes: UP away from zero, DOWN towards it. The caller names what favours the house."""

    UP = "up"
    DOWN = "down"
    HALF_EVEN = "half_even"


@dataclass(frozen=True, slots=True)
class Amount:
    """`units` smallest units of `asset`. Arithmetic refuses to leave 64 bits (`amount_out_of_range`), never wraps."""

    units: int
    asset: Asset

    def __post_init__(self) -> None:
        if not UNITS_MIN <= self.units <= UNITS_MAX:
            raise AmountOutOfRange(asset=self.asset.code)

    @classmethod
    def parse(cls, value: object, asset: Asset) -> "Amount":
        """Read `"12.50"` or `12`, exactly. Refuses floats, exponents, NaN, a `+`, and digits the asset has not."""
        if isinstance(value, float):
            raise AmountNotExact("A JSON float has already lost digits; send a decimal string.", asset=asset.code)
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise AmountInvalid(asset=asset.code)
        if isinstance(value, int):
            if not UNITS_MIN <= value <= UNITS_MAX:
                raise AmountOutOfRange(asset=asset.code)
            return cls(value * _POWERS[asset.scale], asset)
        found = _DECIMAL.fullmatch(value)
        if found is None:
            if re.fullmatch(r"-?\d{20,40}(\.\d{1,40})?|-?\d{1,19}\.\d{19,40}", value, re.ASCII):
                raise AmountOutOfRange(asset=asset.code)
            raise AmountInvalid(asset=asset.code)
        sign, whole, fraction = found.groups()
        digits = (fraction or "").rstrip("0")
        if len(digits) > asset.scale:
            raise AmountNotExact(asset=asset.code, digits_max=asset.scale)
        units = int(whole) * _POWERS[asset.scale] + int(digits.ljust(asset.scale, "0") or "0")
        return cls(-units if sign else units, asset)

    @classmethod
    def parse_positive(cls, value: object, asset: Asset) -> "Amount":
        """As `parse`, and above zero (`amount_not_positive`)."""
        amount = cls.parse(value, asset)
        if amount.units <= 0:
            raise AmountNotPositive(asset=asset.code)
        return amount

    @classmethod
    def of(cls, text: str, asset: Asset) -> "Amount":
        """A literal in code or tests: `Amount.of("1.5", USDT)`."""
        return cls.parse(text, asset)

    @property
    def text(self) -> str:
        """The wire form: a plain decimal string with exactly the asset's digits."""
        scale = self.asset.scale
        if not scale:
            return str(self.units)
        whole, fraction = divmod(abs(self.units), _POWERS[scale])
        return f"{'-' if self.units < 0 else ''}{whole}.{fraction:0{scale}d}"

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.units).scaleb(-self.asset.scale)

    def __str__(self) -> str:
        return f"{self.text} {self.asset.code}"

    def __add__(self, other: "Amount") -> "Amount":
        assert self.asset == other.asset, "amounts of two assets do not add"
        return Amount(self.units + other.units, self.asset)

    def __sub__(self, other: "Amount") -> "Amount":
        assert self.asset == other.asset, "amounts of two assets do not subtract"
        return Amount(self.units - other.units, self.asset)

    def __neg__(self) -> "Amount":
        return Amount(-self.units, self.asset)

    def __lt__(self, other: "Amount") -> bool:
        assert self.asset == other.asset, "amounts of two assets do not compare"
        return self.units < other.units

    def __le__(self, other: "Amount") -> bool:
        assert self.asset == other.asset, "amounts of two assets do not compare"
        return self.units <= other.units

    def __bool__(self) -> bool:
        return self.units != 0


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Exact integer division, `denominator` above zero, with the remainder sent where `rounding` says."""
    assert denominator > 0
    quotient, remainder = divmod(abs(numerator), denominator)
    if remainder:
        twice = 2 * remainder
        if rounding is Rounding.UP or (
            rounding is Rounding.HALF_EVEN and (twice > denominator or (twice == denominator and quotient % 2))
        ):
            quotient += 1
    return quotient if numerator >= 0 else -quotient


def scale_amount(amount: Amount, factor: Decimal, rounding: Rounding) -> Amount:
    """`amount × factor`, rounded to whole units by `rounding`; exact before that."""
    numerator, denominator = factor.as_integer_ratio()
    return Amount(divide(amount.units * numerator, denominator, rounding), amount.asset)


def to_amount(value: Decimal, asset: Asset, rounding: Rounding) -> Amount:
    """A decimal number of whole assets (not units) as an Amount, rounded by `rounding`."""
    numerator, denominator = value.as_integer_ratio()
    return Amount(divide(numerator * _POWERS[asset.scale], denominator, rounding), asset)
