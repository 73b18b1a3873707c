"""Binance P2P's lists of advertisements, cleaned: who may be believed, how much can really be traded, at what price."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from statistics import median

import msgspec

from cambista.kernel.market import Level
from cambista.venues.rules import positive

ADS_MAX = 100
FILLABLE_SHARE_MIN = Decimal("0.1")
MONTH_ORDERS_MIN = 5
FINISH_RATE_MIN = 0.8
OUTLIER_SHARE_MIN = Decimal("0.01")
OUTLIER_DEVIATIONS = 6


class Terms(msgspec.Struct, rename="camel"):
    """The ad itself; amounts in fiat, quantities in the asset. `trade_type` is the advertiser's side."""

    trade_type: str
    asset: str
    fiat_unit: str
    price: str
    tradable_quantity: str | None = None
    max_single_trans_amount: str | None = None
    min_single_trans_amount: str | None = None
    dynamic_max_single_trans_amount: str | None = None
    dynamic_max_single_trans_quantity: str | None = None
    is_tradable: bool | None = None


class Advertiser(msgspec.Struct, rename="camel"):
    """Who stands behind the ad."""

    month_order_count: int | None = None
    month_finish_rate: float | None = None
    is_blocked: bool | None = None


class Ad(msgspec.Struct, rename="camel"):
    """One entry of a list. A promoted one (`privilege_type` 8) is paid for its place, not for its price."""

    adv: Terms
    advertiser: Advertiser = msgspec.field(default_factory=Advertiser)
    privilege_type: int | None = None


def levels_of_ads(
    ads: Sequence[Ad], *, asset: str, fiat: str, customer_buys: bool, dropped: Counter[str]
) -> list[Level]:
    """The believable ads as levels, best first: asks when the customer buys, else bids. Counts the others by reason."""
    believed: list[Level] = []
    wanted = ("SELL" if customer_buys else "BUY", asset, fiat)
    for ad in ads[:ADS_MAX]:
        reason = _fault(ad, wanted)
        level = _level(ad.adv) if not reason else None
        if level is None:
            dropped[reason or "malformed"] += 1
        else:
            believed.append(level)
    kept = _without_outliers(believed)
    dropped["outlier"] += len(believed) - len(kept)
    return sorted(kept, key=lambda level: level.price, reverse=not customer_buys)


def _fault(ad: Ad, wanted: tuple[str, str, str]) -> str:
    terms, advertiser = ad.adv, ad.advertiser
    if (terms.trade_type, terms.asset, terms.fiat_unit) != wanted:
        return "other_market"
    # Privilege 1 marks a merchant's shield: those stand among the best prices and are fair. 8, and whatever is new, is
    # not trusted.
    if ad.privilege_type not in (None, 1):
        return "promoted"
    if terms.is_tradable is False or advertiser.is_blocked:
        return "not_tradable"
    if advertiser.month_order_count is not None and advertiser.month_order_count < MONTH_ORDERS_MIN:
        return "advertiser"
    if advertiser.month_finish_rate is not None and advertiser.month_finish_rate < FINISH_RATE_MIN:
        return "advertiser"
    return "" if _fillable(terms) else "not_fillable"


def _fillable(terms: Terms) -> bool:
    now, least = positive(terms.dynamic_max_single_trans_amount), positive(terms.min_single_trans_amount)
    most = positive(terms.max_single_trans_amount)
    if now is None:
        return terms.dynamic_max_single_trans_amount is None
    return not (least is not None and now < least) and not (most is not None and now < most * FILLABLE_SHARE_MIN)


def _level(terms: Terms) -> Level | None:
    price, tradable = positive(terms.price), positive(terms.tradable_quantity)
    once = positive(terms.dynamic_max_single_trans_quantity)
    quantity = min((each for each in (tradable, once) if each is not None), default=None)
    return None if price is None or quantity is None else Level(price, quantity)


def _without_outliers(levels: Sequence[Level]) -> list[Level]:
    if len(levels) < 3:
        return list(levels)
    middle = median(level.price for level in levels)
    deviation = median(abs(level.price - middle) for level in levels)
    # A list of near-equal prices has a deviation of almost nothing: one per cent is never called an outlier.
    reach = max(deviation * OUTLIER_DEVIATIONS, middle * OUTLIER_SHARE_MIN)
    return [level for level in levels if abs(level.price - middle) <= reach]
