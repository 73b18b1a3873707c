"""Venues: what outside markets and publishers say, our orders there and our books of them. Schema `venues`; announces
differences between those books and a venue's own word."""

from cambista.venues.accounts import VenueAccounts
from cambista.venues.binance import (
    BinanceAccess,
    BinanceP2p,
    BinancePrices,
    BinanceTrading,
    P2pAd,
    P2pSearch,
    prices_by_method,
)
from cambista.venues.build import price_venues, rate_sources
from cambista.venues.ccxt_exchange import CcxtExchange
from cambista.venues.ccxt_trading import CcxtAccess, CcxtTrading
from cambista.venues.differences import Difference, DifferenceKind, Finding, SuspenseProposal
from cambista.venues.errors import (
    ExchangeUnknown,
    ExtraMissing,
    OutcomeUnknown,
    RatesUnavailable,
    RecordingsNotFound,
    ReplaySpeedInvalid,
    VenueAccessDenied,
    VenueOrderUnknown,
    VenuePairUnknown,
    VenueThrottled,
    VenueUnavailable,
)
from cambista.venues.events import VenueDifferenceFound
from cambista.venues.paper import PaperVenue, paper_venues
from cambista.venues.paper.exchange import PaperExchange, PaperFees, paper_book
from cambista.venues.paper.market import PaperMarket, paper_pairs
from cambista.venues.port import PriceVenue, RateSource
from cambista.venues.reference import FolderRates, HttpRates
from cambista.venues.replay import Replay, replay_events
from cambista.venues.service import Venues
from cambista.venues.settings import VenuesSettings
from cambista.venues.trading_port import (
    TimeInForce,
    TradingVenue,
    VenueBalance,
    VenueCapabilities,
    VenueFill,
    VenueOrder,
    VenueOrderState,
    VenuePairRules,
    VenueReport,
)
from cambista.venues.types import (
    Flag,
    Observation,
    RateName,
    ReferenceRate,
    SourceKind,
    VenueHealth,
    VenueState,
)

__all__ = [
    "BinanceAccess",
    "BinanceP2p",
    "BinancePrices",
    "BinanceTrading",
    "CcxtAccess",
    "CcxtExchange",
    "CcxtTrading",
    "Difference",
    "DifferenceKind",
    "ExchangeUnknown",
    "ExtraMissing",
    "Finding",
    "Flag",
    "FolderRates",
    "HttpRates",
    "Observation",
    "OutcomeUnknown",
    "P2pAd",
    "P2pSearch",
    "PaperExchange",
    "PaperFees",
    "PaperMarket",
    "PaperVenue",
    "PriceVenue",
    "RateName",
    "RateSource",
    "RatesUnavailable",
    "RecordingsNotFound",
    "ReferenceRate",
    "Replay",
    "ReplaySpeedInvalid",
    "SourceKind",
    "SuspenseProposal",
    "TimeInForce",
    "TradingVenue",
    "VenueAccessDenied",
    "VenueAccounts",
    "VenueBalance",
    "VenueCapabilities",
    "VenueDifferenceFound",
    "VenueFill",
    "VenueHealth",
    "VenueOrder",
    "VenueOrderState",
    "VenueOrderUnknown",
    "VenuePairRules",
    "VenuePairUnknown",
    "VenueReport",
    "VenueState",
    "VenueThrottled",
    "VenueUnavailable",
    "Venues",
    "VenuesSettings",
    "paper_book",
    "paper_pairs",
    "paper_venues",
    "price_venues",
    "prices_by_method",
    "rate_sources",
    "replay_events",
]
