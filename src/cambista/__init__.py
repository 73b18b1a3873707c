"""Cambista: a complete currency-exchange house in one package."""

__version__ = "0.1.0"
