"""Around what the paper market moves: real daily rates, and spreads, depth and volatility measured on real markets."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Anchor:
    """An asset's level, in units per 1 USD, and its volatility in basis points a square-root minute."""

    per_usd: Decimal
    volatility_bps: float


@dataclass(frozen=True, slots=True)
class Shape:
    """A pair's books: half spreads and steps in basis points, sizes of one level in base.

    No `ads_half_bps`: no ads market.
    """

    half_bps: float
    step_bps: float
    size: float
    ads_half_bps: float | None = None
    ads_size: float = 0.0


def _anchor(per_usd: str, volatility_bps: float) -> Anchor:
    return Anchor(Decimal(per_usd), volatility_bps)


# Levels: currency-api of 2026-09-29 (units per 1 USD), except
# - VES: its official 856.795 × 1.33. P2P stood 1.33 to 1.91 times the official rate on seven dates of
#   2025-10..2026-04, last 1.33.
# - ARS: its official 1525.027 × 1.064, the crypto rate over the official one on 2026-02-21 (1457.85 / 1370).
# Volatility: BTC 8.05 bps of 1-minute returns (Binance 2024-12); USD/COP 10.2 bps of 5-minute returns in 2023-24 with
# thin bars, 2.4 between the quartiles, so 2.5 a minute; VES P2P quartiles 0.8 a minute, tails of 3.4 and beyond; BOB
# 110 a day; BRL 90, EUR 43, MXN 51 a day (ECB, last 500 days) over the square root of 1,440 minutes. PEN and CLP are
# not in the recorded data: set beside MXN.
ANCHORS: Mapping[str, Anchor] = {
    "USD": _anchor("1", 0.0),
    "COP": _anchor("3368.96109648", 2.5),
    "VES": _anchor("1139.53745885", 1.5),
    "ARS": _anchor("1622.62901039", 1.8),
    "BRL": _anchor("5.22423802", 2.4),
    "MXN": _anchor("18.00541451", 1.4),
    "PEN": _anchor("3.41601334", 1.0),
    "CLP": _anchor("967.7346811", 1.6),
    "BOB": _anchor("12.16293711", 1.5),
    "EUR": _anchor("0.88022588", 1.1),
    "USDT": _anchor("1.00052249", 0.15),
    "USDC": _anchor("1.00008178", 0.1),
    "BTC": _anchor("0.000012017405", 8.0),
    "ETH": _anchor("0.00037506498", 10.0),
}

# Binance spot, 2024-08-08: one tick of spread; BTC 24 and 100 within 5 and 25 bps of the mid, ETH 300 and 1,800.
# P2P: best ask over best bid 18 bps for BOB and 59 for USD (promoted ads left out), medians 23 bps apart for VES, 31
# between the crypto rate's two sides for ARS; an ad offers some hundreds to some thousands of USDT. Fiat books:
# assumed, beside those.
_FIAT = Shape(half_bps=8, step_bps=3, size=6_000, ads_half_bps=12, ads_size=900)
SHAPES: Mapping[str, Shape] = {
    "USDT/COP": _FIAT,
    "USDT/VES": Shape(half_bps=12, step_bps=5, size=2_500, ads_half_bps=14, ads_size=600),
    "USDT/ARS": Shape(half_bps=12, step_bps=4, size=4_000, ads_half_bps=16, ads_size=800),
    "USDT/BRL": Shape(half_bps=5, step_bps=2, size=12_000, ads_half_bps=10, ads_size=1_500),
    "USDT/MXN": Shape(half_bps=6, step_bps=2, size=8_000, ads_half_bps=12, ads_size=1_000),
    "USDT/PEN": Shape(half_bps=8, step_bps=3, size=4_000, ads_half_bps=12, ads_size=800),
    "USDT/CLP": Shape(half_bps=8, step_bps=3, size=4_000, ads_half_bps=14, ads_size=700),
    "USDT/BOB": Shape(half_bps=9, step_bps=4, size=3_000, ads_half_bps=9, ads_size=1_800),
    "USDT/USD": Shape(half_bps=1, step_bps=1, size=60_000, ads_half_bps=30, ads_size=400),
    "USDC/USD": Shape(half_bps=1, step_bps=1, size=60_000),
    "USD/COP": Shape(half_bps=3, step_bps=2, size=30_000),
    "EUR/COP": Shape(half_bps=5, step_bps=3, size=15_000),
    "BTC/USDT": Shape(half_bps=0, step_bps=2, size=8),
    "ETH/USDT": Shape(half_bps=0, step_bps=2, size=140),
}
