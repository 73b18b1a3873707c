"""Pricing at work: the service, its price board, its signer."""

from cambista.pricing.service.pricing import Pricing
from cambista.pricing.service.signer import Signer

__all__ = ["Pricing", "Signer"]
