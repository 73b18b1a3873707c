"""Binance P2P live: search people's advertisements by amount and payment method, and listen to them as prices."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx2
import msgspec

from cambista.kernel.errors import Unavailable
from cambista.kernel.market import Level, Pair, Side
from cambista.runtime import Clock
from cambista.venues.binance_p2p import Ad, Advertiser, Terms, levels_of_ads
from cambista.venues.errors import VenueThrottled, VenueUnavailable
from cambista.venues.rules import positive
from cambista.venues.types import Observation, RateName, SourceKind

NAME = "binance_p2p"
URL = "https://p2p.binance.com"
PATH = "/bapi/c2c/v2/friendly/c2c/adv/search"
PAGE_ROWS = 20
PAGES_MAX = 5
BODY_MAX = 2 * 2**20
METHODS_MAX = 10
_FINE = "000000"


class _Method(msgspec.Struct, rename="camel"):
    identifier: str | None = None


class _Terms(Terms, rename="camel"):
    adv_no: str = ""
    trade_methods: list[_Method] = msgspec.field(default_factory=list)


class _Advertiser(Advertiser, rename="camel"):
    user_type: str | None = None
    positive_rate: Decimal | None = None


class _Listed(msgspec.Struct, rename="camel"):
    """As `Ad`, with what a search also shows."""

    adv: _Terms
    advertiser: _Advertiser = msgspec.field(default_factory=_Advertiser)
    privilege_type: int | None = None


class _Page(msgspec.Struct):
    code: str = ""
    total: int = 0
    listed: list[_Listed] | None = msgspec.field(name="data", default=None)


@dataclass(frozen=True, slots=True)
class P2pSearch:
    """What to look for. `side` is the customer's; `amount` in fiat and `methods` (the venue's names) narrow it."""

    pair: Pair
    side: Side
    amount: Decimal | None = None
    methods: tuple[str, ...] = ()
    merchants_only: bool = False
    pages: int = 1


@dataclass(frozen=True, slots=True)
class P2pAd:
    """One advertisement: price, base on offer, least and most fiat at once, ways to pay, and who stands behind it.

    `month_orders` and `finish_rate` (0 to 1) are the advertiser's last month, None where it is not told.
    """

    id: str
    price: Decimal
    quantity: Decimal
    minimum: Decimal
    maximum: Decimal
    methods: tuple[str, ...]
    merchant: bool
    month_orders: int | None
    finish_rate: Decimal | None


class BinanceP2p:
    """Ads of `pairs` (BASE/fiat), asked every `poll_s`; as prices they are cleaned like recorded ones."""

    def __init__(
        self, pairs: Collection[Pair], *, clock: Clock, rng: random.Random, url: str = URL, poll_s: float = 15.0
    ) -> None:
        self._pairs = tuple(sorted(pairs, key=str))
        self._clock = clock
        self._rng = rng
        self._url = url
        self._poll_s = poll_s
        self.dropped: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return NAME

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset(self._pairs)

    async def search(self, search: P2pSearch) -> Sequence[P2pAd]:
        """The believable ads, best price first, at most a hundred; refuses `venue_unavailable`, `venue_throttled`."""
        found = await self._listed(search)
        buys, ads = search.side is Side.BUY, []
        for listed in found:
            level = self._levels(search.pair, [listed], customer_buys=buys)
            if level:
                ads.append(_ad(listed, level[0].price, level[0].quantity))
        return sorted(ads, key=lambda ad: ad.price, reverse=not buys)

    async def observations(self) -> AsyncIterator[Sequence[Observation]]:
        while True:
            found = [each for pair in self._pairs if (each := await self._observed(pair)) is not None]
            if found:
                yield found
            await self._clock.sleep(self._poll_s * (0.9 + self._rng.random() / 5))

    async def _observed(self, pair: Pair) -> Observation | None:
        try:
            sides = [await self._listed(P2pSearch(pair, side)) for side in (Side.SELL, Side.BUY)]
        except Unavailable:
            return None  # its last word grows old, which pricing sees
        bids, asks = (
            self._levels(pair, ads, customer_buys=buys) for ads, buys in zip(sides, (False, True), strict=True)
        )
        now = self._clock.now()
        if not (bids or asks):
            return None
        return Observation(NAME, SourceKind.P2P_ADS, RateName.P2P, pair, bids, asks, now, now)

    def _levels(self, pair: Pair, listed: Sequence[_Listed], *, customer_buys: bool) -> list[Level]:
        ads = [Ad(each.adv, each.advertiser, each.privilege_type) for each in listed]
        asset, fiat = pair.base.code, pair.quote.code
        return levels_of_ads(ads, asset=asset, fiat=fiat, customer_buys=customer_buys, dropped=self.dropped)

    async def _listed(self, search: P2pSearch) -> list[_Listed]:
        found: dict[str, _Listed] = {}
        async with httpx2.AsyncClient(base_url=self._url, timeout=10.0, follow_redirects=False) as client:
            for number in range(1, min(max(search.pages, 1), PAGES_MAX) + 1):
                page = await _page(client, _question(search, number))
                listed = page.listed or []
                # A list shifts while it is read: an ad seen on two pages is one.
                found |= {each.adv.adv_no or str(len(found) + place): each for place, each in enumerate(listed)}
                if len(listed) < PAGE_ROWS or number * PAGE_ROWS >= page.total:
                    break
        return list(found.values())


def prices_by_method(ads: Sequence[P2pAd], side: Side) -> dict[str, Decimal]:
    """The best price of each way to pay; `side` is the customer's."""
    best: dict[str, Decimal] = {}
    for ad in ads:
        for method in ad.methods:
            known = best.get(method, ad.price)
            best[method] = min(known, ad.price) if side is Side.BUY else max(known, ad.price)
    return best


def _question(search: P2pSearch, number: int) -> bytes:
    return msgspec.json.encode(
        {
            "fiat": search.pair.quote.code,
            "asset": search.pair.base.code,
            "tradeType": "BUY" if search.side is Side.BUY else "SELL",
            "page": number,
            "rows": PAGE_ROWS,
            "payTypes": list(search.methods[:METHODS_MAX]),
            "countries": [],
            "publisherType": "merchant" if search.merchants_only else None,
            "transAmount": None if search.amount is None else f"{search.amount:f}",
        }
    )


async def _page(client: httpx2.AsyncClient, question: bytes) -> _Page:
    headers = {"Content-Type": "application/json"}
    try:
        async with client.stream("POST", PATH, content=question, headers=headers) as answer:
            body = await _read(answer)
    except httpx2.HTTPError as error:
        raise VenueUnavailable(venue=NAME, reason=type(error).__name__) from error
    if answer.status_code in (418, 429):
        raise VenueThrottled(venue=NAME, retry_after_s=60)
    try:
        page = msgspec.json.decode(body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VenueUnavailable(venue=NAME, reason="unreadable") from error
    if answer.status_code != httpx2.codes.OK or page.code != _FINE:
        raise VenueUnavailable(venue=NAME, reason=f"status {answer.status_code}")
    return page


async def _read(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes(65_536):
        body += part
        if len(body) > BODY_MAX:
            raise VenueUnavailable(venue=NAME, reason="too long")
    return bytes(body)


def _ad(listed: _Listed, price: Decimal, quantity: Decimal) -> P2pAd:
    terms, who = listed.adv, listed.advertiser
    most = positive(terms.dynamic_max_single_trans_amount) or positive(terms.max_single_trans_amount)
    rate = who.month_finish_rate
    return P2pAd(
        id=terms.adv_no,
        price=price,
        quantity=quantity,
        minimum=positive(terms.min_single_trans_amount) or Decimal(0),
        maximum=most or price * quantity,
        methods=tuple(each.identifier for each in terms.trade_methods if each.identifier),
        merchant=who.user_type == "merchant",
        month_orders=who.month_order_count,
        finish_rate=None if rate is None else Decimal(str(rate)),
    )
