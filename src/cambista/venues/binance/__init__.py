"""Binance: spot orders and live books, and people's advertisements."""

from cambista.venues.binance.p2p import BinanceP2p, P2pAd, P2pSearch, prices_by_method
from cambista.venues.binance.prices import BinancePrices
from cambista.venues.binance.rest import BinanceAccess
from cambista.venues.binance.trading import BinanceTrading

__all__ = ["BinanceAccess", "BinanceP2p", "BinancePrices", "BinanceTrading", "P2pAd", "P2pSearch", "prices_by_method"]
