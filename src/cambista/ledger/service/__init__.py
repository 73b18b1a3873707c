"""The ledger's use cases."""

from cambista.ledger.service.books import Ledger

__all__ = ["Ledger"]
