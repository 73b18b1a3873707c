"""Reference rates: publishers of daily rates, read from files or over HTTP."""

from cambista.venues.reference.sources import PUBLISHERS, FolderRates, HttpRates

__all__ = ["PUBLISHERS", "FolderRates", "HttpRates"]
