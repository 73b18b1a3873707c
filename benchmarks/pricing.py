"""Pricing in process: offers a second with adjustments, receipt and signature, from paper books."""

import time

from cambista.kernel.ids import CustomerId
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import PAIRS, USDT
from cambista.pricing import Offer, OfferRequest, Pricing
from cambista.runtime import Runtime
from cambista.venues import PaperMarket


async def offers_per_second(runtime: Runtime, pricing: Pricing, *, seconds: float, batch: int = 100) -> float:
    """Single-threaded, in batches as the house asks for them, fresh books every second."""
    market = PaperMarket(seed=1)
    pair = PAIRS["USDT/COP"].pair
    customer = CustomerId(runtime.new_id())
    began = seen = time.perf_counter()
    pricing.observe(market.books_at(runtime.now()))
    made = 0
    while (now := time.perf_counter()) - began < seconds:
        if now - seen > 1:
            pricing.observe(market.books_at(runtime.now()))
            seen = now
        wishes = [
            OfferRequest(id, customer, pair, Side.BUY if made % 2 else Side.SELL, Amount.of("25", USDT))
            for id in runtime.new_ids(batch)
        ]
        offers = await pricing.offers(wishes)
        assert all(isinstance(each, Offer) for each in offers)
        made += len(offers)
    return made / (time.perf_counter() - began)
