"""The assets and pairs the house knows: ISO 4217 digits for fiat, the house's own for crypto."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from cambista.kernel.errors import Invalid
from cambista.kernel.market import Pair
from cambista.kernel.money import Amount, Asset, AssetKind


class AssetUnknown(Invalid):
    code = "asset_unknown"
    sentence = "The house does not know this asset."


class PairUnknown(Invalid):
    code = "pair_unknown"
    sentence = "The house does not trade this pair."


def _fiat(code: str, scale: int = 2) -> Asset:
    return Asset(code, scale, AssetKind.FIAT)


def _crypto(code: str, scale: int) -> Asset:
    return Asset(code, scale, AssetKind.CRYPTO)


COP, VES, ARS, BRL, MXN, PEN, USD, EUR = (
    _fiat(code) for code in ("COP", "VES", "ARS", "BRL", "MXN", "PEN", "USD", "EUR")
)
CLP = _fiat("CLP", 0)
BOB = _fiat("BOB")
USDT, USDC = _crypto("USDT", 6), _crypto("USDC", 6)
BTC, ETH = _crypto("BTC", 8), _crypto("ETH", 8)

ASSETS: Mapping[str, Asset] = {
    asset.code: asset for asset in (COP, VES, ARS, BRL, MXN, PEN, CLP, BOB, USD, EUR, USDT, USDC, BTC, ETH)
}
REPORTING_ASSET = USD
# A hundredth of a pair's minimum is worth some thousand units or more of these.
_FINE = frozenset({COP, ARS, USDT})


@dataclass(frozen=True, slots=True)
class PairSpec:
    """How a pair trades: `tick` is the price step, `lot` the step of an order's base amount; `minimum` and `maximum`
    bound the base amount of one quote or order."""

    pair: Pair
    tick: Decimal
    minimum: Amount
    maximum: Amount
    lot: Amount
    enabled: bool = True


def _spec(base: Asset, quote: Asset, tick: str, minimum: str, maximum: str) -> PairSpec:
    """The lot is the minimum, or a hundredth of it where that is still worth many units of the quote asset."""
    least = Amount.of(minimum, base)
    lot = Amount(least.units // 100, base) if quote in _FINE and base.kind is AssetKind.CRYPTO else least
    return PairSpec(Pair(base, quote), Decimal(tick), least, Amount.of(maximum, base), lot)


PAIRS: Mapping[str, PairSpec] = {
    str(spec.pair): spec
    for spec in (
        _spec(USDT, COP, "0.01", "1", "250000"),
        _spec(USDT, VES, "0.0001", "1", "100000"),
        _spec(USDT, ARS, "0.01", "1", "100000"),
        _spec(USDT, BRL, "0.0001", "1", "250000"),
        _spec(USDT, MXN, "0.0001", "1", "250000"),
        _spec(USDT, PEN, "0.0001", "1", "100000"),
        _spec(USDT, CLP, "0.01", "1", "100000"),
        _spec(USDT, BOB, "0.0001", "1", "50000"),
        _spec(USDT, USD, "0.0001", "1", "250000"),
        _spec(USDC, USD, "0.0001", "1", "250000"),
        _spec(USD, COP, "0.01", "1", "250000"),
        _spec(EUR, COP, "0.01", "1", "100000"),
        _spec(BTC, USDT, "0.01", "0.0001", "5"),
        _spec(ETH, USDT, "0.01", "0.001", "50"),
        _spec(BTC, COP, "1", "0.0001", "5"),
        _spec(ETH, COP, "1", "0.001", "50"),
    )
}


def asset(code: object) -> Asset:
    """The asset of that code; refuses an unknown one (`asset_unknown`)."""
    found = ASSETS.get(code) if isinstance(code, str) else None
    if found is None:
        raise AssetUnknown(asset=str(code)[:16])
    return found


def pair_spec(name: object) -> PairSpec:
    """The pair named `USDT/COP` (or `USDT-COP`, as in a path); refuses an unknown one (`pair_unknown`)."""
    found = PAIRS.get(name.replace("-", "/")) if isinstance(name, str) else None
    if found is None or not found.enabled:
        raise PairUnknown(pair=str(name)[:32])
    return found
