"""From settings to venues and rate sources: the one list of what exists."""

from cambista.kernel.registry import PairUnknown, pair_spec
from cambista.runtime import Clock
from cambista.venues.ccxt_exchange import CcxtExchange
from cambista.venues.paper import paper_venues
from cambista.venues.paper.market import PaperMarket, paper_pairs
from cambista.venues.port import PriceVenue, RateSource
from cambista.venues.reference import PUBLISHERS, FolderRates, HttpRates
from cambista.venues.replay import Replay
from cambista.venues.settings import VenuesSettings


def price_venues(settings: VenuesSettings, clock: Clock) -> list[PriceVenue]:
    """The price venues these settings name.

    Refuses an unknown pair or exchange, a folder without recordings, a missing extra.
    """
    venues: list[PriceVenue] = []
    paper, replay = settings.paper, settings.replay
    if replay.folder is not None:
        pairs = [pair_spec(name).pair for name in replay.pairs] or None
        venues.append(Replay(replay.folder, clock=clock, speed=replay.speed, pairs=pairs, repeat=replay.repeat))
    elif paper.enabled and not settings.ccxt:
        known = {str(pair) for pair in paper_pairs()}
        for name in paper.fixed:
            if name not in known:
                raise PairUnknown("The paper market has no such pair to pin.", pair=name[:32])
        market = PaperMarket(seed=paper.seed, fixed=paper.fixed)
        venues.extend(paper_venues(market, clock=clock, interval_s=paper.interval_s))
    for each in settings.ccxt:
        pairs = [pair_spec(name).pair for name in each.pairs]
        venues.append(CcxtExchange(each.exchange, pairs, clock=clock, poll_s=each.poll_s, options=each.options))
    return venues


def rate_sources(settings: VenuesSettings, clock: Clock) -> list[RateSource]:
    """The publishers of daily rates these settings name."""
    reference = settings.reference
    sources: list[RateSource] = []
    if reference.folder is not None:
        sources.extend(FolderRates(publisher, reference.folder, clock=clock) for publisher in PUBLISHERS)
    for publisher, url in reference.urls.items():
        sources.append(HttpRates(publisher, url, clock=clock, timeout_s=reference.timeout_s))
    return sources
