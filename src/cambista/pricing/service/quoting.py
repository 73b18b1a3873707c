"""Quoting: wishes against the board, in memory; what all offers of a pair share is worked out once a tick."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import PairSpec, PairUnknown
from cambista.pricing.errors import NoPrice
from cambista.pricing.rules import offers, receipts
from cambista.pricing.service.board import Board
from cambista.pricing.service.signer import Signer
from cambista.pricing.settings import PricingSettings, house_pairs
from cambista.pricing.types import CurrentPrice, Offer, OfferRequest

_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Priced:
    """A pair's market with what every offer on it shares."""

    framed: offers.Frame
    damper: Decimal
    market_bytes: bytes
    terms_bytes: bytes
    shown: CurrentPrice


class Quoting:
    """Prices wishes; no I/O. Refuses as `Pricing.offers` says."""

    def __init__(self, settings: PricingSettings, signer: Signer, board: Board) -> None:
        self._settings = settings
        self._signer = signer
        self._board = board
        self._fair_terms = settings.fair_terms()
        self._priced: dict[Pair, Priced] = {}
        self.pairs = house_pairs()

    def offer(self, request: OfferRequest, now: datetime) -> Offer:
        """One signed offer."""
        priced = self.price(request.pair, now)
        framed = priced.framed
        flow = self._board.flow(request.pair, now, priced.damper)
        drafted = offers.draft(framed, request, flow)
        content = receipts.content(
            priced.market_bytes,
            priced.terms_bytes,
            offers.request_json(request, flow),
            offers.steps_json(framed, request, drafted),
        )
        sums = drafted.sums
        return Offer(
            pair=request.pair,
            side=request.side,
            price=drafted.price,
            base=sums.base,
            quote=sums.quote,
            fee=sums.fee,
            spread=offers.spread_of(request.side, sums),
            notional=drafted.notional,
            rung=framed.market.rung,
            receipt=self._signer.sign(content),
            tax=Amount(sum(tax.units for tax in sums.taxes), sums.quote.asset) if sums.taxes else None,
        )

    def price(self, pair: Pair, now: datetime) -> Priced:
        """The pair's market and what goes with it. Refuses `pair_unknown`, `no_price`."""
        spec = self.pairs.get(pair)
        if spec is None:
            raise PairUnknown(pair=str(pair))
        priced = self._find(spec, now)
        if priced is None:
            raise NoPrice(pair=str(pair))
        return priced

    def every(self, now: datetime) -> Iterator[Priced]:
        """Every pair that has a price."""
        for spec in self.pairs.values():
            priced = self._find(spec, now)
            if priced is not None:
                yield priced

    def _find(self, spec: PairSpec, now: datetime) -> Priced | None:
        market = self._board.market(spec.pair, now)
        if market is None:
            return None
        known = self._priced.get(spec.pair)
        if known is not None and known.framed.market is market:
            return known
        terms = self._settings.offer_terms(spec, market.at.date())
        try:
            framed = offers.frame(market, terms)
            shown = _shown(framed)
        except NoPrice:
            return None
        fresh = Priced(
            framed,
            terms.maximum.decimal * self._settings.flow_damper_share,
            receipts.market_fragment(market),
            receipts.terms_fragment(self._fair_terms, terms),
            shown,
        )
        self._priced[spec.pair] = fresh
        return fresh


def _shown(framed: offers.Frame) -> CurrentPrice:
    market, minimum = framed.market, framed.terms.minimum
    bid, ask = (
        offers.quote(
            framed,
            OfferRequest(_NOBODY, _NOBODY, market.pair, side, minimum),
            size=minimum.decimal,
            flow=Decimal(0),
        ).value
        for side in (Side.SELL, Side.BUY)
    )
    return CurrentPrice(
        pair=market.pair,
        bid=bid,
        ask=ask,
        mid=market.fair,
        rung=market.rung,
        observed_at=market.observed_at,
        sources=market.sources,
    )
