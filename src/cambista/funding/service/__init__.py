"""Funding's use cases: deposits, withdrawals, and the door that joins them."""

from cambista.funding.service.door import Funding

__all__ = ["Funding"]
