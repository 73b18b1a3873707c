"""Trading's use cases, a file a subject."""

from cambista.trading.service.quotes import Trading

__all__ = ["Trading"]
