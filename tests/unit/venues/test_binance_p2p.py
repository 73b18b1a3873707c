"""People's ads: the promoted, the unfillable, the unproven and the absurd are left out, and the best comes first."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import pytest

from cambista.venues.binance_p2p import Ad, Advertiser, Terms, levels_of_ads


@dataclass(frozen=True)
class Terse:
    """An ad to sell USDT for bolivianos, good unless told otherwise."""

    price: str = "11.9"
    side: str = "SELL"
    fiat: str = "BOB"
    quantity: str | None = "500"
    least: str = "100"
    most: str = "6000"
    now: str | None = "5000"
    tradable: bool | None = True
    orders: int | None = 900
    finished: float | None = 0.98
    blocked: bool = False
    privilege: int | None = None

    def ad(self) -> Ad:
        terms = Terms(
            self.side,
            "USDT",
            self.fiat,
            self.price,
            self.quantity,
            self.most,
            self.least,
            self.now,
            "400",
            self.tradable,
        )
        return Ad(terms, Advertiser(self.orders, self.finished, self.blocked), self.privilege)


def _prices(*ads: Terse, customer_buys: bool = True) -> tuple[list[str], dict[str, int]]:
    dropped: Counter[str] = Counter()
    found = levels_of_ads(
        [ad.ad() for ad in ads], asset="USDT", fiat="BOB", customer_buys=customer_buys, dropped=dropped
    )
    return [str(level.price) for level in found], {reason: count for reason, count in dropped.items() if count}


@pytest.mark.parametrize(
    ("ad", "reason"),
    [
        (Terse(privilege=8), "promoted"),
        (Terse(privilege=99), "promoted"),
        (Terse(tradable=False), "not_tradable"),
        (Terse(blocked=True), "not_tradable"),
        (Terse(orders=1), "advertiser"),
        (Terse(finished=0.5), "advertiser"),
        (Terse(now="90"), "not_fillable"),
        (Terse(most="200000", now="5000"), "not_fillable"),
        (Terse(now="x"), "not_fillable"),
        (Terse(side="BUY"), "other_market"),
        (Terse(fiat="USD"), "other_market"),
        (Terse(price="0"), "malformed"),
        (Terse(price="1e5"), "malformed"),
    ],
)
def test_an_ad_that_cannot_be_believed_is_left_out_with_its_reason(ad: Terse, reason: str) -> None:
    assert _prices(ad, Terse()) == (["11.9"], {reason: 1})


def test_a_merchants_shield_and_unknown_figures_do_not_count_against_an_ad() -> None:
    assert _prices(Terse(privilege=1, orders=None, finished=None, now=None, tradable=None)) == (["11.9"], {})


def test_a_single_absurd_price_among_agreeing_ones_is_an_outlier() -> None:
    ads = [Terse(price=price) for price in ("11.90", "11.91", "11.92", "11.93", "17.80", "3.00")]
    assert _prices(*ads) == (["11.90", "11.91", "11.92", "11.93"], {"outlier": 2})


def test_asks_rise_and_bids_fall_whatever_the_order_of_the_list() -> None:
    prices = ("11.92", "11.90", "11.91")
    assert _prices(*(Terse(price=price) for price in prices))[0] == ["11.90", "11.91", "11.92"]
    bids = (Terse(price=price, side="BUY") for price in prices)
    assert _prices(*bids, customer_buys=False)[0] == ["11.92", "11.91", "11.90"]


def test_no_more_is_offered_than_one_transaction_can_take_now() -> None:
    dropped: Counter[str] = Counter()
    ads = [Terse(quantity="90000").ad(), Terse(price="11.95", quantity="50").ad()]
    found = levels_of_ads(ads, asset="USDT", fiat="BOB", customer_buys=True, dropped=dropped)
    assert [level.quantity for level in found] == [Decimal(400), Decimal(50)]
