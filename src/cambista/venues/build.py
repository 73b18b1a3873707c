"""From settings to venues and rate sources: the one list of what exists."""

import random
from collections.abc import Sequence

from pydantic import SecretStr

from cambista.kernel.market import Pair
from cambista.kernel.registry import PairUnknown, pair_spec
from cambista.runtime import Clock
from cambista.venues.binance import BinanceAccess, BinanceP2p, BinancePrices, BinanceTrading
from cambista.venues.ccxt_exchange import CcxtExchange
from cambista.venues.ccxt_trading import CcxtAccess, CcxtTrading
from cambista.venues.paper import paper_venues
from cambista.venues.paper.exchange import PaperExchange, paper_book
from cambista.venues.paper.market import PaperMarket, paper_pairs
from cambista.venues.port import PriceVenue, RateSource
from cambista.venues.reference import PUBLISHERS, FolderRates, HttpRates
from cambista.venues.replay import Replay
from cambista.venues.settings import VenuesSettings
from cambista.venues.trading_port import TradingVenue


def price_venues(settings: VenuesSettings, clock: Clock, rng: random.Random | None = None) -> list[PriceVenue]:
    """The price venues these settings name.

    Refuses an unknown pair or exchange, a folder without recordings, a missing extra.
    """
    venues: list[PriceVenue] = []
    paper, replay = settings.paper, settings.replay
    if replay.folder is not None:
        pairs = [pair_spec(name).pair for name in replay.pairs] or None
        venues.append(Replay(replay.folder, clock=clock, speed=replay.speed, pairs=pairs, repeat=replay.repeat))
    elif paper.enabled and not settings.live:
        known = {str(pair) for pair in paper_pairs()}
        for name in paper.fixed:
            if name not in known:
                raise PairUnknown("The paper market has no such pair to pin.", pair=name[:32])
        market = PaperMarket(seed=paper.seed, fixed=paper.fixed)
        venues.extend(paper_venues(market, clock=clock, interval_s=paper.interval_s))
    for each in settings.ccxt:
        pairs = [pair_spec(name).pair for name in each.pairs]
        venues.append(CcxtExchange(each.exchange, pairs, clock=clock, poll_s=each.poll_s, options=each.options))
    chance = rng or random.Random(paper.seed)  # pauses and polling only  # nosec B311
    if settings.binance.pairs:
        venues.append(BinancePrices(_access(settings), _pairs(settings.binance.pairs), clock=clock, rng=chance))
    if settings.p2p.pairs:
        pairs = _pairs(settings.p2p.pairs)
        venues.append(BinanceP2p(pairs, clock=clock, rng=chance, url=settings.p2p.url, poll_s=settings.p2p.poll_s))
    return venues


def trading_venues(settings: VenuesSettings, clock: Clock, rng: random.Random) -> list[TradingVenue]:
    """The venues that take our orders: those with a key, or the paper exchange where the market is simulated."""
    venues: list[TradingVenue] = []
    paper, binance = settings.paper, settings.binance
    if paper.enabled and not settings.live and settings.replay.folder is None:
        book = paper_book(PaperMarket(seed=paper.seed, fixed=paper.fixed))
        venues.append(PaperExchange(book, {}, clock=clock, pairs=paper_pairs()))
    if binance.pairs and binance.key and binance.secret:
        access, pairs = _access(settings), _pairs(binance.pairs)
        venues.append(BinanceTrading(access, pairs, clock=clock, rng=rng, listen_key=binance.listen_key))
    for each in settings.ccxt:
        if each.key and each.secret:
            entered = CcxtAccess(each.exchange, each.key, each.secret, each.options)
            venues.append(CcxtTrading(entered, _pairs(each.pairs), clock=clock))
    return venues


def _pairs(names: Sequence[str]) -> list[Pair]:
    return [pair_spec(name).pair for name in names]


def _access(settings: VenuesSettings) -> BinanceAccess:
    binance, nothing = settings.binance, SecretStr("")
    return BinanceAccess(
        binance.key or nothing,
        binance.secret or nothing,
        url=binance.url,
        stream_url=binance.stream_url,
        socket_api_url=binance.socket_api_url,
        recv_window_s=binance.recv_window_s,
        timeout_s=binance.timeout_s,
    )


def rate_sources(settings: VenuesSettings, clock: Clock) -> list[RateSource]:
    """The publishers of daily rates these settings name."""
    reference = settings.reference
    sources: list[RateSource] = []
    if reference.folder is not None:
        sources.extend(FolderRates(publisher, reference.folder, clock=clock) for publisher in PUBLISHERS)
    for publisher, url in reference.urls.items():
        sources.append(HttpRates(publisher, url, clock=clock, timeout_s=reference.timeout_s))
    return sources
